//! What the app asks for at the same time shares a transaction.

use std::sync::Arc;

use snapback_proto::connection::{Command, Stage};
use snapback_proto::knowledge::OutboundKind;
use snapback_proto::xml::Element;
use snapback_store::{NewStanza, StoreError};
use tokio::sync::oneshot;

use super::{Driver, Request, SendError};
use crate::event::Event;
use crate::iq::IqError;

/// So many requests at most: a quarter of a full queue. More would keep the socket waiting.
const MOST_REQUESTS: usize = 256;

/// What is to be committed together.
#[derive(Default)]
struct Batch {
    /// Stanzas that were handed to the connection, and who waits for them.
    handed: Vec<Waiting>,
    confirmed: Vec<String>,
}

enum Waiting {
    Send(oneshot::Sender<Result<(), SendError>>),
    Iq(String),
}

/// Presence for everybody who may see it (RFC 6121 sections 4.2, 4.4 and 4.5).
fn is_broadcast(stanza: &Element) -> bool {
    stanza.name() == "presence"
        && stanza.attr("to").is_none()
        && matches!(stanza.attr("type"), None | Some("unavailable"))
}

impl Driver {
    /// Takes this request, and what waits behind it.
    pub(super) fn requests(&mut self, first: Request) {
        let mut batch = Batch::default();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(request) = next {
            taken += 1;
            match request {
                Request::Send { stanza, kind, done } => {
                    self.accept(stanza, kind, Waiting::Send(done), &mut batch);
                }
                Request::Iq { stanza, reply } => {
                    let id = stanza.attr("id").unwrap_or_default().to_owned();
                    let to = stanza.attr("to").map(str::to_owned);
                    self.state.iqs.insert(id.clone(), to, reply);
                    let kind = OutboundKind::SessionBound;
                    self.accept(stanza, kind, Waiting::Iq(id), &mut batch);
                }
                Request::Confirm(id) => batch.confirmed.push(id),
                // It may change what the next one meets.
                other => {
                    self.commit_batch(batch);
                    return self.request(other);
                }
            }
            let is_full = taken == MOST_REQUESTS;
            next = (!is_full).then(|| self.requests.try_recv().ok()).flatten();
        }
        self.commit_batch(batch);
    }

    fn accept(&mut self, stanza: Element, kind: OutboundKind, waiting: Waiting, batch: &mut Batch) {
        let xml = stanza.to_xml();
        let refused = self
            .is_small_enough(stanza.greatest_len())
            .err()
            .or_else(|| {
                let full = self.has_room(batch.handed.len()).err();
                full.map(SendError::Store)
            });
        if let Some(error) = refused {
            return self.answer(waiting, Err(error));
        }
        if is_broadcast(&stanza) {
            self.state.presence = Some(Arc::new(stanza.clone()));
        }
        if self.state.attempt.is_some() {
            self.command(Command::Send { stanza, kind });
            batch.handed.push(waiting);
            return;
        }
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let new = NewStanza {
            id: id.clone(),
            kind,
            queued_at: self.clock.now().wall,
            xml,
        };
        let queued = self.store.enqueue(new).map(drop);
        if queued.is_ok() {
            let stage = Stage::Queued;
            self.events.push(Event::Stage { id, stage });
        }
        self.answer(waiting, queued.map_err(SendError::Store));
    }

    /// Servers end the stream over a stanza that is too big for them, each time that it is sent. While none is connected to, its
    /// limit is not known; what is too big for the next one fails there.
    fn is_small_enough(&self, size: usize) -> Result<(), SendError> {
        let attempt = self.state.attempt.as_ref();
        let of_server = attempt.and_then(|attempt| attempt.link.max_bytes());
        let limit = of_server.map_or(self.max_stanza, |limit| limit.min(self.max_stanza));
        if size > limit {
            return Err(SendError::TooBig { size, limit });
        }
        Ok(())
    }

    /// I12: a stanza that a connection was handed already can only be refused by ending the connection.
    fn has_room(&mut self, handed: usize) -> Result<(), StoreError> {
        let limit = self.store.queue_limit();
        if !self.store.has_room(handed)? {
            return Err(StoreError::QueueFull { limit });
        }
        Ok(())
    }

    fn commit_batch(&mut self, batch: Batch) {
        if !batch.confirmed.is_empty() {
            self.confirm(batch.confirmed);
        }
        if batch.handed.is_empty() {
            return;
        }
        self.state.failed_commit = None;
        self.settle_link();
        let outcome = self.state.failed_commit.map_or(Ok(()), Err);
        for waiting in batch.handed {
            self.answer(waiting, outcome.map_err(SendError::Store));
        }
    }

    /// Whoever asked may have gone; the stanza is on its way all the same.
    fn answer(&mut self, waiting: Waiting, outcome: Result<(), SendError>) {
        match (waiting, outcome) {
            (Waiting::Send(done), outcome) => {
                let _ = done.send(outcome);
            }
            (Waiting::Iq(id), Err(SendError::TooBig { .. })) => {
                self.state.iqs.fail(&id, IqError::TooBig);
            }
            (Waiting::Iq(id), Err(_)) => self.state.iqs.fail(&id, IqError::NotQueued),
            (Waiting::Iq(_), Ok(())) => {}
        }
    }
}
