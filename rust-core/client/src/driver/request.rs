//! What the app asks of the driver.

use std::fmt;

use snapback_proto::connection::Command;
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::{Op, OutboundKind};
use snapback_proto::plan::Transport;
use snapback_proto::xml::Element;
use snapback_session::link::LinkError;
use snapback_session::supervisor;
use snapback_store::{NewStanza, Roster, StoreError};
use tokio::sync::oneshot;

use super::{Driver, MAX_SEE_OTHER_HOST_HOPS};
use crate::config::ServerAddress;
use crate::iq::{IqError, IqReply};

/// Something that the app wants.
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
    Confirm(String),
    Roster(oneshot::Sender<Result<Roster, StoreError>>),
    NetworkChanged {
        available: bool,
    },
    SetActive(bool),
    Suspend(oneshot::Sender<()>),
    Resume,
    ForgetFloor,
    LogOut(oneshot::Sender<()>),
}

/// Why a stanza was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The store did not take it; a full queue empties as the server acknowledges.
    Store(StoreError),
    /// It is neither a message, a presence nor an iq of `jabber:client`. The server would not count it, and from then on
    /// both sides would disagree about what was acknowledged.
    NotAStanza,
    /// The client is closed.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::NotAStanza => f.write_str("it is not a stanza"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for SendError {}

impl Driver {
    pub(super) fn request(&mut self, request: Request) {
        match request {
            Request::Connect => self.tell(supervisor::Input::Connect),
            Request::Disconnect(done) => {
                self.state.disconnected.push(done);
                self.tell(supervisor::Input::Disconnect);
                self.settle();
                self.told_disconnected();
            }
            Request::Send { stanza, kind, done } => {
                // Whoever asked may have gone; the stanza is on its way all the same.
                let _ = done.send(self.send(stanza, kind));
            }
            Request::Iq { stanza, reply } => self.iq(stanza, reply),
            Request::Confirm(id) => self.apply(&[Op::Confirm(id)]),
            Request::Roster(reply) => {
                let _ = reply.send(self.store.roster());
            }
            Request::NetworkChanged { available } => {
                self.tell(supervisor::Input::NetworkChanged { available });
            }
            Request::SetActive(active) => self.set_active(active),
            Request::Suspend(done) => {
                self.tell(supervisor::Input::Suspend);
                self.settle();
                // A phone kills a suspended app that holds a file lock. What could not be written stays unsaid to the
                // server, too, so it comes again.
                let _ = self.store.close();
                let _ = done.send(());
            }
            Request::LogOut(done) => self.log_out(done),
            Request::ForgetFloor => self.apply(&[Op::ForgetFloor]),
            Request::Resume => self.resume(),
        }
    }

    /// The store first: without it an attempt would know nothing.
    fn resume(&mut self) {
        match self.store.reopen() {
            Ok(report) if report.may_have_lost_stanzas() => {
                self.events.push(crate::event::Event::PossibleGap);
            }
            Ok(_) => {}
            Err(_) => self.events.push(crate::event::Event::Ended {
                reason: super::attempt::storage_failed(),
                plan: None,
            }),
        }
        self.tell(supervisor::Input::Resume);
    }

    fn send(&mut self, stanza: Element, kind: OutboundKind) -> Result<(), SendError> {
        let limit = self.store.queue_limit();
        let length = self.store.queue_len().map_err(SendError::Store)?;
        if length >= limit {
            return Err(SendError::Store(StoreError::QueueFull { limit }));
        }
        if self.state.attempt.is_some() {
            self.state.failed_commit = None;
            self.command(Command::Send { stanza, kind });
            self.settle_link();
            return self
                .state
                .failed_commit
                .take()
                .map_or(Ok(()), |error| Err(SendError::Store(error)));
        }
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let new = NewStanza {
            id: id.clone(),
            kind,
            queued_at: self.clock.now().wall,
            xml: stanza.to_xml(),
        };
        self.store.enqueue(new).map_err(SendError::Store)?;
        let stage = snapback_proto::connection::Stage::Queued;
        self.events.push(crate::event::Event::Stage { id, stage });
        Ok(())
    }

    fn iq(&mut self, stanza: Element, reply: IqReply) {
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let to = stanza.attr("to").map(str::to_owned);
        self.state.iqs.insert(id.clone(), to, reply);
        if self.send(stanza, OutboundKind::SessionBound).is_err() {
            self.state.iqs.fail(&id, IqError::NotQueued);
        }
    }

    fn set_active(&mut self, active: bool) {
        self.state.active = active;
        self.command(Command::SetActive(active));
        let input = if active {
            supervisor::Input::Foreground
        } else {
            supervisor::Input::Background
        };
        self.tell(input);
    }

    /// Where there was nothing to close, nothing more will be announced.
    pub(super) fn told_disconnected(&mut self) {
        if self.state.attempt.is_none() && self.state.dialing.is_none() {
            for waiting in self.state.disconnected.drain(..) {
                // Whoever asked may have stopped waiting.
                let _ = waiting.send(());
            }
        }
    }

    /// T8: only after TLS, at most three hops, never stored. The caller knows whether the error came through TLS.
    pub(super) fn see_other_host(
        &mut self,
        error: &LinkError,
        transport: Transport,
    ) -> Option<ServerAddress> {
        let LinkError::Connection(ConnectionError::Stream(error)) = error else {
            return None;
        };
        let other = error.see_other_host.as_ref()?;
        if self.state.hops >= MAX_SEE_OTHER_HOST_HOPS {
            return None;
        }
        self.state.hops = self.state.hops.saturating_add(1);
        Some(address(other, transport))
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port` (RFC 6120 4.9.3.19).
pub(super) fn address(text: &str, transport: Transport) -> ServerAddress {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok())
        }
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let default = match transport {
        Transport::DirectTls => 5223,
        Transport::StartTls => 5222,
    };
    ServerAddress {
        host: host.to_owned(),
        port: port.unwrap_or(default),
        transport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t8_see_other_host_names_a_host_or_a_host_and_a_port() {
        let table = [
            ("[2001:41D0:1:A49b::1]:9222", "2001:41D0:1:A49b::1", 9222),
            ("[2001:db8::1]", "2001:db8::1", 5222),
            ("im.example.org", "im.example.org", 5222),
            ("im.example.org:80", "im.example.org", 80),
        ];
        for (text, host, port) in table {
            let address = address(text, Transport::StartTls);
            assert_eq!((address.host.as_str(), address.port), (host, port));
        }
    }
}
