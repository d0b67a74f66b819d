//! Where the next connection goes: a server may name another host, in a stream error or with the session it gave.

use snapback_engine::link::LinkError;
use snapback_engine::link::tls::Tls;
use snapback_proto::error::ConnectionError;

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;
use crate::setup::{DOMAIN, OTHER_HOST};

use super::{Attempt, Phone};

/// T8: as in the driver.
const MOST_HOPS: u8 = 3;

/// A host to try before the usual one.
#[derive(Debug, Default)]
pub(super) struct Address {
    /// The host of the connection, or of the one before.
    pub(super) host: Destination,
    /// The server asked to be reached there.
    redirected: Option<Destination>,
    /// Redirections that were followed in a row.
    hops: u8,
    /// `location` was tried since the last session.
    pub(super) location_tried: bool,
}

/// The two names of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Destination {
    #[default]
    Usual,
    Other,
}

impl Destination {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usual => DOMAIN,
            Self::Other => OTHER_HOST,
        }
    }

    fn named(name: &str) -> Self {
        if name == OTHER_HOST {
            Self::Other
        } else {
            Self::Usual
        }
    }
}

impl<T: Tls + Clone> Phone<T> {
    /// Where to dial first.
    pub(super) fn preferred(&mut self, coverage: &mut Coverage, now: Time) -> Destination {
        if let Some(host) = self.address.redirected.take() {
            coverage.event("see-other-host");
            return host;
        }
        self.address.hops = 0;
        let location = self.location(now);
        if location.is_some() {
            coverage.event("location");
        }
        location.unwrap_or_default()
    }

    /// XEP-0198 section 5: where the server prefers the session to be resumed.
    pub(super) fn location(&mut self, now: Time) -> Option<Destination> {
        if std::mem::replace(&mut self.address.location_tried, true) {
            return None;
        }
        let session = self.storage.store().session().ok()??;
        if session.has_expired(self.clock.now(now).wall) {
            return None;
        }
        session.location.as_deref().map(Destination::named)
    }

    /// T8: only after TLS, at most three in a row.
    pub(super) fn see_other_host(
        &mut self,
        attempt: &Attempt<T>,
        error: Option<&LinkError>,
        model: &mut Model,
        coverage: &mut Coverage,
    ) {
        let Some(LinkError::Connection(ConnectionError::Stream(error))) = error else {
            return;
        };
        let Some(other) = error.see_other_host.as_deref() else {
            return;
        };
        if attempt.link.timeline().tls.is_none() {
            return;
        }
        if !attempt.wire.redirected {
            model.broken("T8", || "the server sent nobody elsewhere".to_owned());
        }
        if self.address.hops >= MOST_HOPS {
            return coverage.event("see-other-host once too often");
        }
        self.address.hops += 1;
        self.address.redirected = Some(Destination::named(other));
    }

    pub(super) fn arrived(&mut self) {
        self.address.hops = 0;
        self.address.location_tried = false;
    }
}
