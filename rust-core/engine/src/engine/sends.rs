//! What the app sends: accepted once it is stored, whether or not there is a connection.

use std::collections::VecDeque;
use std::fmt;

use snapback_proto::connection::{Command, Stage};
use snapback_proto::knowledge::OutboundKind;
use snapback_proto::xml::Element;
use snapback_store::{NewStanza, StoreError};

use crate::link::tls::Tls;

use super::storage::Asked;
use super::{Engine, EngineEvent, EngineOutput, QueueLevel, RequestError, Ticket};

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The store did not take it; a full queue empties as the server acknowledges.
    Store(StoreError),
    /// As XML it has more bytes than the configuration allows. The server would end the stream over it.
    TooBig {
        /// How many it has.
        size: usize,
        /// How many it may have.
        limit: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
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
        queue: Result<QueueLevel, StoreError>,
    ) {
        self.accept(stanza, kind, Waiting::Send(ticket), queue);
    }

    pub(super) fn request(&mut self, stanza: Element, queue: Result<QueueLevel, StoreError>) {
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let to = stanza.attr("to").map(str::to_owned);
        self.requests.insert(id.clone(), to);
        let kind = OutboundKind::SessionBound;
        self.accept(stanza, kind, Waiting::Request(id), queue);
    }

    fn accept(
        &mut self,
        stanza: Element,
        kind: OutboundKind,
        waiting: Waiting,
        queue: Result<QueueLevel, StoreError>,
    ) {
        let xml = stanza.to_xml();
        let refused = self
            .is_small_enough(xml.len())
            .and_then(|()| self.has_room(queue).map_err(Refusal::Store));
        if let Err(refusal) = refused {
            return self.answer(waiting, Err(refusal));
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
            xml,
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

    /// Servers end the stream over a stanza that is too big for them, each time that it is sent.
    fn is_small_enough(&self, size: usize) -> Result<(), Refusal> {
        let limit = self.max_stanza;
        if size > limit {
            return Err(Refusal::TooBig { size, limit });
        }
        Ok(())
    }

    /// I12: a stanza that a connection was handed already can only be refused by ending the connection.
    fn has_room(&self, queue: Result<QueueLevel, StoreError>) -> Result<(), StoreError> {
        let QueueLevel { len, limit } = queue?;
        let handed = self.sends.handed.len() + self.transactions.enqueuing();
        if len.saturating_add(handed) >= limit {
            return Err(StoreError::QueueFull { limit });
        }
        Ok(())
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
                    Refusal::Store(_) => RequestError::NotQueued,
                };
                self.requests.fail(&id, error, &mut self.outputs);
            }
            (Waiting::Request(_), Ok(())) => {}
        }
    }
}
