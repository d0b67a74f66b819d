//! Messages that may have arrived already, and stanzas that the server cannot process: which stanzas have to wait, and for
//! what.

use crate::jid;
use crate::knowledge::{Greeting, Op, OutboundStanza};
use crate::xep::stanza_id;
use crate::xml::{Element, parse_stanza};

use crate::connection::output::Stage;
use crate::connection::remote::Remote;
use crate::connection::session::dedup;
use crate::connection::session::queued::{note_sent, stage_event};
use crate::connection::session::state::Session;
use crate::connection::session::suspects::is_suspect;

impl Session {
    /// Returns how many stanzas of the queue may be sent now. I4: none overtakes another.
    pub(super) fn ready(&self, remote: &Remote) -> usize {
        if self.is_waiting(remote) {
            return 0;
        }
        let is_suspect = |stanza: &OutboundStanza| is_suspect(stanza, remote);
        let queue = &remote.knowledge.queue;
        let waits = |stanza: &OutboundStanza| {
            self.archive.decides()
                && stanza.unknown
                && stanza.is_archived()
                && stanza.sent_after.is_some()
        };
        // A suspect is sent alone, so that the cause is known if the stream ends again.
        match queue.first() {
            Some(first) if is_suspect(first) && !waits(first) => {
                usize::from(self.unacked.is_empty())
            }
            _ => queue
                .iter()
                .take_while(|stanza| !waits(stanza) && !is_suspect(stanza))
                .count(),
        }
    }

    /// Returns whether a stanza that is queued before a new one has to wait.
    pub(super) fn is_held(&self, remote: &Remote) -> bool {
        !remote.knowledge.queue.is_empty() || self.is_waiting(remote)
    }

    /// Returns whether no further stanza of the app may be sent now.
    fn is_waiting(&self, remote: &Remote) -> bool {
        self.greeting == Greeting::Owed
            || self.awaits_start.is_some()
            || self.not_resent > 0
            || self.unacked.iter().any(|stanza| is_suspect(stanza, remote))
    }

    /// Processes a message of this account that is in the archive. If this device sent it, it has arrived, and needs no further
    /// action.
    pub(super) fn has_arrived(&mut self, message: &Element, remote: &mut Remote) -> bool {
        self.have_arrived(|stanza| is_copy(message, stanza), remote)
    }

    /// The same for a message of which only the start tag can be read.
    pub(super) fn has_arrived_unread(&mut self, message: &Element, remote: &mut Remote) -> bool {
        let own = remote.env.config.account.to_string();
        let is_own = |name| {
            let address = message.attr(name).map(jid::prepared_bare);
            address.is_some_and(|address| address == own)
        };
        // A message from the account to itself is also an inbound message.
        is_own("from")
            && !is_own("to")
            && self.have_arrived(|stanza| has_this_head(message, stanza), remote)
    }

    /// Returns whether this device sent it. If so, the arrival is stored, and the inbound stanza that shows it is counted.
    fn have_arrived(
        &mut self,
        is_it: impl Fn(&OutboundStanza) -> bool,
        remote: &mut Remote,
    ) -> bool {
        let queue = &mut remote.knowledge.queue;
        if let Some(at) = queue
            .iter()
            .position(|stanza| stanza.unknown && is_it(stanza))
        {
            let stanza = queue.remove(at);
            let mut ops = note_sent([&stanza], remote);
            ops.push(Op::Acked {
                base: None,
                seqs: vec![stanza.seq],
            });
            let seq = self.commit(ops, remote);
            if let Some(event) = stage_event(&stanza, Stage::Acked) {
                remote.env.event_after(Some(seq), event);
            }
            self.go_on(remote);
            return true;
        }
        let is_ours = self.unacked.iter().any(&is_it);
        if is_ours {
            self.commit(Vec::new(), remote);
        }
        is_ours
    }
}

/// Returns whether a message in the archive is this stanza. An equal id is not enough: other clients of the account choose ids,
/// too.
fn is_copy(message: &Element, stanza: &OutboundStanza) -> bool {
    let names = [message.attr("id"), stanza_id::parse_origin_id(message)];
    if !stanza.outlives_session() || !names.contains(&Some(stanza.id.as_str())) {
        return false;
    }
    match parse_stanza(&stanza.xml) {
        Some(sent) => dedup::is_same_sent(message, &sent),
        None => true,
    }
}

/// Returns whether a message in the archive, of which nothing else can be read, is this stanza: same id, same recipient. It is
/// less likely that another client of this account sent that recipient an unreadable message with an id of this client.
fn has_this_head(message: &Element, stanza: &OutboundStanza) -> bool {
    stanza.outlives_session()
        && message.attr("id") == Some(stanza.id.as_str())
        && parse_stanza(&stanza.xml)
            .is_some_and(|sent| dedup::recipient(message) == dedup::recipient(&sent))
}
