//! Which entities may learn that the client is online (RFC 6120 8.2.3, XEP-0030 section 8, XEP-0199).

use crate::jid::{BareJid, Jid};
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::xml::Element;

use crate::connection::remote::Remote;
use crate::connection::session::state::Session;

/// The maximum number of remembered addresses that were sent directed presence: an app joins rooms, but not thousands of them.
const MAX_DIRECTED: usize = 1024;

impl Session {
    /// W10: returns whether the sender of this stanza may learn that the client is online. This holds for its own account and
    /// server, the subscribers to its presence, and the entities that were sent directed presence (RFC 6121 section 4.6),
    /// including the occupants of joined rooms.
    pub(super) fn may_see_us(&self, from: Option<&str>, remote: &Remote) -> bool {
        let Some(from) = from else {
            return true;
        };
        let Ok(from) = Jid::try_from(from) else {
            return false;
        };
        let account = &remote.env.config.account;
        let bare = from.bare();
        let is_server = bare.node().is_none() && bare.domain() == account.domain();
        is_server
            || bare == account
            || remote.knowledge.watchers.contains(bare)
            || self.directed.contains(bare)
    }

    /// Records to which entities besides its subscribers the app shows its presence, or that it stops doing so.
    pub(super) fn note_directed(&mut self, stanza: &Element) {
        if stanza.name() != "presence" {
            return;
        }
        let Some(Ok(to)) = stanza.attr("to").map(Jid::try_from) else {
            if stanza.attr("to").is_none() && stanza.attr("type") == Some("unavailable") {
                self.directed.clear();
            }
            return;
        };
        let to: &BareJid = to.bare();
        match stanza.attr("type") {
            None if self.directed.len() < MAX_DIRECTED => {
                self.directed.insert(to.clone());
            }
            Some("unavailable") => {
                self.directed.remove(to);
            }
            _ => {}
        }
    }
}

/// Returns the error that the server sends in the name of an unavailable resource (RFC 6121 section 8.5.3.2.3).
pub(super) fn as_if_absent(request: &Element) -> Element {
    let error = StanzaError::new(ErrorType::Cancel, StanzaCondition::ServiceUnavailable);
    stanza::error_reply(request, &error)
}
