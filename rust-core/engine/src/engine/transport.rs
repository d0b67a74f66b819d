//! Attempts: from a transport to a session, and to the end of it.

use std::sync::Arc;

use snapback_proto::connection::{Command, Event, Failure, Outcome, Stage, Start, Timer};
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::{Delivery, Knowledge, Op, StanzaName};
use snapback_proto::stanza::StanzaError;
use snapback_proto::time::{Instant, Now};
use snapback_store::ServerKey;
use snapback_types::endpoint::Endpoint;

use crate::link::tls::Tls;
use crate::link::{Link, LinkConfig, LinkError, LinkInput, LinkOutput, LinkPhase};
use crate::supervisor::{self, AfterEnd, AttemptId, AttemptPhase, Halt, Pace, Verdict, Wait};

use super::asked::{Asked, Attempted};
use super::candidates::DialInput;
use super::set_back::Reached;
use super::storage;
use super::{Address, DialReport, EndReason, Engine, EngineEvent, EngineOutput, RequestError};

/// An attempt that has a connection.
#[derive(Debug)]
pub(super) struct Attempt<T: Tls> {
    pub(super) number: AttemptId,
    pub(super) link: Link<T>,
    pub(super) server: ServerKey,
    /// The address that the transport is connected to.
    pub(super) address: Address,
    pub(super) progress: Progress,
    pub(super) deadline: Option<(Instant, Timer)>,
    /// The link's next output, read while transactions were collected.
    pub(super) next: Option<LinkOutput>,
    /// How the transport was found.
    pub(super) dial: DialReport,
    pub(super) first_bytes: FirstBytes,
}

/// The server's first bytes on a transport whose handshake was deferred (RFC 7413).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstBytes {
    /// They have been received, or the handshake was not deferred.
    Received,
    /// They are awaited until then; what they answer was sent at the first time.
    Awaited { since: Instant, until: Instant },
    /// They did not come.
    Missing,
}

/// How far this attempt came or, before its login, how far earlier attempts came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// The account has never been logged in.
    None,
    /// A login of the account was proven before, at another server.
    ProvenElsewhere,
    /// A login was proven at this server, now or before.
    Proven,
    /// A session was established over this connection.
    Online,
    /// The session has ended, and answers to its requests may arrive until the server has closed its stream, too.
    Ending,
}

impl Progress {
    fn of(knowledge: &Knowledge) -> Self {
        if knowledge.server.secured.is_some() {
            Self::Proven
        } else if knowledge.was_logged_in() {
            Self::ProvenElsewhere
        } else {
            Self::None
        }
    }
}

impl<T: Tls> Attempt<T> {
    pub(super) fn is_online(&self) -> bool {
        self.link.phase() == LinkPhase::Online
    }

    /// Returns how far it has come.
    fn progress(&self) -> Progress {
        if self.link.is_login_proven() {
            self.progress.max(Progress::Proven)
        } else {
            self.progress
        }
    }
}

impl<T: Tls + Clone> Engine<T> {
    // -- the connection

    pub(super) fn begin(
        &mut self,
        attempt: Attempted,
        endpoint: &Endpoint,
        seed: [u8; 32],
        mut knowledge: Knowledge,
    ) {
        let server = endpoint.server_key();
        let address = endpoint.address();
        let progress = Progress::of(&knowledge);
        knowledge.presence.clone_from(&self.presence);
        knowledge.open_requests = self.requests.open();
        knowledge.history_queries = self.requests.history_queries();
        self.credentials.is_new = false;
        self.trust.load(&knowledge.key_trust);
        self.addresses.last_server = Some(server.clone());
        let start = Start {
            config: Arc::clone(&self.core),
            transport: server.transport,
            knowledge,
            derived_keys: self.credentials.derived.clone(),
            token_refused: self.credentials.token_refused,
            early_data_possible: self.core.policy.early_data,
            fast_open: attempt.fast_open,
            purpose: attempt.purpose,
            active: self.active,
            seed,
        };
        let config = LinkConfig {
            start,
            tls: self.tls.clone(),
            versions: self.versions,
            started: attempt.since,
        };
        let first_bytes = self.first_bytes(attempt);
        let mut link = Link::new(config, self.now);
        link.handle_input(LinkInput::Connected, self.now);
        self.attempt = Some(Attempt {
            number: attempt.number,
            link,
            server,
            address,
            progress,
            deadline: None,
            next: None,
            dial: std::mem::take(&mut self.dial_report),
            first_bytes,
        });
        self.tell(supervisor::Input::AttemptProgress {
            attempt: attempt.number,
            step: AttemptPhase::Login,
        });
    }

