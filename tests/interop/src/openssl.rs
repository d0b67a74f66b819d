//! OpenSSL's own TLS server (`openssl s_server`), in a version that has ML-KEM.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::{DOMAIN, StartError, certificate, packages};

/// A server that accepts TLS 1.3 connections one after the other, and sends nothing by itself. It ends when this is dropped.
#[derive(Debug)]
pub struct OpensslServer {
    child: Child,
    addr: SocketAddr,
    ca_pem: String,
    folder: PathBuf,
}

impl OpensslServer {
    /// Starts it with these key exchange groups, as `-groups` has them. Where it is not available this says so and returns `None`.
    ///
    /// # Panics
    ///
    /// If it should have started; with `CI` set also where it is not available.
    #[must_use]
    pub fn start_or_skip(groups: &str) -> Option<Self> {
        match Self::start(groups) {
            Ok(server) => Some(server),
            Err(StartError::Unavailable(reason)) if env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: OpenSSL 3.5 is not available here: {reason}");
                None
            }
            Err(error) => panic!("OpenSSL: {error}"),
        }
    }

    fn start(groups: &str) -> Result<Self, StartError> {
        let root = packages::unpacked(packages::OPENSSL_3_5)?;
        let folder = new_folder()?;
        let made = certificate::make(DOMAIN)?;
        for (name, text) in [("chain.pem", &made.chain), ("key.pem", &made.key)] {
            fs::write(folder.join(name), text)
                .map_err(StartError::io("writing the certificate"))?;
        }
        let mut command = openssl(&root);
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-tls1_3"])
            .args(["-cert", "chain.pem", "-key", "key.pem", "-groups", groups])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command
            .spawn()
            .map_err(StartError::io("starting OpenSSL"))?;
        let mut lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let addr = lines
            .iter_mut()
            .flatten()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        // It reports each connection, and would fail if that were not read.
        thread::spawn(move || lines.into_iter().flatten().count());
        match addr {
            Some(addr) => Ok(Self {
                child,
                addr,
                ca_pem: made.ca,
                folder,
            }),
            None => {
                end(&mut child);
                Err(StartError::NotReady {
                    what: "OpenSSL's server ended while starting",
                    log: String::new(),
                })
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The authority of its certificate, which is for [`DOMAIN`].
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        end(&mut self.child);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn new_folder() -> Result<PathBuf, StartError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("snapback-openssl-{}-{number}", std::process::id());
    let folder = env::temp_dir().join(name);
    fs::create_dir_all(&folder).map_err(StartError::io("creating a folder"))?;
    Ok(folder)
}

/// The program with its own loader and libraries, which are newer than the system's.
fn openssl(root: &Path) -> Command {
    let libraries = root.join(format!("usr/lib/{}-linux-gnu", env::consts::ARCH));
    let loader = match env::consts::ARCH {
        "x86_64" => libraries.join("ld-linux-x86-64.so.2"),
        _ => libraries.join("ld-linux-aarch64.so.1"),
    };
    let mut command = Command::new(loader);
    command
        .arg("--library-path")
        .arg(&libraries)
        .arg(root.join("usr/bin/openssl"))
        .env("OPENSSL_CONF", "/dev/null");
    command
}
