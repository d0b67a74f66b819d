//! How the encrypted stream is established, and the results of TLS.

use std::fmt;

/// How TLS starts on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TLS from the first byte (XEP-0368).
    DirectTls,
    /// A cleartext stream that is upgraded with `<starttls/>` (RFC 6120 section 5).
    StartTls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DirectTls => "direct TLS",
            Self::StartTls => "STARTTLS",
        })
    }
}

/// The version of TLS that was negotiated; XEP-0515 compares it with what the server saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The fate of early data (RFC 8446 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyData {
    /// The ClientHello offered none, so none was sent.
    NotSent,
    /// The server has read it.
    Accepted,
    /// The server dropped it; it has to be sent again (rule S6).
    Rejected,
}
