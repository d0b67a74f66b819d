//! The way back while it is not yet known that there is need of one.
//!
//! After a change of the network, or a sleep, the server is asked for a sign of life, and a dead path shows only by silence. So a
//! transport is opened beside the connection, a little later. If the server answers first, it is dropped; if it is open first, the
//! probe has failed, and the attempt that follows begins on it. There is one attempt and one session all the time: the new
//! transport carries nothing before the old connection has ended (rule I9).

use snapback_proto::connection::Command;
use snapback_proto::time::Instant;
use snapback_resolver::Endpoint;
use snapback_session::link::LinkInput;
use snapback_session::supervisor::{self, AttemptId};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Dialed, Driver};

/// A transport beside a connection that is being probed.
pub(super) struct Spare {
    /// Beside which connection.
    beside: AttemptId,
    /// When it began to be opened.
    since: Instant,
    way: Way,
}

enum Way {
    Opening(Opening),
    Open(TcpStream, Endpoint),
}

/// Whoever is dialing stops when nobody waits for it any more.
struct Opening(JoinHandle<Dialed>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Spare {
    /// Resolves when the transport is open, or will not be.
    pub(super) async fn dialed(&mut self) -> Dialed {
        match &mut self.way {
            Way::Opening(Opening(task)) => {
                task.await.unwrap_or(Err(crate::dial::DialError::TimedOut))
            }
            Way::Open(..) => std::future::pending().await,
        }
    }
}

impl Driver {
    /// Asks for a sign of life, and sees to a way back meanwhile.
    pub(super) fn probe(&mut self, beside: AttemptId, deadline: Instant) {
        self.command(Command::Probe { deadline });
        let is_probing = |attempt: &super::Attempt| attempt.link.is_probing();
        if self.state.attempt.as_ref().is_some_and(is_probing) {
            self.state.probed = Some(beside);
            self.open_spare(beside);
        }
    }

    /// Another network: what was being opened on the one before may lead nowhere.
    pub(super) fn renew_spare(&mut self) {
        if let Some(spare) = self.state.spare.take() {
            self.state.location_tried = false;
            self.open_spare(spare.beside);
        }
    }

    fn open_spare(&mut self, beside: AttemptId) {
        let head_start = self.supervisor.timing().head_start;
        let now = self.clock.now();
        let preferred = self.location(now.wall);
        let set_back = self.state.set_back.addresses(now.mono);
        let dialer = self.dialer.clone().setting_back(set_back);
        let task = tokio::spawn(async move {
            tokio::time::sleep(head_start).await;
            dialer.connect(preferred, now.wall).await
        });
        self.state.spare = Some(Spare {
            beside,
            since: now.mono + head_start,
            way: Way::Opening(Opening(task)),
        });
    }

    /// The transport is open, and there is no sign of life: the connection ends as if its time were up.
    pub(super) fn spare_dialed(&mut self, dialed: Dialed) {
        let Some(mut spare) = self.state.spare.take() else {
            return;
        };
        // The probe has its deadline still.
        let Ok((socket, endpoint)) = dialed else {
            return;
        };
        spare.way = Way::Open(socket, endpoint);
        let now = self.clock.now();
        let Some(attempt) = self.state.attempt.as_mut() else {
            return;
        };
        // Reading may be held back, or bytes just came: the answer may be here.
        attempt.transfer(now);
        if attempt.number == spare.beside && attempt.link.is_probing() {
            let deadline = now.mono;
            let command = Command::Probe { deadline };
            attempt.link.handle_input(LinkInput::Command(command), now);
            attempt.link.handle_input(LinkInput::Timeout, now);
            self.state.spare = Some(spare);
        }
    }

    /// The sign of life came: the supervisor is told, and the way back is not needed.
    pub(super) fn note_alive_again(&mut self) {
        let Some(probed) = self.state.probed else {
            return;
        };
        match &self.state.attempt {
            Some(attempt) if attempt.number == probed && attempt.link.is_probing() => {}
            Some(attempt) if attempt.number == probed => {
                self.state.probed = None;
                self.state.spare = None;
                self.state.location_tried = false;
                self.tell(supervisor::Input::Alive { attempt: probed });
            }
            // The attempt that follows it takes the way, if it is open.
            _ => self.state.probed = None,
        }
    }

    /// What an attempt that begins now finds open, and since when.
    pub(super) fn take_spare(&mut self) -> Option<(Instant, JoinHandle<Dialed>)> {
        let spare = self.state.spare.take()?;
        match spare.way {
            Way::Open(socket, endpoint) => {
                let task = tokio::spawn(std::future::ready(Ok((socket, endpoint))));
                Some((spare.since, task))
            }
            Way::Opening(_) => {
                self.state.location_tried = false;
                None
            }
        }
    }
}
