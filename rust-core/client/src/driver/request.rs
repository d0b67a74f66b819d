//! What the app asks of the driver.

use std::fmt;
use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::connection::Command;
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::{Op, OutboundKind};
use snapback_proto::plan::Transport;
use snapback_proto::secret::Secret;
use snapback_proto::xml::Element;
use snapback_session::link::LinkError;
use snapback_session::supervisor::{self, ConnectionState, Ending, OfflineReason};
use snapback_store::{Roster, StoreError};
use tokio::sync::{oneshot, watch};

use super::{Driver, MAX_SEE_OTHER_HOST_HOPS};
use crate::config::ServerAddress;
use crate::iq::IqReply;

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
    Visit(watch::Sender<bool>),
    Leave(Option<oneshot::Sender<()>>),
    Suspend(oneshot::Sender<()>),
    Resume,
    ForgetFloor,
    SetPassword(Secret<String>),
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
    /// As XML it has more bytes than the configuration allows, or the server takes (XEP-0478). The server would end the stream
    /// over it.
    TooBig {
        /// How many it has.
        size: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The client is closed.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::NotAStanza => f.write_str("it is not a stanza"),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for SendError {}

impl Driver {
    pub(super) fn request(&mut self, request: Request) {
        match request {
            Request::Connect => self.wake(supervisor::Input::Connect),
            Request::Disconnect(done) => {
                self.state.disconnected.push(done);
                self.tell(supervisor::Input::Disconnect);
                self.settle();
                self.told_disconnected();
            }
            Request::Send { .. } | Request::Iq { .. } | Request::Confirm(_) => {
                self.requests(request);
            }
            Request::Roster(reply) => {
                let _ = reply.send(self.store.roster());
            }
            Request::NetworkChanged { available } => {
                self.dialer.network_changed();
                self.renew_spare();
                self.command(Command::PathChanged);
                self.tell(supervisor::Input::NetworkChanged { available });
            }
            Request::SetActive(active) => self.set_active(active),
            Request::Suspend(done) => {
                self.tell(supervisor::Input::Suspend);
                self.settle();
                self.close_store();
                let _ = done.send(());
            }
            Request::LogOut(done) => self.log_out(done),
            Request::ForgetFloor => {
                if let Err(error) = self.apply(&[Op::ForgetFloor]) {
                    self.store_failed(error);
                }
            }
            Request::Resume => {
                self.command(Command::PathChanged);
                self.wake(supervisor::Input::Resume);
            }
            Request::SetPassword(password) => self.set_password(password),
            Request::Visit(begun) => {
                self.state.visits = self.state.visits.saturating_add(1);
                self.command(Command::PathChanged);
                self.wake(supervisor::Input::Visit);
                self.settle();
                begun.send_replace(true);
            }
            Request::Leave(done) => {
                self.state.visits = self.state.visits.saturating_sub(1);
                if self.state.visits == 0 {
                    self.leave();
                }
                let _ = done.map(|done| done.send(()));
            }
        }
    }

    /// The store first, so that the app has what came meanwhile. Who does not get it now gets it with the next attempt.
    fn wake(&mut self, how: supervisor::Input) {
        if let Err(error) = self.open_store() {
            self.store_failed(error);
        }
        self.tell(how);
    }

    /// The last visit is over.
    fn leave(&mut self) {
        self.tell(supervisor::Input::Leave);
        self.settle();
        if self.supervisor.is_suspended() {
            self.close_store();
        }
    }

    fn set_active(&mut self, active: bool) {
        self.state.active = active;
        self.command(Command::SetActive(active));
        if active {
            self.wake(supervisor::Input::Foreground);
        } else {
            self.tell(supervisor::Input::Background);
        }
    }

    /// From the next login on. Whoever waits for nothing but credentials goes on at once.
    fn set_password(&mut self, password: Secret<String>) {
        let mut config = Config::clone(&self.config);
        config.password = Some(password);
        self.config = Arc::new(config);
        self.state.derived_keys = None;
        self.state.password_is_new = self.state.attempt.is_some();
        let needs_credentials = ConnectionState::Offline {
            reason: OfflineReason::NeedsCredentials,
            retry_at: None,
        };
        if self.supervisor.state() == needs_credentials {
            // A visit stays one.
            self.wake(match self.state.visits {
                0 => supervisor::Input::Connect,
                _ => supervisor::Input::Visit,
            });
        }
    }

    /// An attempt that was refused with the old password says nothing about the new one.
    pub(super) fn with_new_password(&mut self, ending: Ending) -> Ending {
        let is_new = std::mem::take(&mut self.state.password_is_new);
        if !is_new || !ending.needs_credentials {
            return ending;
        }
        Ending {
            retryable: true,
            at_once: true,
            needs_credentials: false,
            ..ending
        }
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
