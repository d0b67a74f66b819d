//! Options of `snapback watch`, and the client configuration that they result in.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    ClientConfig, ConfigError, Dial, Dialing, FileVault, OpenReport, Secret, ServerAddress,
    SqliteStore, StoreError, TcpDial, TlsError, Transport, Trust, danger,
};
use snapback_types::hex;

/// The environment variable for the password. Command lines can be read by every process of the machine.
const PASSWORD_VARIABLE: &str = "SNAPBACK_PASSWORD";

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
    #[arg(long, value_name = "HOST:PORT", value_parser = endpoint)]
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

#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum How {
    /// TLS from the first byte
    Direct,
    /// A cleartext stream that is upgraded
    Starttls,
}

/// Why the options cannot be used.
#[derive(Debug)]
pub enum OptionError {
    /// There is no password.
    NoPassword,
    /// A file cannot be read.
    Read(PathBuf, io::Error),
    /// The password file is not text.
    PasswordNotText,
    /// `--ca` contains no certificates.
    Trust(TlsError),
    /// `--state` cannot be used.
    Store(StoreError),
    /// The account's address or another value is refused.
    Config(ConfigError),
}

impl Args {
    pub(super) fn config(&self) -> Result<ClientConfig, OptionError> {
        let password = password(self.password_file.as_deref())?;
        let mut config =
            ClientConfig::new(&self.jid, password.expose()).map_err(OptionError::Config)?;
        config.policy.allow_plain = self.allow_plain;
        config.policy.early_data = self.early_data;
        if let Some(Endpoint { host, port }) = self.endpoint.clone() {
            let transport = match self.transport {
                How::Direct => Transport::DirectTls,
                How::Starttls => Transport::StartTls,
            };
            config.network.servers = vec![ServerAddress {
                host,
                port,
                transport,
            }];
        }
        if let Some(wait) = self.handshake {
            config.network.dial = Arc::new(LateDial(Duration::from_millis(wait)));
        }
        if let Some(path) = &self.ca {
            let roots = danger::Roots::from_pem(&read(path)?).map_err(OptionError::Trust)?;
            config.trust = Trust::Roots(roots);
        }
        if let Some(folder) = &self.state {
            config.store = Box::new(store(folder, &self.jid)?);
        }
        Ok(config)
    }
}

fn password(file: Option<&Path>) -> Result<Secret<String>, OptionError> {
    let Some(file) = file else {
        let password = std::env::var(PASSWORD_VARIABLE).map_err(|_| OptionError::NoPassword)?;
        return Ok(Secret::new(password));
    };
    let text = String::from_utf8(read(file)?).map_err(|_| OptionError::PasswordNotText)?;
    let text = Secret::new(text);
    // Editors end the last line with a line break, which is not part of the password.
    let password = text.expose().trim_end_matches(['\r', '\n']);
    Ok(Secret::from(password))
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

fn read(path: &Path) -> Result<Vec<u8>, OptionError> {
    std::fs::read(path).map_err(|error| OptionError::Read(path.to_owned(), error))
}

/// Parses `host:port`, or `[v6]:port`.
fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
    let port = port
        .parse()
        .map_err(|_| "the port is not a number from 0 to 65535")?;
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bare {
        None if host.contains(':') => Err("an IPv6 address goes in brackets: [::1]:5223"),
        _ if bare.unwrap_or(host).is_empty() => Err("the host is missing"),
        _ => Ok(Endpoint {
            host: bare.unwrap_or(host).to_owned(),
            port,
        }),
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassword => {
                write!(
                    f,
                    "there is no password: use --password-file, or set {PASSWORD_VARIABLE}"
                )
            }
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::PasswordNotText => f.write_str("the password file does not hold UTF-8 text"),
            Self::Trust(error) => write!(f, "--ca: {error}"),
            Self::Store(error) => write!(f, "--state: {error}"),
            Self::Config(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let table = [
            ("im.example.org:5223", Some(("im.example.org", 5223))),
            ("[2001:db8::1]:443", Some(("2001:db8::1", 443))),
            ("127.0.0.1:1", Some(("127.0.0.1", 1))),
            ("2001:db8::1", None),
            ("im.example.org", None),
            ("im.example.org:", None),
            ("im.example.org:65536", None),
            (":5222", None),
            ("[]:5222", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(host, port)| Endpoint {
                host: host.to_owned(),
                port,
            });
            assert_eq!(endpoint(text).ok(), expected, "{text}");
        }
    }
}
