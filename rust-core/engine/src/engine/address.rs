//! Which address is dialed first: see-other-host (RFC 6120 4.9.3.19, rule T8), `location` (XEP-0198 section 5), and
//! addresses that are set back (tried last).

use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::SmSession;
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_types::endpoint::{Address, ServerAddress, ServerKey};

use crate::link::LinkError;

use super::set_back::SetBack;

/// The maximum number of redirections in a row (rule T8).
const MAX_SEE_OTHER_HOST_HOPS: u8 = 3;

/// An address that an attempt dials before it looks up the account's own servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detour {
    /// The address.
    pub address: ServerAddress,
    /// Why this address is dialed first.
    pub why: DetourReason,
}

/// Why another address is dialed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetourReason {
    /// The server ended the stream with see-other-host (RFC 6120 4.9.3.19).
    SeeOtherHost,
    /// The session to be resumed has a `location` (XEP-0198 section 5).
    Location,
}

/// The known addresses, apart from those that the resolver finds.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The address that the server redirected to.
    redirected: Option<ServerAddress>,
    hops: u8,
    /// Whether `location` was tried since the last session. If it does not respond, only the first attempt waits for
    /// it.
    pub(super) location_tried: bool,
    /// The server of the current connection, or of the previous one.
    pub(super) last_server: Option<ServerKey>,
    /// Addresses at which no login succeeded.
    pub(super) set_back: SetBack,
}

impl Addresses {
    pub(super) fn new(last_server: Option<ServerKey>) -> Self {
        Self {
            last_server,
            ..Self::default()
        }
    }

    /// Records that a session was established over this address.
    pub(super) fn arrived(&mut self, address: Address) {
        self.hops = 0;
        self.location_tried = false;
        self.set_back.worked(address);
    }

    /// Records that a connection to this server ended. T8: data that was received before TLS may come from any entity
    /// on the path.
    pub(super) fn ended(
        &mut self,
        server: &ServerKey,
        is_encrypted: bool,
        error: Option<&LinkError>,
    ) {
        self.redirected = error
            .filter(|_| is_encrypted)
            .and_then(|error| self.see_other_host(error, server.transport));
    }

    /// Returns the redirection of a see-other-host error. T8: it is followed only after TLS, at most three times in a
    /// row, and never stored. The caller knows whether the error was received over TLS.
    fn see_other_host(&mut self, error: &LinkError, transport: Transport) -> Option<ServerAddress> {
        let LinkError::Connection(ConnectionError::Stream(error)) = error else {
            return None;
        };
        let other = error.see_other_host.as_ref()?;
        if self.hops >= MAX_SEE_OTHER_HOST_HOPS {
            return None;
        }
        self.hops = self.hops.saturating_add(1);
        Some(ServerAddress::parse(other, transport))
    }

    /// Returns where an attempt that begins now dials first.
    pub(super) fn detour(&mut self, session: Option<&SmSession>, wall: UnixTime) -> Option<Detour> {
        if let Some(address) = self.redirected.take() {
            let why = DetourReason::SeeOtherHost;
            return Some(Detour { address, why });
        }
        // T8 limits one chain of redirections. If each attempt begins with a redirection, the chains must not add up.
        self.hops = 0;
        self.location(session, wall)
    }

    /// Returns where the server prefers the session to be resumed (XEP-0198 section 5).
    pub(super) fn location(
        &mut self,
        session: Option<&SmSession>,
        wall: UnixTime,
    ) -> Option<Detour> {
        if std::mem::replace(&mut self.location_tried, true) {
            return None;
        }
        let server = self.last_server.as_ref()?;
        let session = session?;
        if session.has_expired(wall) {
            return None;
        }
        let location = session.location.as_ref()?;
        Some(Detour {
            address: ServerAddress::parse(location, server.transport),
            why: DetourReason::Location,
        })
    }
}
