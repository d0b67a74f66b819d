//! Who may learn that we are online (RFC 6120 8.2.3, XEP-0030 section 8, XEP-0199).

use crate::jid::{BareJid, Jid};
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::xml::Element;

use crate::connection::context::Context;
use crate::connection::session::state::Session;

/// Addresses that were sent directed presence and are remembered: an app joins rooms, not thousands of them.
const MAX_DIRECTED: usize = 1024;

impl Session {
    /// W10: whether whoever sends this may learn that we are online: our own account and server, who has a subscription to
    /// our presence, who was sent directed presence (RFC 6121 section 4.6), the occupants of a room that we are in included.
    pub(super) fn may_see_us(&self, from: Option<&str>, context: &Context) -> bool {
        let Some(from) = from else {
            return true;
        };
        let Ok(from) = Jid::try_from(from) else {
            return false;
        };
        let account = &context.env.config.account;
        let bare = from.bare();
        let is_server = bare.node().is_none() && bare.domain() == account.domain();
        is_server
            || bare == account
            || context.knowledge.watchers.contains(bare)
            || self.directed.contains(bare)
    }

    /// Notes to whom the app shows its presence besides its subscribers, or that it does so no longer.
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

/// What the server says in the name of a resource that is not there (RFC 6121 section 8.5.3.2.3).
pub(super) fn as_if_absent(request: &Element) -> Element {
    let error = StanzaError::new(ErrorType::Cancel, StanzaCondition::ServiceUnavailable);
    stanza::error_reply(request, &error)
}