    pub(super) fn link_input(&mut self, input: LinkInput<'_>) {
        if let Some(attempt) = self.attempt.as_mut() {
            attempt.link.handle_input(input, self.now);
        }
    }

    /// Passes a result to the link. I9: results for an older attempt are ignored.
    pub(super) fn finding(&mut self, attempt: AttemptId, input: LinkInput<'_>) {
        if self.attempt.as_ref().map(|attempt| attempt.number) == Some(attempt) {
            self.link_input(input);
        }
    }

    pub(super) fn timeout(&mut self) {
        let now = self.now;
        self.first_bytes_due();
        if let Some(attempt) = self.attempt.as_mut()
            && attempt.deadline.is_some_and(|(when, _)| when <= now.mono)
        {
            attempt.link.handle_input(LinkInput::Timeout, now);
        }
        self.expire_requests();
        self.dial_input(DialInput::Timeout);
        self.tell(supervisor::Input::Timeout);
    }

    /// Carries out the link's next output. Returns whether there was one.
    pub(super) fn poll_link(&mut self) -> bool {
        let Some(attempt) = self.attempt.as_mut() else {
            return false;
        };
        let output = match attempt.next.take() {
            Some(output) => output,
            None => attempt.link.poll_output(),
        };
        let number = attempt.number;
        match output {
            LinkOutput::Persist { seq, ops } => self.commit(seq, ops),
            LinkOutput::Transmit(bytes) => self.outputs.push_back(EngineOutput::Write(bytes)),
            LinkOutput::VerifyCertificate(request) => {
                self.trust.present(request.presented());
                self.outputs.push_back(EngineOutput::VerifyCertificate {
                    attempt: number,
                    request,
                });
            }
            LinkOutput::DeriveKeys(id) => self.outputs.push_back(EngineOutput::DeriveKeys {
                attempt: number,
                id,
                password: self.core.password.clone(),
            }),
            LinkOutput::RequestToken { refused } => {
                self.outputs.push_back(EngineOutput::RequestToken {
                    attempt: number,
                    refused,
                });
            }
            LinkOutput::Event(event) => self.link_event(event),
            // The remaining bytes are written when the transport is closed, which follows.
            LinkOutput::CloseTransport => {}
            LinkOutput::Closed(error) => self.link_closed(error),
            LinkOutput::Timeout { when, why } => {
                attempt.deadline = when.zip(why);
                return false;
            }
        }
        true
    }

    pub(super) fn link_event(&mut self, event: Event) {
        let event = match event {
            Event::Online { outcome, jid, plan } => {
                let Some(attempt) = &mut self.attempt else {
                    return;
                };
                attempt.progress = Progress::Online;
                self.addresses.arrived(attempt.address);
                let timeline = attempt.link.timeline().clone();
                let dial = Box::new(attempt.dial.clone());
                let attempt = attempt.number;
                self.online(attempt, outcome, timeline.round_trips());
                self.command(Command::AskForQueued);
                self.logged_in_as(&jid);
                EngineEvent::Online {
                    outcome,
                    jid,
                    plan,
                    timeline,
                    dial,
                }
            }
            Event::Stanza(delivery) => return self.deliver(delivery),
            Event::IqAnswer(iq) => {
                let account = self.own_account().clone();
                return self.requests.answer(iq, &account, &mut self.outputs);
            }
            Event::HistoryResult { id, message } => return self.requests.collect(&id, message),
            Event::Request(iq) => return self.requested(iq),
            Event::Stage { id, stage } => {
                if let Stage::Failed(Failure::SessionLost | Failure::StreamEnded(_)) = stage {
                    self.request_lost(&id);
                }
                if let Stage::Failed(Failure::TooBig { .. }) = stage {
                    let too_big = RequestError::TooBig;
                    self.requests.fail(&id, too_big, &mut self.outputs);
                }
                if stage == Stage::Acked {
                    self.requests.taken(&id);
                }
                EngineEvent::Stage { id, stage }
            }
            Event::ServerFeatures(features) => EngineEvent::ServerFeatures(features),
            Event::RosterChanged => EngineEvent::RosterChanged,
            Event::PushEnabled => EngineEvent::PushEnabled,
            Event::PushRefused(error) => EngineEvent::PushRefused(error),
            Event::BlockListChanged(change) => EngineEvent::BlockListChanged(change),
            Event::StanzaRefused(refused) => {
                let own = self.own_account().to_string();
                self.requests.count_refused(&refused, &own);
                EngineEvent::StanzaRefused(refused)
            }
            Event::PossibleGap => return self.report_gap(),
            Event::CaughtUp => return self.caught_up(),
            Event::PeerFault(what) => EngineEvent::PeerFault(what),
            Event::Closed(_) => return,
        };
        self.event(event);
    }

