//! When the client has caught up (rule I21): everything that the server held when this connection began has arrived.
//!
//! Stanzas arrive in order (RFC 6120 section 10.1). So an answer to a request that was sent after the beginning of the session
//! follows everything that was queued until then: stanzas of the interrupted session (XEP-0198 section 5), or messages that were
//! stored while the account was offline (XEP-0160), which are sent after the first presence.
//!
//! ```text
//!  new session -----> ToAnswer: an acknowledgement, or the answer of the archive --.
//!                                                                                  v
//!  resumed session -> ToAck: an acknowledgement ---------------------------> QueueReceived --> Reported
//!                        ^        a part was sent alone                            |   the archive
//!                        '---------------------------------------------------------'   has been read
//! ```
//!
//! In a resumed session the archive's answer proves nothing: it may itself have been queued. Where nothing that was sent brings an
//! answer, one is requested as soon as the host wants to know ([`Command::AskForQueued`]): an acknowledgement, which may be
//! requested at any time as a liveness probe (rule I12).
//!
//! [`Command::AskForQueued`]: crate::connection::Command::AskForQueued

use crate::escalation::Request;

use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::state::{Session, SessionStage, Sm};

/// How much of what the server held has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaughtUp {
    /// What was queued, up to an acknowledgement or an answer of the archive.
    ToAnswer,
    /// What was queued, up to an acknowledgement.
    ToAck,
    /// What was queued has arrived.
    QueueReceived,
    /// The archive has been read, too, and that was reported.
    Reported,
}

impl Session {
    /// Requests an answer, if nothing that was sent brings one.
    pub(in crate::connection) fn ask_for_queued(&mut self, remote: &mut Remote) {
        let needs_probe = match self.caught_up {
            CaughtUp::ToAnswer => {
                !self.archive.is_planned() || self.requests.sends_later(Request::Archive)
            }
            CaughtUp::ToAck => true,
            CaughtUp::QueueReceived | CaughtUp::Reported => false,
        };
        if needs_probe
            && self.stage == SessionStage::Online
            && self.sm != Sm::Enabling
            && self.asked.is_none()
        {
            self.probe(remote);
        }
    }

    /// An acknowledgement arrived: what was queued came before it.
    pub(super) fn queue_received(&mut self) {
        if self.caught_up != CaughtUp::Reported {
            self.caught_up = CaughtUp::QueueReceived;
        }
    }

    /// The archive has answered.
    pub(super) fn queue_received_before_answer(&mut self) {
        if self.caught_up == CaughtUp::ToAnswer {
            self.caught_up = CaughtUp::QueueReceived;
        }
    }

    /// A part of the session's start is sent alone: what it makes the server send is still to come.
    pub(super) fn awaits_part(&mut self) {
        if self.caught_up != CaughtUp::Reported {
            self.caught_up = CaughtUp::ToAck;
        }
    }

    /// Reports to the app, once for each connection, that it has received everything that the server held.
    pub(in crate::connection) fn report_caught_up(&mut self, remote: &mut Remote) {
        if self.caught_up == CaughtUp::QueueReceived
            && self.stage == SessionStage::Online
            && self.archive.is_read()
            && !self.requests.sends_later(Request::Archive)
            && !self.requests.sends_later(Request::Presence)
        {
            self.caught_up = CaughtUp::Reported;
            remote.env.event_after(self.last_inbound, Event::CaughtUp);
        }
    }
}
