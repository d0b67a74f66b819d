//! XEP-0410: whether the room still knows this client.

use std::time::Duration;

use snapback_types::time::Instant;
use snapback_wire::ns;
use snapback_wire::stanza::{StanzaCondition, StanzaError};
use snapback_wire::xml::Element;

use super::env::{Env, Purpose};
use super::error::Loss;
use super::join::{Room, State};
use super::machine::{RequestFailure, RequestId};

/// A room that was silent this long is checked, as XEP-0410 recommends, and none more often than this.
const INTERVAL: Duration = Duration::from_secs(15 * 60);
/// How long after a resumption a room is checked that has sent nothing since: not in the flight that resumes the session, which the
/// user waits for.
const AFTER_RESUMPTION: Duration = Duration::from_secs(60);
/// What is due within this time is checked together with what is due now.
const SOON: Duration = Duration::from_secs(60);
/// A room that has not answered by then cannot be reached, which says nothing about being in it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is known about being in the room.
#[derive(Debug)]
pub(super) struct Check {
    /// When the room sent something, or a check was sent.
    heard: Instant,
    /// When the last check was sent.
    last: Option<Instant>,
    /// Set since a resumption, until the room sends something.
    doubted: Option<Instant>,
    pending: Option<(RequestId, Instant)>,
}

impl Check {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            last: None,
            doubted: None,
            pending: None,
        }
    }

    /// The room has sent something, so it knows this client.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.doubted = None;
    }

    pub(super) fn resumed(&mut self, now: Instant) {
        self.doubted = Some(now + AFTER_RESUMPTION);
        // An answer may have been lost with the connection, or arrive now.
        if let Some((_, until)) = &mut self.pending {
            *until = now + TIMEOUT;
        }
    }

    /// Something suggests that the room does not know this client.
    pub(super) fn doubted(&mut self, now: Instant) {
        self.doubted = Some(now);
    }

    pub(super) fn lost(&mut self, env: &mut Env) {
        self.doubted = None;
        if let Some((request, _)) = self.pending.take() {
            env.abandon(request);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.map(|(_, until)| until)
    }

    fn due(&self) -> Option<Instant> {
        if self.pending.is_some() {
            return None;
        }
        let allowed = self.last.map(|last| last + INTERVAL);
        let wanted = self.doubted.unwrap_or(self.heard + INTERVAL);
        Some(allowed.map_or(wanted, |allowed| allowed.max(wanted)))
    }
}

impl Room {
    /// Returns when the room is checked.
    pub(super) fn check_due(&self) -> Option<Instant> {
        // While a change of the nickname is pending, it is not known which one to ask for (XEP-0410 section 4).
        let is_sure = matches!(self.state, State::Joined { .. }) && self.new_nick.is_none();
        self.check.due().filter(|_| is_sure)
    }

    /// Checks the room if that is due now or soon.
    pub(super) fn check_soon(&mut self, env: &mut Env) {
        let soon = env.now.mono + SOON;
        if self.check_due().is_some_and(|due| due <= soon) {
            self.check_now(env);
        }
    }

    /// The user writes to the room: if it is in doubt, the answer is of interest now.
    pub(super) fn check_for_message(&mut self, env: &mut Env) {
        let now = env.now.mono;
        let is_allowed = self
            .check
            .last
            .is_none_or(|last| now.since(last) >= INTERVAL);
        let is_pending = self.check.pending.is_some() || env.own.is_none();
        if self.check.doubted.is_some() && self.check_due().is_some() && is_allowed && !is_pending {
            self.check_now(env);
        }
    }

    pub(super) fn check_now(&mut self, env: &mut Env) {
        let ping = Element::new("iq", ns::CLIENT)
            .with_attr("type", "get")
            .with_attr("to", format!("{}/{}", self.jid, self.nick))
            .with_child(Element::new("ping", ns::PING));
        let request = env.request(&self.jid, Purpose::Check, ping);
        let now = env.now.mono;
        self.check.last = Some(now);
        self.check.pending = Some((request, now + TIMEOUT));
    }

    pub(super) fn check_timeout(&mut self, env: &mut Env) {
        if let Some((request, until)) = self.check.pending
            && until <= env.now.mono
        {
            env.abandon(request);
            self.check.pending = None;
        }
    }

    /// XEP-0410 section 3: what the answers mean.
    pub(super) fn checked(&mut self, answer: Result<&Element, RequestFailure>, env: &mut Env) {
        self.check.pending = None;
        match self.state {
            State::Joined { .. } => {}
            State::Joining { .. } => match answer {
                Ok(_) => return self.joined_without_presence(env),
                Err(RequestFailure::Refused(error)) if is_unknown(&error) => {
                    return self.join_was_lost(env);
                }
                Err(_) => return,
            },
            _ => return,
        }
        let error = match answer {
            Ok(_) => return self.check.heard(env.now.mono),
            Err(RequestFailure::Lost) => return,
            Err(RequestFailure::Refused(error)) => error,
        };
        match error.condition {
            // The room has passed the ping on to a client that does not answer it, or that has just changed the nickname.
            StanzaCondition::ServiceUnavailable
            | StanzaCondition::FeatureNotImplemented
            | StanzaCondition::ItemNotFound => self.check.heard(env.now.mono),
            // No decision can be made: the next check may tell.
            StanzaCondition::RemoteServerNotFound | StanzaCondition::RemoteServerTimeout => {}
            _ => self.lost(Loss::NotJoined, env),
        }
    }
}

fn is_unknown(error: &StanzaError) -> bool {
    error.condition == StanzaCondition::NotAcceptable
}
