//! The states of a link: whose the bytes are in both directions, and what an end means.
//!
//! ```text
//!   Inbound:   Plain --<proceed/>, or from the start with direct TLS--> Tls
//!   Outbound:  Plain --ClientHello sent--> Handshake --TLS established--> Tls
//!   Storage:   Working --a transaction failed--> Failed
//!   End:       None --TLS failed--> Tls --reported--> Reported
//! ```

use snapback_proto::error::ConnectionError;
use snapback_tls::TlsError;
use zeroize::Zeroizing;

use super::LinkError;

/// Who reads the bytes that are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// The stream.
    Plain,
    /// TLS.
    Tls,
}

/// Who writes the bytes that are sent.
#[derive(Debug)]
pub(super) enum Outbound {
    /// The stream.
    Plain,
    /// TLS, whose handshake is in progress: what is written now is early data.
    Handshake {
        /// Which ClientHello was sent last.
        hello: Hello,
        /// The part of the early data that exceeds the ticket's limit. It follows after the handshake.
        early_rest: Zeroizing<Vec<u8>>,
    },
    /// TLS.
    Tls,
}

/// Which ClientHello was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// The first one.
    First,
    /// The one that the server requested anew.
    Second,
}

impl Outbound {
    /// Records that the ClientHello is in the output queue: what follows it belongs to TLS.
    pub(super) fn hello_sent(&mut self) {
        if let Self::Plain = self {
            *self = Self::Handshake {
                hello: Hello::First,
                early_rest: Zeroizing::default(),
            };
        }
    }

    /// Records that the ClientHello was sent again. Returns whether this was not known.
    pub(super) fn hello_repeated(&mut self) -> bool {
        match self {
            Self::Handshake { hello, .. } => {
                std::mem::replace(hello, Hello::Second) == Hello::First
            }
            Self::Plain | Self::Tls => false,
        }
    }

    /// Records the end of the handshake, and returns the early data that exceeded the ticket's limit.
    pub(super) fn established(&mut self) -> Zeroizing<Vec<u8>> {
        match std::mem::replace(self, Self::Tls) {
            Self::Handshake { early_rest, .. } => early_rest,
            Self::Plain | Self::Tls => Zeroizing::default(),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    pub(super) fn is_established(&self) -> bool {
        matches!(self, Self::Tls)
    }
}

/// Whether transactions may still be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// No transaction failed.
    Working,
    /// A transaction failed: nothing may be committed after it.
    Failed,
}

/// The end of a link.
#[derive(Debug)]
pub(super) enum End {
    /// There is none yet.
    None,
    /// TLS failed. The connection has been told, and its own end follows.
    Tls(TlsError),
    /// The end was reported: no input has an effect any more.
    Reported,
}

impl End {
    /// Records the connection's end, and returns what is reported.
    pub(super) fn report(&mut self, error: Option<ConnectionError>) -> Option<LinkError> {
        let end = std::mem::replace(self, Self::Reported);
        match (error?, end) {
            // A wrong assumption explains the failed handshake better than the TLS error does.
            (error @ ConnectionError::WrongAssumption(_), _) => Some(LinkError::Connection(error)),
            (_, Self::Tls(error)) => Some(LinkError::Tls(error)),
            (error, Self::None | Self::Reported) => Some(LinkError::Connection(error)),
        }
    }
}
