//! The request of a test for a server, and the running server.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::certificate::{self, TestCertificate, hex};
use crate::flavour::Product;
use crate::process::{Launch, Process};
use crate::{Flavour, StartError, ejabberd, jabberd2, packages, prosody};

/// The domain that every server here serves.
pub const DOMAIN: &str = "snapback.test";

/// Another process may take a port between its choice and its use by the server: then other ports are tried.
const PORT_ATTEMPTS: u32 = 3;

/// How a server is to be configured.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    /// Which server, with which modules.
    pub flavour: Flavour,
    /// Leaves Prosody's default on, which delays small writes (`network_settings.nagle`). ejabberd has no such setting.
    pub nagle: bool,
    /// Makes Prosody accept the TLS tickets that it issues; by default it never does. ejabberd has no such setting.
    pub tickets: bool,
    /// How long a stream can be resumed after its connection was lost.
    pub resume_window_s: u32,
    /// Gives Prosody or ejabberd an upload service (XEP-0363) that hands out slots, without HTTP behind them.
    pub uploads: bool,
    /// Where it listens: an address of the network namespace that it is started in.
    pub address: Ipv4Addr,
}

impl ServerConfig {
    /// Writes are not delayed, tickets are not accepted, streams can be resumed for five minutes; on 127.0.0.1.
    #[must_use]
    pub fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            nagle: false,
            tickets: false,
            resume_window_s: 300,
            uploads: false,
            address: Ipv4Addr::LOCALHOST,
        }
    }
}

/// One of the accounts that exist on every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// `juliet@snapback.test`
    Juliet,
    /// `romeo@snapback.test`
    Romeo,
}

/// What logs an account in. The password is made anew for each server, for a server that lives as long as a test.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The bare JID.
    pub jid: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    fn make(account: Account) -> Result<Self, StartError> {
        let localpart = match account {
            Account::Juliet => "juliet",
            Account::Romeo => "romeo",
        };
        let mut random = [0_u8; 16];
        let source =
            File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random));
        source.map_err(StartError::io("reading /dev/urandom"))?;
        Ok(Self {
            jid: format!("{localpart}@{DOMAIN}"),
            password: hex(&random),
        })
    }

    pub(crate) fn localpart(&self) -> &str {
        self.jid
            .split_once('@')
            .map_or(&self.jid, |(localpart, _)| localpart)
    }
}

/// Everything that the configuration of one server is generated from.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: ServerConfig,
    pub(crate) folder: PathBuf,
    pub(crate) starttls_port: u16,
    pub(crate) direct_port: u16,
    /// The port that the processes of one server use among themselves.
    pub(crate) inner_port: u16,
    pub(crate) accounts: [Credentials; 2],
    ca_pem: String,
}

