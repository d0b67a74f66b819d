//! A phone program that runs in the client's namespace.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use snapback_netsim::packets::tun::Namespace;

use super::{DOMAIN, PASSWORD, USER, text};

/// Runs the other arguments with these files of the system.
const WITH_FILES: &str = "mount --bind \"$0/hosts\" /etc/hosts && \
    mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec \"$@\"";

/// Ends with this.
pub(super) struct Phone {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// What it is started with.
pub(super) struct Arguments<'a> {
    pub(super) program: &'a Path,
    /// Stands for `/etc/hosts` and `/etc/resolv.conf` of the phone, in this folder.
    pub(super) system: &'a Path,
    /// A file.
    pub(super) authorities: &'a Path,
    pub(super) name_servers: &'a [SocketAddr],
    /// The name of an encrypted name server, or nothing.
    pub(super) private_dns: &'a str,
    /// The authorities of the system, a file.
    pub(super) system_authorities: Option<&'a Path>,
}

impl Phone {
    pub(super) fn start(namespace: &Namespace, with: &Arguments<'_>) -> Result<Self, String> {
        let servers: Vec<String> = with.name_servers.iter().map(ToString::to_string).collect();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", WITH_FILES])
            .arg(with.system)
            .arg(with.program)
            .args([format!("{USER}@{DOMAIN}"), PASSWORD.to_owned()])
            .arg(with.authorities)
            .args([servers.join(","), with.private_dns.to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(file) = with.system_authorities {
            command.env("SSL_CERT_FILE", file);
        }
        let mut child = namespace
            .run(|| command.spawn())
            .map_err(text)?
            .map_err(text)?;
        let missing = || "the phone has no pipe".to_owned();
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            input,
            lines,
        })
    }

    pub(super) fn tell(&mut self, what: &str) -> Result<(), String> {
        writeln!(self.input, "{what}").map_err(text)
    }

    /// Waits for this line. Returns how long that took; `None` if it takes too long.
    pub(super) fn wait(&self, what: &str, most: Duration) -> Result<Option<Duration>, String> {
        let started = Instant::now();
        loop {
            let left = most.saturating_sub(started.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == what => return Ok(Some(started.elapsed())),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err("the phone has ended".to_owned()),
            }
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
