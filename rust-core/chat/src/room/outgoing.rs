//! The app's messages to a room that the room has not sent back yet (decision 0121).
//!
//! A room sends each message to its sender, too. One that it refuses because the sender is not an occupant has not been accepted, and
//! is held here until the room is joined again; then it is sent once more, unless the messages that were missed show that an earlier
//! copy of it had arrived.

use std::collections::VecDeque;

use snapback_wire::stanza::StanzaError;
use snapback_wire::xml::Element;

/// The maximum number of messages that are kept of one room, 64: a room sends each back within seconds.
const MAX_KEPT: usize = 64;
/// Their maximum size, in bytes of memory.
const MAX_MEMORY: usize = 256 * 1024;

#[derive(Debug)]
struct Sent {
    id: String,
    stanza: Element,
    memory: usize,
    /// Set while the message is held: the error with which the room refused it.
    refused: Option<StanzaError>,
    /// Whether this is its second and last attempt.
    is_repeated: bool,
}

/// The messages of a room, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Outgoing(VecDeque<Sent>);

impl Outgoing {
    /// Notes a message that is sent. Returns the held ones that are given up, since there is no room for them.
    pub(super) fn sent(&mut self, stanza: &Element) -> Vec<(String, StanzaError)> {
        let Some(id) = stanza.attr("id").filter(|id| !id.is_empty()) else {
            return Vec::new();
        };
        if self.0.iter().any(|sent| sent.id == id) {
            return Vec::new();
        }
        self.0.push_back(Sent {
            id: id.to_owned(),
            memory: stanza.memory(),
            stanza: stanza.clone(),
            refused: None,
            is_repeated: false,
        });
        let mut given_up = Vec::new();
        while self.0.len() > MAX_KEPT || self.memory() > MAX_MEMORY {
            let Some(oldest) = self.0.pop_front() else {
                break;
            };
            if let Some(error) = oldest.refused {
                given_up.push((oldest.id, error));
            }
        }
        given_up
    }

    /// Notes that the room has sent this message: it was accepted.
    pub(super) fn reflected(&mut self, id: &str) {
        self.0.retain(|sent| sent.id != id);
    }

    /// Notes that the room has refused this message. Returns whether it is held; if not, it has failed.
    pub(super) fn refused(&mut self, id: &str, error: &StanzaError) -> bool {
        let Some(at) = self.0.iter().position(|sent| sent.id == id) else {
            return false;
        };
        match self.0.get_mut(at) {
            Some(sent) if !sent.is_repeated => {
                sent.refused = Some(error.clone());
                true
            }
            _ => {
                self.0.remove(at);
                false
            }
        }
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|sent| sent.id == id)
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.reflected(id);
    }

    /// Returns the held messages, to be sent again.
    pub(super) fn release(&mut self) -> Vec<Element> {
        let held = self.0.iter_mut().filter(|sent| sent.refused.is_some());
        held.map(|sent| {
            sent.refused = None;
            sent.is_repeated = true;
            sent.stanza.clone()
        })
        .collect()
    }

    /// Returns the held messages, which have failed for good.
    pub(super) fn give_up(&mut self) -> Vec<(String, StanzaError)> {
        self.0
            .drain(..)
            .filter_map(|sent| Some((sent.id, sent.refused?)))
            .collect()
    }

    fn memory(&self) -> usize {
        self.0.iter().map(|sent| sent.memory).sum()
    }
}
