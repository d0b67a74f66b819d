//! What the app sends: accepted once it is stored, whether or not there is a connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use snapback_proto::connection::{Command, Stage};
use snapback_proto::knowledge::OutboundKind;
use snapback_proto::xml::{Element, Limit};
use snapback_store::{NewStanza, StoreError};

use crate::link::tls::Tls;
use crate::variants::variants;

use super::storage::Asked;
use super::{Engine, EngineEvent, EngineOutput, RequestError, Room, Ticket};

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The store did not take it; a full queue empties as the server acknowledges.
    Store(StoreError),
    /// As XML it has more bytes than the configuration allows, or the server takes (XEP-0478). The server would end the stream
    /// over it.
    TooBig {
        /// How many it has.
        size: usize,
        /// How many it may have.
        limit: usize,
    },
    /// It is over this limit of those who read it: too deep, or of too many elements and attributes. They would refuse it.
    TooComplex(Limit),
}

variants!(Refusal {
    Store,
    TooBig,
    TooComplex
});

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex(limit) => write!(f, "its receivers would refuse it: {limit}"),
        }
    }
}

/// What waits until it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Send(Ticket),
    Request(String),
}

/// Stanzas that were handed to the connection and that no transaction holds yet.
#[derive(Debug, Default)]
pub(super) struct Sends {
    handed: Vec<Waiting>,
}

impl Sends {
    /// A transaction was asked for: it holds all of them.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.handed)
    }

    /// Nothing was to be stored for them.
    pub(super) fn settled(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        for waiting in self.take() {
            if let Waiting::Send(ticket) = waiting {
                let outcome = Ok(());
                outputs.push_back(EngineOutput::Accepted { ticket, outcome });
            }
        }
    }
}

impl<T: Tls + Clone> Engine<T> {
    pub(super) fn send(
        &mut self,
        ticket: Ticket,
        stanza: Element,
        kind: OutboundKind,
        room: Result<Room, StoreError>,
    ) {
        self.accept(stanza, kind, Waiting::Send(ticket), room);
    }

    pub(super) fn request(&mut self, stanza: Element, room: Result<Room, StoreError>) {
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let to = stanza.attr("to").map(str::to_owned);
        self.requests.insert(id.clone(), to);
        let kind = OutboundKind::SessionBound;
        self.accept(stanza, kind, Waiting::Request(id), room);
    }

    fn accept(
        &mut self,
        stanza: Element,
        kind: OutboundKind,
        waiting: Waiting,
        room: Result<Room, StoreError>,
    ) {
        let refused = self
            .is_acceptable(&stanza)
            .and_then(|()| has_room(room).map_err(Refusal::Store));
        if let Err(refusal) = refused {
            return self.answer(waiting, Err(refusal));
        }
        if is_broadcast(&stanza) {
            self.presence = Some(Arc::new(stanza.clone()));
        }
        if self.attempt.is_some() {
            self.command(Command::Send { stanza, kind });
            self.sends.handed.push(waiting);
            return;
        }
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let new = NewStanza {
            id: id.clone(),
            kind,
            queued_at: self.now.wall,
            xml: stanza.to_xml(),
        };
        self.ask(Asked::Enqueued { id, waiting }, EngineOutput::Enqueue(new));
    }

    pub(super) fn enqueued(
        &mut self,
        id: String,
        waiting: Waiting,
        outcome: Result<(), StoreError>,
    ) {
        if outcome.is_ok() {
            let stage = Stage::Queued;
            self.event(EngineEvent::Stage { id, stage });
        }
        self.answer(waiting, outcome.map_err(Refusal::Store));
    }

    /// Servers end the stream over a stanza that is too big for them, each time that it is sent. While none is connected to, its
    /// limit is not known; what is too big for the next one fails there. W2: what we would not read, others do not read either.
    fn is_acceptable(&self, stanza: &Element) -> Result<(), Refusal> {
        // First, for all that follows is recursive.
        if let Some(limit) = stanza.excess(&self.core.limits) {
            return Err(Refusal::TooComplex(limit));
        }
        let size = stanza.greatest_len();
        let attempt = self.attempt.as_ref();
        let of_server = attempt.and_then(|attempt| attempt.link.max_bytes());
        let limit = of_server.map_or(self.max_stanza, |limit| limit.min(self.max_stanza));
        if size > limit {
            return Err(Refusal::TooBig { size, limit });
        }
        Ok(())
    }

    /// How many stanzas of the app's are accepted and not stored yet.
    pub fn unstored(&self) -> usize {
        self.sends.handed.len() + self.transactions.enqueuing()
    }

    pub(super) fn answer(&mut self, waiting: Waiting, outcome: Result<(), Refusal>) {
        match (waiting, outcome) {
            (Waiting::Send(ticket), outcome) => {
                self.outputs
                    .push_back(EngineOutput::Accepted { ticket, outcome });
            }
            (Waiting::Request(id), Err(refusal)) => {
                let error = match refusal {
                    Refusal::TooBig { .. } => RequestError::TooBig,
                    Refusal::TooComplex(limit) => RequestError::TooComplex(limit),
                    Refusal::Store(_) => RequestError::NotQueued,
                };
                self.requests.fail(&id, error, &mut self.outputs);
            }
            (Waiting::Request(_), Ok(())) => {}
        }
    }
}

/// I12: a stanza that a connection was handed already can only be refused by ending the connection.
fn has_room(room: Result<Room, StoreError>) -> Result<(), StoreError> {
    let Room { is_left, limit } = room?;
    if is_left {
        Ok(())
    } else {
        Err(StoreError::QueueFull { limit })
    }
}

/// Presence for every entity that may see it (RFC 6121 sections 4.2, 4.4 and 4.5).
fn is_broadcast(stanza: &Element) -> bool {
    stanza.name() == "presence"
        && stanza.attr("to").is_none()
        && matches!(stanza.attr("type"), None | Some("unavailable"))
}
