//! The app's requests to the driver.

use std::collections::HashMap;
use std::fmt;

use snapback_engine::EngineInput;
use snapback_engine::engine::{
    Answer, InboundRequestId, KeyChange, KeyError, Refusal, RequestError, RespondError, Room,
    Ticket,
};
use snapback_engine::supervisor::SyncKind;
use snapback_proto::knowledge::{OutboundKind, PushRegistration};
use snapback_proto::secret::Secret;
use snapback_proto::stanza::StanzaError;
use snapback_proto::xml::{Element, Limit, XmlError};
use snapback_store::{Roster, StoreError};
use tokio::sync::{oneshot, watch};

use super::{Driver, RoomRequest};
use crate::iq::{IqError, IqReply};

/// The maximum number of requests handled in a row: a quarter of a full queue. More would keep the socket waiting.
const MAX_REQUESTS: usize = 256;

/// Takes the outcome of a change of keys.
type KeyReply = oneshot::Sender<Result<(), KeyError>>;

/// Takes the outcome of a change of what push notifications are wanted.
type PushReply = oneshot::Sender<Result<(), StoreError>>;

/// A request of the app.
pub(crate) enum Request {
    Connect,
    Disconnect(oneshot::Sender<()>),
    Send {
        stanza: Element,
        kind: OutboundKind,
        done: oneshot::Sender<Result<(), SendError>>,
    },
    Iq {
        stanza: Element,
        reply: IqReply,
    },
    /// The app's answer to a request of another entity.
    Respond {
        id: InboundRequestId,
        answer: Result<Option<Element>, StanzaError>,
        done: Option<oneshot::Sender<Result<(), RespondError>>>,
    },
    Confirm(String),
    Roster(oneshot::Sender<Result<Roster, StoreError>>),
    NetworkChanged {
        available: bool,
    },
    SetActive(bool),
    BackgroundSync(SyncKind, watch::Sender<bool>),
    Leave(Option<oneshot::Sender<()>>),
    Suspend(oneshot::Sender<()>),
    Resume,
    ForgetFloor,
    SetPassword(Secret<String>),
    ChangeKeys {
        change: KeyChange,
        done: KeyReply,
    },
    SetPush {
        wanted: Option<PushRegistration>,
        done: PushReply,
    },
    LogOut(oneshot::Sender<()>),
    Room(RoomRequest),
}

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The store refused it; a full queue empties as the server acknowledges.
    Store(StoreError),
    /// It is neither a message, a presence nor an iq of `jabber:client`. The server would not count it, and from then on
    /// both sides would disagree about what was acknowledged.
    NotAStanza,
    /// As XML it has more bytes than the configuration or the server allows (XEP-0478). The server would end the stream
    /// over it.
    TooBig {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It exceeds this limit of its receivers: too deep (60 levels of nesting at most), or of too many elements and attributes
    /// (16,128 at most, each element counted twice). They would refuse it.
    TooComplex(Limit),
    /// A name in it cannot be written as XML: of an element, of an attribute, or of a namespace. The server would end the stream
    /// over it.
    NotXml(XmlError),
    /// The client is closed.
    Closed,
}

impl From<Refusal> for SendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => Self::Store(error),
            Refusal::TooBig { size, limit } => Self::TooBig { size, limit },
            Refusal::TooComplex(limit) => Self::TooComplex(limit),
            Refusal::NotXml(error) => Self::NotXml(error),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::NotAStanza => f.write_str("it is not a stanza"),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex(limit) => write!(f, "its receivers would refuse it: {limit}"),
            Self::NotXml(error) => error.fmt(f),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for SendError {}

/// The callers that wait for answers. A caller that stopped waiting is ignored.
#[derive(Default)]
pub(super) struct Waiting {
    next_ticket: u64,
    sends: HashMap<Ticket, oneshot::Sender<Result<(), SendError>>>,
    key_changes: HashMap<Ticket, KeyReply>,
    push_changes: HashMap<Ticket, PushReply>,
    iqs: HashMap<String, IqReply>,
    responses: HashMap<InboundRequestId, oneshot::Sender<Result<(), RespondError>>>,
    disconnects: Vec<oneshot::Sender<()>>,
    log_outs: Vec<oneshot::Sender<()>>,
}

impl Waiting {
    pub(super) fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        ticket
    }

    pub(super) fn keys_changed(&mut self, ticket: Ticket, outcome: Result<(), KeyError>) {
        if let Some(done) = self.key_changes.remove(&ticket) {
            let _ = done.send(outcome);
        }
    }

    pub(super) fn push_set(&mut self, ticket: Ticket, outcome: Result<(), StoreError>) {
        if let Some(done) = self.push_changes.remove(&ticket) {
            let _ = done.send(outcome);
        }
    }

    pub(super) fn accepted(&mut self, ticket: Ticket, outcome: Result<(), Refusal>) {
        if let Some(done) = self.sends.remove(&ticket) {
            let _ = done.send(outcome.map_err(SendError::from));
        }
    }

    pub(super) fn answered(&mut self, id: &str, outcome: Result<Answer, RequestError>) {
        if let Some(reply) = self.iqs.remove(id) {
            let _ = reply.send(outcome.map_err(IqError::from));
        }
    }

    pub(super) fn responded(&mut self, id: InboundRequestId, outcome: Result<(), RespondError>) {
        if let Some(done) = self.responses.remove(&id) {
            let _ = done.send(outcome);
        }
    }

    pub(super) fn disconnected(&mut self) {
        for done in self.disconnects.drain(..) {
            let _ = done.send(());
        }
    }

    pub(super) fn logged_out(&mut self) {
        for done in self.log_outs.drain(..) {
            let _ = done.send(());
        }
    }

    /// Reports to all callers that the client is closed.
    pub(super) fn end(self) {
        for (_, reply) in self.iqs {
            let _ = reply.send(Err(IqError::Closed));
        }
    }
}

