//! What a proxy answers instead of a way to the server.

use core::fmt;

/// Why a proxy opened no way to the server. Its texts are not kept: anyone on the path may have written them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// It requires a user and a password, and none are configured.
    CredentialsRequired,
    /// It refused the user or the password.
    CredentialsRefused,
    /// It accepts none of the ways to authenticate that this client knows.
    NoCommonMethod,
    /// SOCKS5 refused the request, with this code (RFC 1928 section 6).
    Refused(SocksRefusal),
    /// HTTP refused the request, with this status code (RFC 9110 section 9.3.6).
    Status(u16),
    /// It sent something that is no answer of its protocol.
    Malformed,
    /// It sent more header than 8 KiB.
    TooLong,
    /// It closed the connection before its answer was complete.
    Closed,
    /// Its answer was not complete in time.
    TimedOut,
    /// The name of the server, the user or the password is longer than 255 bytes, or contains what a proxy must not be sent.
    Unsendable,
}

/// The reasons of SOCKS5 (RFC 1928 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksRefusal {
    /// A failure of the proxy itself.
    General,
    /// Its rules do not allow this connection.
    NotAllowed,
    /// The network of the server cannot be reached.
    NetworkUnreachable,
    /// The server cannot be reached, or its name cannot be resolved.
    HostUnreachable,
    /// The server refused the connection.
    ConnectionRefused,
    /// A packet was forwarded too often.
    TtlExpired,
    /// It does not connect to anything.
    CommandNotSupported,
    /// It does not resolve names, or does not know IPv6.
    AddressNotSupported,
    /// Another code.
    Other(u8),
}

impl SocksRefusal {
    /// Returns the reason with this code; `None` for success.
    pub fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => return None,
            1 => Self::General,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressNotSupported,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialsRequired => f.write_str("the proxy requires a user and a password"),
            Self::CredentialsRefused => f.write_str("the proxy refused the user or the password"),
            Self::NoCommonMethod => f.write_str("the proxy accepts no known way to authenticate"),
            Self::Refused(reason) => write!(f, "the proxy refused: {reason:?}"),
            Self::Status(status) => write!(f, "the proxy answered with status {status}"),
            Self::Malformed => f.write_str("the proxy sent a malformed answer"),
            Self::TooLong => f.write_str("the proxy sent too long an answer"),
            Self::Closed => f.write_str("the proxy closed the connection"),
            Self::TimedOut => f.write_str("the proxy did not answer in time"),
            Self::Unsendable => f.write_str("a name, user or password that a proxy cannot be sent"),
        }
    }
}

impl std::error::Error for ProxyError {}
