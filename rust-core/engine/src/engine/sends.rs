//! Stanzas that the app sends. They are accepted once they are stored, with or without a connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use snapback_proto::connection::{Command, Failure, Stage};
use snapback_proto::knowledge::{OutboundKind, WrittenStanza};
use snapback_proto::xep::history::HistoryQuery;
use snapback_proto::xml::{Element, Limit, XmlError};
use snapback_store::{NewStanza, StoreError};

use crate::link::tls::Tls;
use crate::variants::variants;

use super::asked::{Asked, Waiting};
use super::{Engine, EngineEvent, EngineOutput, RequestError, Room, Ticket};

/// Why a stanza was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The store did not accept it. A full queue empties as the server acknowledges stanzas.
    Store(StoreError),
    /// Its XML exceeds the configured size, or the limit of the server (XEP-0478). The server would end the stream
    /// because of it.
    TooBig {
        /// Its size, in bytes.
        size: usize,
        /// The maximum size, in bytes.
        limit: usize,
    },
    /// Its XML exceeds this limit: it is too deep, or has too many elements or attributes. Receivers would refuse it.
    TooComplex(Limit),
    /// Its names cannot be written as XML. The server would end the stream because of it.
    NotXml(XmlError),
}

variants!(Refusal {
    Store,
    TooBig,
    TooComplex,
    NotXml
});

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex(limit) => write!(f, "its receivers would refuse it: {limit}"),
            Self::NotXml(error) => error.fmt(f),
        }
    }
}

/// Stanzas that were passed to the connection and that no transaction contains yet.
#[derive(Debug, Default)]
pub(super) struct Sends {
    handed: Vec<Waiting>,
}

impl Sends {
    /// Returns all of them, since a transaction was requested that contains them.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.handed)
    }

    /// Accepts them when nothing has to be stored for them.
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
        let query = HistoryQuery::of(&stanza);
        self.requests.insert(id.clone(), to, query);
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
        let accepted = self.acceptable(stanza).and_then(|stanza| {
            has_room(room).map_err(Refusal::Store)?;
            Ok(stanza)
        });
        let stanza = match accepted {
            Ok(stanza) => stanza,
            Err(refusal) => return self.answer(waiting, Err(refusal)),
        };
        if is_broadcast(stanza.element()) {
            self.presence = Some(Arc::new(stanza.element().clone()));
        }
        if self.attempt.is_some() {
            self.command(Command::Send { stanza, kind });
            self.sends.handed.push(waiting);
            return;
        }
        let id = stanza.id().to_owned();
        if kind == OutboundKind::Ephemeral {
            let stage = Stage::Failed(Failure::NotOnline);
            self.event(EngineEvent::Stage { id, stage });
            return self.answer(waiting, Ok(()));
        }
        let new = NewStanza::new(kind, stanza, self.now.wall);
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

    /// Returns the stanza with its text. Checks that it is XML, and its size and complexity against the limits. Servers end the stream over a stanza that is
    /// too big for them, each time it is sent. While there is no connection, the server's limit is not known; a stanza
    /// that is too big for the next server fails there. W2: a stanza that this client would refuse to parse is refused
    /// by other receivers as well.
    pub(super) fn acceptable(&self, stanza: Element) -> Result<WrittenStanza, Refusal> {
        // This comes first, since everything after it is recursive.
        if let Some(limit) = stanza.excess(&self.core.limits) {
            return Err(Refusal::TooComplex(limit));
        }
        if let Some(error) = stanza.fault() {
            return Err(Refusal::NotXml(error));
        }
        let stanza = WrittenStanza::from(stanza);
        let size = stanza.greatest_len();
        let attempt = self.attempt.as_ref();
        let of_server = attempt.and_then(|attempt| attempt.link.max_bytes());
        let limit = of_server.map_or(self.max_stanza, |limit| limit.min(self.max_stanza));
        if size > limit {
            return Err(Refusal::TooBig { size, limit });
        }
        Ok(stanza)
    }

    /// Returns how many stanzas of the app are accepted and not stored yet.
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
                    Refusal::NotXml(error) => RequestError::NotXml(error),
                    Refusal::Store(_) => RequestError::NotQueued,
                };
                self.requests.fail(&id, error, &mut self.outputs);
            }
            (Waiting::Request(_), Ok(())) => {}
        }
    }
}

/// Checks for room in the queue. I12: a stanza that was passed to a connection already can only be refused by ending
/// the connection.
fn has_room(room: Result<Room, StoreError>) -> Result<(), StoreError> {
    let Room { is_left, limit } = room?;
    if is_left {
        Ok(())
    } else {
        Err(StoreError::QueueFull { limit })
    }
}

/// Returns whether this is broadcast presence (RFC 6121 sections 4.2, 4.4 and 4.5).
fn is_broadcast(stanza: &Element) -> bool {
    stanza.name() == "presence"
        && stanza.attr("to").is_none()
        && matches!(stanza.attr("type"), None | Some("unavailable"))
}