impl Driver {
    /// Handles this request and those queued after it: requests that the app makes at the same time share a
    /// transaction.
    pub(super) fn requests(&mut self, first: Request) {
        let mut confirmed = Vec::new();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(request) = next.take() {
            taken += 1;
            match request {
                Request::Send { stanza, kind, done } => self.send(stanza, kind, done),
                Request::Iq { stanza, reply } => self.iq(stanza, reply),
                Request::Confirm(id) => confirmed.push(id),
                // It may change the state that the next request depends on.
                other => {
                    self.confirm(std::mem::take(&mut confirmed));
                    self.carry_out();
                    self.request(other);
                    break;
                }
            }
            if taken < MAX_REQUESTS {
                next = self.requests.try_recv().ok();
            }
        }
        self.confirm(confirmed);
    }

    fn confirm(&mut self, deliveries: Vec<String>) {
        if !deliveries.is_empty() {
            self.input(EngineInput::Confirm(deliveries));
        }
    }

    pub(super) fn room(&mut self) -> Result<Room, StoreError> {
        Ok(Room {
            is_left: self.store.has_room(self.engine.unstored())?,
            limit: self.store.queue_limit(),
        })
    }

    fn send(
        &mut self,
        stanza: Element,
        kind: OutboundKind,
        done: oneshot::Sender<Result<(), SendError>>,
    ) {
        self.rooms.rooms.handle_sent(&stanza, self.clock.now());
        let ticket = self.waiting.ticket();
        self.waiting.sends.insert(ticket, done);
        self.store_and_send(ticket, stanza, kind);
        self.carry_out_rooms();
    }

    /// Gives a stanza to the engine, whose answer has this ticket.
    pub(super) fn store_and_send(&mut self, ticket: Ticket, stanza: Element, kind: OutboundKind) {
        let room = self.room();
        self.input(EngineInput::Send {
            ticket,
            stanza,
            kind,
            room,
        });
    }

    fn iq(&mut self, stanza: Element, reply: IqReply) {
        let iqs = &mut self.waiting.iqs;
        let gone: Vec<String> = iqs
            .extract_if(|_, reply| reply.is_closed())
            .map(|(id, _)| id)
            .collect();
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let is_in_use = iqs.contains_key(&id);
        if is_in_use {
            // A response could not be matched to one of the two.
            let _ = reply.send(Err(IqError::IdInUse));
        } else {
            iqs.insert(id, reply);
        }
        if !gone.is_empty() {
            self.input(EngineInput::RequestsAbandoned(gone));
        }
        if is_in_use {
            return;
        }
        let room = self.room();
        self.input(EngineInput::Request { stanza, room });
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Connect => self.input(EngineInput::Connect),
            Request::Disconnect(done) => {
                self.waiting.disconnects.push(done);
                self.input(EngineInput::Disconnect);
            }
            Request::Roster(reply) => {
                let _ = reply.send(self.store.roster());
            }
            Request::NetworkChanged { available } => {
                self.dialer.network_changed();
                self.input(EngineInput::NetworkChanged { available });
            }
            Request::SetActive(active) => self.input(EngineInput::SetActive(active)),
            Request::Suspend(done) => {
                self.input(EngineInput::Suspend);
                self.carry_out();
                let _ = done.send(());
            }
            Request::LogOut(done) => {
                self.waiting.log_outs.push(done);
                self.input(EngineInput::LogOut);
            }
            Request::ForgetFloor => self.input(EngineInput::ForgetFloor),
            Request::SetPassword(password) => self.input(EngineInput::SetPassword(password)),
            Request::ChangeKeys { change, done } => {
                let ticket = self.waiting.ticket();
                self.waiting.key_changes.insert(ticket, done);
                self.input(EngineInput::ChangeKeys { ticket, change });
            }
            Request::SetPush { wanted, done } => {
                let ticket = self.waiting.ticket();
                self.waiting.push_changes.insert(ticket, done);
                self.input(EngineInput::SetPush { ticket, wanted });
            }
            Request::Respond { id, answer, done } => {
                self.waiting.responses.extend(done.map(|done| (id, done)));
                self.input(EngineInput::Respond { id, answer });
            }
            Request::Resume => self.input(EngineInput::Resume),
            Request::Room(request) => self.room_request(request),
            Request::BackgroundSync(kind, begun) => {
                self.input(EngineInput::BeginSync(kind));
                self.carry_out();
                begun.send_replace(true);
            }
            Request::Leave(done) => {
                self.input(EngineInput::EndSync);
                self.carry_out();
                let _ = done.map(|done| done.send(()));
            }
            // Handled by `requests`.
            Request::Send { .. } | Request::Iq { .. } | Request::Confirm(_) => {}
        }
    }
}
