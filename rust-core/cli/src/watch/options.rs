//! Options of `snapback watch`, and the client configuration that they result in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{ClientConfig, Dial, Dialing, FileVault, OpenReport, SqliteStore, TcpDial};
use snapback_types::hex;

pub use crate::options::OptionError;
use crate::options::{self, Endpoint, How};

/// Stay connected to an account and print what happens, one JSON object a line
///
/// Standard input takes messages to send, one JSON object a line: {"to": "romeo@example.net", "body": "hi"}.
/// SIGINT and SIGTERM end the session cleanly. The lines are described in docs/cli.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account, as user@domain
    jid: String,

    /// Read the password from this file; without it, from the environment variable SNAPBACK_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Connect here instead of asking the DNS; the certificate must still be valid for the account's domain
    #[arg(long, value_name = "HOST:PORT", value_parser = options::endpoint)]
    endpoint: Option<Endpoint>,

    /// How TLS starts at --endpoint
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value = "direct",
        requires = "endpoint"
    )]
    transport: How,

    /// DANGER: trust certificates of the authorities in this PEM file, and of no others; for tests
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Keep state in this directory, created if it is missing; the keys that seal it are in its folder `keys`. Without it,
    /// state is kept in memory and ends with the process
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Allow the mechanism PLAIN, which shows the server the password [default: no]
    #[arg(long)]
    allow_plain: bool,

    /// Log in with TLS 1.3 early data where the server allows it; no forward secrecy against a stolen ticket key
    /// [default: no]
    #[arg(long)]
    early_data: bool,

    /// For simulated links, which cannot delay the kernel's TCP handshake: wait this many milliseconds before it
    #[arg(long, value_name = "MS", hide = true)]
    handshake: Option<u64>,
}

/// Dials after a delay.
struct LateDial(Duration);

impl Dial for LateDial {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        let wait = self.0;
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            TcpDial.dial(addr).await
        })
    }
}

impl Args {
    pub(super) fn config(&self) -> Result<ClientConfig, OptionError> {
        let password = options::password(self.password_file.as_deref())?;
        let mut config =
            ClientConfig::new(&self.jid, password.expose()).map_err(OptionError::Config)?;
        config.policy.allow_plain = self.allow_plain;
        config.policy.early_data = self.early_data;
        if let Some(endpoint) = self.endpoint.clone() {
            config.network.servers = vec![endpoint.server(self.transport)];
        }
        if let Some(wait) = self.handshake {
            config.network.dial = Arc::new(LateDial(Duration::from_millis(wait)));
        }
        config.trust = options::trust(self.ca.as_deref())?;
        if let Some(folder) = &self.state {
            config.store = Box::new(store(folder, &self.jid)?);
        }
        Ok(config)
    }
}

/// Opens one file for each account. Damage is reported on standard error; the damaged file is kept.
fn store(folder: &Path, account: &str) -> Result<SqliteStore, OptionError> {
    let vault =
        FileVault::new(folder.join("keys")).map_err(|error| OptionError::Store(error.into()))?;
    // A JID may contain characters that a file name must not.
    let name = hex::encode(account.as_bytes());
    let path = folder.join(format!("{name}.db"));
    let (store, report) = SqliteStore::open(path, account, vault).map_err(OptionError::Store)?;
    if !report.is_clean() {
        warn(&report);
    }
    Ok(store)
}

#[allow(
    clippy::print_stderr,
    reason = "a remark for the person who started the program"
)]
fn warn(report: &OpenReport) {
    eprintln!("snapback: the state was damaged: {report:?}");
}
