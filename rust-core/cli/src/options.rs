//! Options that several commands have: an endpoint, authorities, a password.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use snapback_client::{
    ConfigError, Secret, ServerAddress, StoreError, TlsError, Transport, Trust, danger,
};

/// The environment variable for the password. Command lines can be read by every process of the machine.
const PASSWORD_VARIABLE: &str = "SNAPBACK_PASSWORD";

/// `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// How TLS starts at an endpoint.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum How {
    /// TLS from the first byte
    Direct,
    /// A cleartext stream that is upgraded
    Starttls,
}

impl Endpoint {
    /// Returns the server at this endpoint.
    pub(crate) fn server(self, how: How) -> ServerAddress {
        let Self { host, port } = self;
        let transport = match how {
            How::Direct => Transport::DirectTls,
            How::Starttls => Transport::StartTls,
        };
        ServerAddress {
            host,
            port,
            transport,
        }
    }
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
    /// The account has another domain than the one that is probed.
    OtherDomain,
}

/// Reads the password from the file or, without one, from the environment.
pub(crate) fn password(file: Option<&Path>) -> Result<Secret<String>, OptionError> {
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

/// Returns the trust in the authorities of this file or, without one, in those of the system.
pub(crate) fn trust(ca: Option<&Path>) -> Result<Trust, OptionError> {
    let Some(path) = ca else {
        return Ok(Trust::Platform);
    };
    let roots = danger::Roots::from_pem(&read(path)?).map_err(OptionError::Trust)?;
    Ok(Trust::Roots(roots))
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, OptionError> {
    std::fs::read(path).map_err(|error| OptionError::Read(path.to_owned(), error))
}

/// Parses `host:port`, or `[v6]:port`.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
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
            Self::OtherDomain => f.write_str("--account: it has another domain"),
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