    fn online(&mut self, attempt: AttemptId, outcome: Outcome, flights: usize) {
        match outcome {
            // What was taken by a session before is lost; an unannounced one takes nothing.
            Outcome::Bound | Outcome::Unannounced => {
                self.requests.session_lost(&mut self.outputs);
                self.inbound.session_lost();
            }
            Outcome::Resumed => self.send_held_answers(),
        }
        self.tell(supervisor::Input::AttemptOnline {
            attempt,
            outcome,
            flights,
        });
    }

    /// Delivers a stanza to the app. What it is was decided before it was stored.
    pub(super) fn give(&mut self, delivery: Delivery) {
        if delivery.head.name == StanzaName::Presence {
            return self.event(EngineEvent::Presence { delivery });
        }
        if let Some(carbon) = delivery.carbon.clone() {
            return self.event(EngineEvent::Carbon { delivery, carbon });
        }
        if let Some((id, error)) = bounce(&delivery) {
            // It is the error for a message that the app has sent, and it repeats that message's own content.
            let delivery = delivery.id;
            return self.outputs.push_back(EngineOutput::Bounced {
                delivery,
                id,
                error,
            });
        }
        self.event(EngineEvent::Message { delivery });
    }

    // -- the end of an attempt

    /// A request left the queue with its session.
    fn request_lost(&mut self, id: &str) {
        if self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.progress == Progress::Ending)
        {
            return self.requests.taken(id);
        }
        let lost = RequestError::SessionLost;
        self.requests.fail(id, lost, &mut self.outputs);
    }

    /// The session of this attempt is no longer stored. While its stream is being closed, answers may still arrive.
    pub(super) fn session_dropped(&mut self, number: AttemptId) {
        match &mut self.attempt {
            Some(attempt)
                if attempt.number == number && attempt.link.phase() == LinkPhase::Closing =>
            {
                attempt.progress = Progress::Ending;
            }
            _ => self.requests.session_lost(&mut self.outputs),
        }
    }

    /// An attempt has ended, and no more answers arrive over it.
    fn fail_requests_of(&mut self, attempt: &Attempt<T>) {
        if attempt.progress == Progress::Ending {
            self.requests.session_lost(&mut self.outputs);
        }
    }

    fn link_closed(&mut self, error: Option<LinkError>) {
        let Some(mut attempt) = self.attempt.take() else {
            return;
        };
        self.fail_requests_of(&attempt);
        let number = attempt.number;
        let is_encrypted = attempt.link.timeline().tls.is_some();
        let is_proven = attempt.link.is_login_proven();
        self.credentials.attempt_ended(error.as_ref(), is_proven);
        self.set_back(&mut attempt, error.as_ref());
        self.addresses
            .ended(&attempt.server, is_encrypted, error.as_ref());
        self.outputs.push_back(EngineOutput::Close);
        let was_logged_in = attempt.progress() >= Progress::ProvenElsewhere;
        let mut verdict = error
            .as_ref()
            .map(|error| Verdict::of(error, was_logged_in))
            .map(|verdict| self.with_new_password(verdict));
        if attempt.first_bytes == FirstBytes::Missing {
            // The addresses are raced without Fast Open.
            verdict = Some(Verdict::Retry(Pace::AtOnce(Wait::Normal)));
        }
        let reason = self.end_reason(error);
        if let EndReason::Store(error) = &reason {
            verdict = Some(storage::verdict(*error));
        }
        let then = self.supervisor.after_end(number, verdict, self.now.mono);
        self.report_end(reason, then, Some(&attempt));
        self.note_disconnected();
        self.token_turned_in();
        self.tell(supervisor::Input::Ended {
            attempt: number,
            verdict,
        });
    }

    /// W1: an address that led to no session is set back. This does not apply if the cause of the end says nothing
    /// about the address: the store, the password, or a remembered fact that is now discarded.
    fn set_back(&mut self, attempt: &mut Attempt<T>, error: Option<&LinkError>) {
        let Some(error) = error else { return };
        let progress = attempt.progress();
        let is_encrypted = attempt.link.timeline().tls.is_some();
        let is_excused = match Verdict::from(error) {
            _ if matches!(error, LinkError::Connection(ConnectionError::Local(_))) => true,
            _ if attempt.first_bytes == FirstBytes::Missing => true,
            Verdict::Halt(Halt::Credentials) | Verdict::NoSession => true,
            Verdict::Retry(Pace::AtOnce(_)) => is_encrypted,
            Verdict::Retry(Pace::After(_)) | Verdict::Halt(Halt::Conflict | Halt::Refused) => false,
        };
        if is_excused || progress >= Progress::Online {
            return;
        }
        let reached = match (progress, is_encrypted) {
            (Progress::None | Progress::ProvenElsewhere, _) => Reached::Unproven,
            (_, true) => Reached::ProvenTls,
            (_, false) => Reached::ProvenPlain,
        };
        let (address, now) = (attempt.address, self.now.mono);
        if let Some(step) = self.addresses.set_back.failed(address, reached, now) {
            // Not reported as the server's fault: the path may have failed, or the server is being restarted.
            attempt.link.note_step(step);
        }
        if self.addresses.set_back.addresses(now).contains(&address) {
            self.candidates.doubt(address);
        }
    }

    /// Drops the attempt or connection in progress without closing the stream: the server keeps the session (rule I14).
    pub(super) fn drop_attempt(&mut self) {
        self.stop_dialing();
        if self.attempt.is_some() {
            self.outputs.push_back(EngineOutput::Drop);
            self.note_alive();
        }
        if let Some(attempt) = self.attempt.take() {
            self.fail_requests_of(&attempt);
            self.report_end(EndReason::Dropped, AfterEnd::Retries, Some(&attempt));
            self.keep_events(attempt);
        }
        self.note_disconnected();
    }

    pub(super) fn report_end(
        &mut self,
        reason: EndReason,
        then: AfterEnd,
        attempt: Option<&Attempt<T>>,
    ) {
        let dial = match attempt {
            Some(attempt) => attempt.dial.clone(),
            None => std::mem::take(&mut self.dial_report),
        };
        let link = attempt.map(|attempt| &attempt.link);
        self.event(EngineEvent::Ended {
            reason,
            then,
            plan: link.map(|link| link.plan().clone()),
            timeline: link.map(|link| Box::new(link.timeline().clone())),
            dial: Box::new(dial),
        });
    }

    pub(super) fn note_disconnected(&mut self) {
        if !self.is_busy() {
            self.disconnected();
        }
    }

    /// Informs the app that waits for the end of the connection. During a log-out another connection may follow.
    pub(super) fn disconnected(&mut self) {
        if self.log_out.is_none() && std::mem::take(&mut self.disconnecting) {
            self.outputs.push_back(EngineOutput::Disconnected);
        }
    }

    /// Stops the engine because the host stops. The session stays on the server, and was alive until now (rule I14).
    /// The host drains the outputs afterwards.
    pub fn stop(&mut self, now: Now) {
        self.now = now;
        self.stop_dialing();
        self.note_alive();
        self.attempt = None;
    }

    /// Records when the session was last alive. I14: a connection that is dropped was alive until now, and the server
    /// counts `max` from here. If storing fails, the session looks older than it is, and may not be resumed.
    fn note_alive(&mut self) {
        if self.is_online() {
            let at = self.now.wall;
            self.apply(Asked::Applied, vec![Op::SmAlive { at }]);
        }
    }

    /// Sends a liveness probe on the connection.
    pub(super) fn ask_probe(&mut self, deadline: Instant) {
        self.probes = self.probes.saturating_add(1);
        self.command(Command::Probe { deadline });
    }
}

/// Returns the id and the error of an undeliverable message of ours, which the server returns as an error stanza (RFC
/// 6120 section 8.3).
fn bounce(delivery: &Delivery) -> Option<(String, StanzaError)> {
    let error = StanzaError::of(&delivery.stanza)?;
    let id = delivery.stanza.attr("id").filter(|id| !id.is_empty())?;
    Some((id.to_owned(), error))
}