impl Site {
    fn make(config: ServerConfig) -> Result<Self, StartError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let TestCertificate { ca, chain, key } = certificate::make(DOMAIN)?;
        let [starttls_port, direct_port, inner_port] =
            free_ports().map_err(StartError::io("looking for free ports"))?;
        let site = Self {
            config,
            folder: env::temp_dir()
                .join(format!("snapback-interop-{}-{number}", std::process::id())),
            starttls_port,
            direct_port,
            inner_port,
            accounts: [
                Credentials::make(Account::Juliet)?,
                Credentials::make(Account::Romeo)?,
            ],
            ca_pem: ca,
        };
        fs::create_dir(&site.folder).map_err(StartError::io(format!(
            "creating {}",
            site.folder.display()
        )))?;
        let files = [
            (site.chain_path(), &chain),
            (site.key_path(), &key),
            (site.folder.join("ca.pem"), &site.ca_pem),
        ];
        for (path, text) in files {
            fs::write(&path, text)
                .map_err(StartError::io(format!("writing {}", path.display())))?;
        }
        Ok(site)
    }

    pub(crate) fn chain_path(&self) -> PathBuf {
        self.folder.join("chain.pem")
    }

    pub(crate) fn key_path(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.starttls_port, self.direct_port]
            .map(|port| SocketAddr::from((self.config.address, port)))
    }

    fn prepare(&self) -> Result<Launch, StartError> {
        match self.config.flavour.product() {
            Product::Prosody => prosody::prepare(self),
            Product::Ejabberd => ejabberd::prepare(self),
            Product::Jabberd2 => jabberd2::prepare(self),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A server of the test's own; it ends when this is dropped.
#[derive(Debug)]
pub struct RunningServer {
    // Fields are dropped in this order: the process must be gone before its folder is.
    process: Option<Process>,
    launch: Launch,
    site: Site,
}

/// Installs (once per machine), configures and starts a server, and waits until it is ready.
pub fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
    let mut attempts_left = PORT_ATTEMPTS;
    loop {
        attempts_left -= 1;
        let site = Site::make(config)?;
        let launch = site.prepare()?;
        match Process::start(&launch, &site.folder, &site.addresses()) {
            Ok(process) => {
                return Ok(RunningServer {
                    process: Some(process),
                    launch,
                    site,
                });
            }
            Err(StartError::NotReady { .. }) if attempts_left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// [`start`] for tests: where the server is [unavailable](StartError::Unavailable) it prints so and returns `None`.
///
/// # Panics
///
/// If the server should have started, and with `CI` set also if it is unavailable: there nothing is skipped.
#[must_use]
pub fn start_or_skip(config: ServerConfig) -> Option<RunningServer> {
    match start(config) {
        Ok(server) => Some(server),
        Err(StartError::Unavailable(reason)) if env::var_os("CI").is_none() => {
            eprintln!(
                "SKIPPED: {:?} is not available here: {reason}",
                config.flavour
            );
            None
        }
        Err(error) => panic!("{:?}: {error}", config.flavour),
    }
}

/// Installs all servers into the user's cache folder, if they are not there yet.
pub fn install() -> Result<(), StartError> {
    for set in packages::ALL {
        packages::unpacked(set)?;
    }
    Ok(())
}

impl RunningServer {
    /// Which server it is.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.site.config.flavour
    }

    /// Returns the address of connections that begin in clear and upgrade with STARTTLS.
    #[must_use]
    pub fn starttls_addr(&self) -> SocketAddr {
        let [starttls, _] = self.site.addresses();
        starttls
    }

    /// Where it accepts direct TLS.
    #[must_use]
    pub fn direct_addr(&self) -> SocketAddr {
        let [_, direct] = self.site.addresses();
        direct
    }

    /// The domain it serves, and has a certificate for.
    #[must_use]
    pub fn domain(&self) -> &'static str {
        DOMAIN
    }

    /// The certificate authority that a client must trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.site.ca_pem
    }

    /// What logs the account in.
    #[must_use]
    pub fn account(&self, account: Account) -> &Credentials {
        let [juliet, romeo] = &self.site.accounts;
        match account {
            Account::Juliet => juliet,
            Account::Romeo => romeo,
        }
    }

    /// Ends the server in its orderly way and starts it again with the same ports, accounts and data.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.process.take().into_iter().for_each(Process::stop);
        let process = Process::start(&self.launch, &self.site.folder, &self.site.addresses())?;
        self.process = Some(process);
        Ok(())
    }

    /// The same, but while it is down everything in its message archive goes, as after the time that it keeps messages.
    ///
    /// # Panics
    ///
    /// If this is no Prosody: others keep their archives in files that hold more than that.
    pub fn restart_with_empty_archive(&mut self) -> Result<(), StartError> {
        assert_eq!(self.flavour().product(), Product::Prosody);
        self.process.take().into_iter().for_each(Process::stop);
        let archive = prosody::archive(&self.site);
        fs::remove_dir_all(&archive)
            .map_err(StartError::io(format!("emptying {}", archive.display())))?;
        self.restart()
    }

    /// Runs `prosodyctl` with these arguments.
    ///
    /// # Panics
    ///
    /// If this is no Prosody.
    pub fn prosodyctl(&self, arguments: &[&str]) -> Result<(), StartError> {
        assert_eq!(
            self.flavour().product(),
            Product::Prosody,
            "others have no prosodyctl"
        );
        prosody::control(&self.site, arguments)
    }

    /// The end of what the server printed; shown by itself when a test fails.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.process
            .as_ref()
            .map(Process::log_tail)
            .unwrap_or_default()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "{:?}'s log ends:\n{}",
                self.site.config.flavour,
                self.log_tail()
            );
        }
    }
}

/// Returns ports on which nothing listens at present.
fn free_ports<const COUNT: usize>() -> std::io::Result<[u16; COUNT]> {
    // All are bound before one is released, so that they differ.
    let mut bound = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        bound.push(listener);
    }
    Ok(ports)
}
