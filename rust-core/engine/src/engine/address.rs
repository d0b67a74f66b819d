//! Where to dial first: see-other-host (RFC 6120 4.9.3.19, rule T8), `location` (XEP-0198 section 5), and addresses that
//! are set back.

use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::SmSession;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_types::endpoint::{Address, ServerAddress, ServerKey};

use crate::link::LinkError;

use super::set_back::SetBack;

/// How many redirections are followed in a row (rule T8).
const MAX_SEE_OTHER_HOST_HOPS: u8 = 3;

/// Where an attempt dials before it asks for the account's own servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detour {
    /// The address.
    pub address: ServerAddress,
    /// Who named it.
    pub why: DetourReason,
}

/// Who named another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetourReason {
    /// The server ended the stream with see-other-host (RFC 6120 4.9.3.19).
    SeeOtherHost,
    /// The session to be resumed has a `location` (XEP-0198 section 5).
    Location,
}

/// What is known of addresses beside what the resolver finds.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The server asked to be reached here.
    redirected: Option<ServerAddress>,
    hops: u8,
    /// `location` was tried since the last session: where it is dead, only the first attempt waits for it.
    pub(super) location_tried: bool,
    /// The server of the connection, or of the one before.
    pub(super) last_server: Option<ServerKey>,
    /// Addresses that led to no login.
    pub(super) set_back: SetBack,
}

impl Addresses {
    pub(super) fn new(last_server: Option<ServerKey>) -> Self {
        Self {
            last_server,
            ..Self::default()
        }
    }

    /// A session came about over this address.
    pub(super) fn arrived(&mut self, address: Address) {
        self.hops = 0;
        self.location_tried = false;
        self.set_back.worked(address);
    }

    /// A connection to this server ended. T8: what is said before TLS, any entity on the path can say.
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

    /// T8: only after TLS, at most three hops, never stored. The caller knows whether the error came through TLS.
    fn see_other_host(&mut self, error: &LinkError, transport: Transport) -> Option<ServerAddress> {
        let LinkError::Connection(ConnectionError::Stream(error)) = error else {
            return None;
        };
        let other = error.see_other_host.as_ref()?;
        if self.hops >= MAX_SEE_OTHER_HOST_HOPS && !planted(Mistake::RedirectedForEver) {
            return None;
        }
        self.hops = self.hops.saturating_add(1);
        Some(ServerAddress::parse(other, transport))
    }

    /// Where an attempt that begins now dials first.
    pub(super) fn detour(&mut self, session: Option<&SmSession>, wall: UnixTime) -> Option<Detour> {
        if let Some(address) = self.redirected.take() {
            let why = DetourReason::SeeOtherHost;
            return Some(Detour { address, why });
        }
        // T8 bounds one chain of redirections. Where each attempt begins with one, the chains must not add up.
        self.hops = 0;
        self.location(session, wall)
    }

    /// XEP-0198 section 5: where the server prefers the session to be resumed.
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
