//! One room: joining it, being in it, leaving it (XEP-0045 section 7).

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use snapback_types::jid::BareJid;
use snapback_types::time::{Instant, Now};
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::check::Check;
use super::env::{Env, Purpose};
use super::error::{JoinError, LeaveReason, Loss};
use super::event::RoomEvent;
use super::machine::left;
use super::occupants::{Membership, Occupants, RoomInfo, Subject};
use super::options::{Creation, History, RoomOptions};
use super::outgoing::Outgoing;
use super::place::Place;
use super::presence::OccupantPresence;
use super::requests;
use crate::RoomFeatures;

/// A room that has not answered by then does not answer: servers give up on each other after a minute at most.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// A server may hold presence back while the user does not use the client (XEP-0352), the user's own in a room too. The answer to a
/// request is not held back, and what was held before it comes with it.
const PROBE_AFTER: Duration = Duration::from_secs(10);
/// Some services do not answer a change to a nickname that another session of the user has.
const NICK_TIMEOUT: Duration = Duration::from_secs(30);
/// A room confirms at once that it was left. It is forgotten in any case.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);
/// The first wait before a room is joined again: a service that restarts needs some seconds. It grows twofold.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(20 * 60);
/// A room that was joined this long is joined again without a wait.
const IS_STABLE: Duration = Duration::from_secs(5 * 60);
/// How often a nickname in use is asked for again: it may be the user's own, in a session that the room has not seen end.
const MAX_CONFLICTS: u32 = 5;

/// One room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) jid: BareJid,
    pub(super) options: RoomOptions,
    /// The nickname in the room.
    pub(super) nick: String,
    pub(super) state: State,
    /// Whether it was joined since the app asked for it.
    pub(super) has_joined: bool,
    /// How often it was joined again without success that lasted.
    attempts: u32,
    /// The nickname that was asked for while in the room, and until when an answer is expected.
    pub(super) new_nick: Option<(String, Instant)>,
    pub(super) occupants: Occupants,
    pub(super) subject: Option<Subject>,
    /// What it announces; `None` if it is not known.
    pub(super) features: Option<Features>,
    pub(super) place: Place,
    pub(super) outgoing: Outgoing,
    pub(super) check: Check,
    /// The join asked for no history, since the archive is to be asked.
    pub(super) asks_archive: bool,
    /// The join has created the room, which admits no other user before its owner has configured it (XEP-0045 section 10.1.2), and
    /// that is not answered. The time until which an answer is expected.
    opening: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum State {
    /// It is joined as soon as there is a session.
    Offline,
    Joining {
        until: Instant,
        /// When a self-ping is sent, which brings an answer that is held back.
        probe: Option<Instant>,
    },
    Joined {
        since: Instant,
    },
    Waiting {
        until: Instant,
    },
    Leaving {
        until: Instant,
    },
    /// It is no longer wanted.
    Over,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Features {
    pub(super) messages: RoomFeatures,
    pub(super) archive: bool,
}

impl Room {
    pub(super) fn new(jid: BareJid, options: RoomOptions, now: Now) -> Self {
        let mut place = Place::default();
        if let History::After(id) = &options.history {
            place.begins_after(id);
        }
        Self {
            jid,
            nick: options.nick.clone(),
            options,
            state: State::Offline,
            has_joined: false,
            attempts: 0,
            new_nick: None,
            occupants: Occupants::default(),
            subject: None,
            features: None,
            place,
            outgoing: Outgoing::default(),
            check: Check::new(now.mono),
            asks_archive: false,
            opening: None,
        }
    }

    pub(super) fn info(&self) -> RoomInfo {
        let features = self.features.unwrap_or_default();
        RoomInfo {
            room: self.jid.clone(),
            nick: self.nick.clone(),
            membership: match self.state {
                State::Offline | State::Over => Membership::Offline,
                State::Joining { .. } => Membership::Joining,
                State::Joined { .. } => Membership::Joined,
                State::Waiting { .. } => Membership::Waiting,
                State::Leaving { .. } => Membership::Leaving,
            },
            subject: self.subject.clone(),
            occupants: self.occupants.to_vec(),
            unlisted: self.occupants.unlisted,
            features: features.messages,
            has_archive: features.archive,
            caught_up_to: self.place.cursor.clone(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Joining { until, probe } => Some(probe.map_or(until, |probe| probe.min(until))),
            State::Waiting { until } | State::Leaving { until } => Some(until),
            State::Joined { .. } => {
                let deadlines = [
                    self.check_due(),
                    self.check.deadline(),
                    self.place.deadline(),
                    self.new_nick.as_ref().map(|(_, until)| *until),
                    self.opening,
                ];
                deadlines.into_iter().flatten().min()
            }
            State::Offline | State::Over => None,
        }
    }

    pub(super) fn timeout(&mut self, env: &mut Env) {
        let now = env.now.mono;
        match self.state {
            State::Joining { until, .. } if until <= now => self.refused(JoinError::TimedOut, env),
            State::Joining {
                until,
                probe: Some(probe),
            } if probe <= now => {
                self.state = State::Joining { until, probe: None };
                self.check_now(env);
            }
            State::Waiting { until } if until <= now => self.begin_join(env),
            State::Leaving { until } if until <= now => self.over(LeaveReason::Requested, env),
            State::Joined { .. } => {
                if self.opening.is_some_and(|until| until <= now) {
                    self.opened(env);
                }
                self.nick_timeout(env);
                self.check_timeout(env);
                self.catch_up_timeout(env);
            }
            _ => {}
        }
    }

    // -- joining

    /// Sends the join. It may be repeated: a room answers an occupant as if it had just entered (XEP-0045 section 7.2.1).
    pub(super) fn begin_join(&mut self, env: &mut Env) {
        let history = self.history(env);
        self.occupants.clear(&mut env.occupants);
        self.new_nick = None;
        self.opening = None;
        self.nick.clone_from(&self.options.nick);
        self.check.lost(env);
        self.interrupted(env);
        self.asks_archive = matches!(history, History::After(_));
        let mut x = Element::new("x", ns::MUC);
        if let Some(password) = &self.options.password {
            x.push_child(Element::new("password", ns::MUC).with_text(password.expose()));
        }
        if let Some(history) = history.to_element() {
            x.push_child(history);
        }
        let mut presence = self.presence_to(&self.options.nick).with_child(x);
        if let Some(caps) = &env.caps {
            presence.push_child(caps.clone());
        }
        env.send(&self.jid, presence);
        if self.features.is_none() {
            self.ask_features(env);
        }
        self.attempts = self.attempts.saturating_add(1);
        self.state = State::Joining {
            until: env.now.mono + JOIN_TIMEOUT,
            probe: Some(env.now.mono + PROBE_AFTER),
        };
    }

    /// Returns what the join asks for: at first what the app wants, later what was missed.
    fn history(&self, env: &Env) -> History {
        if !self.has_joined {
            return self.options.history.clone();
        }
        // Where it is not known yet, the messages' ids suggest that there is one.
        let may_have_archive = self.features.is_none_or(|features| features.archive);
        match &self.place.cursor {
            Some(cursor) if may_have_archive => History::After(cursor.clone()),
            _ => self
                .place
                .since_last(env.now)
                .unwrap_or_else(|| self.options.history.clone()),
        }
    }

    fn presence_to(&self, nick: &str) -> Element {
        Element::new("presence", ns::CLIENT).with_attr("to", format!("{}/{nick}", self.jid))
    }

    /// The app joins a room that it has joined.
    pub(super) fn wanted_again(&mut self, options: RoomOptions, env: &mut Env) {
        let is_same =
            self.options.nick == options.nick && self.options.password == options.password;
        self.options = options;
        match self.state {
            State::Joined { .. } if is_same => env.event(RoomEvent::Joined {
                room: self.jid.clone(),
                nick: self.nick.clone(),
                is_created: false,
                is_again: true,
            }),
            State::Joining { .. } if is_same => {}
            _ if env.own.is_some() => {
                self.attempts = 0;
                self.begin_join(env);
            }
            _ => self.state = State::Offline,
        }
    }

    /// The join was refused, or not answered.
    pub(super) fn refused(&mut self, error: JoinError, env: &mut Env) {
        if !self.has_joined {
            let room = self.jid.clone();
            self.state = State::Over;
            env.release(&self.jid);
            return env.event(RoomEvent::JoinFailed { room, error });
        }
        let is_own_nick = error == JoinError::NickConflict && self.attempts <= MAX_CONFLICTS;
        if !error.is_retryable() && !is_own_nick {
            return self.over(LeaveReason::Refused(error), env);
        }
        self.wait(env);
        let room = self.jid.clone();
        let loss = Loss::NotYet(error);
        env.event(RoomEvent::Lost { room, loss });
    }

    /// The room has answered with the user's own presence, the last of its occupants' (XEP-0045 section 7.2.2).
    pub(super) fn joined(&mut self, own: OccupantPresence, env: &mut Env) {
        let is_created = own.has(201);
        if is_created && self.options.creation == Creation::Never {
            env.send(
                &self.jid,
                self.presence_to(&own.nick).with_attr("type", "unavailable"),
            );
            let is_first = !self.has_joined;
            return match is_first {
                true => self.refused(JoinError::NotFound, env),
                false => self.over(LeaveReason::Refused(JoinError::NotFound), env),
            };
        }
        self.nick.clone_from(&own.nick);
        self.list(own, env);
        self.is_in(is_created, env);
    }

    /// The user is in the room.
    fn is_in(&mut self, is_created: bool, env: &mut Env) {
        let is_again = std::mem::replace(&mut self.has_joined, true);
        let now = env.now;
        self.state = State::Joined { since: now.mono };
        self.place.joined(now);
        self.check.heard(now.mono);
        if is_created {
            self.open(env);
        }
        env.event(RoomEvent::Joined {
            room: self.jid.clone(),
            nick: self.nick.clone(),
            is_created,
            is_again,
        });
        self.begin_catch_up(is_again, env);
    }

    /// The room knows this client, which waits for the user's own presence: a server holds presence back while the user does not use the
    /// client (XEP-0352), for as long as it likes. The occupants are listed when it comes.
    pub(super) fn joined_without_presence(&mut self, env: &mut Env) {
        self.is_in(false, env);
    }

    /// The room does not know this client, which has asked to join: the presence was lost with its connection.
    pub(super) fn join_was_lost(&mut self, env: &mut Env) {
        if self.attempts < MAX_CONFLICTS {
            self.begin_join(env);
        }
    }

    /// The join has created the room.
    pub(super) fn open(&mut self, env: &mut Env) {
        if self.options.creation == Creation::Instant {
            let open = requests::configure(&self.jid, Vec::new());
            env.request(&self.jid, Purpose::Open, open);
            self.opening = Some(env.now.mono + JOIN_TIMEOUT);
        }
    }

    /// The request to open the room was answered. If it was refused, an owner can open the room later.
    pub(super) fn opened(&mut self, env: &mut Env) {
        if self.opening.take().is_some() {
            env.opened(&self.jid);
        }
    }

    /// Returns whether other users cannot join the room yet.
    pub(super) fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    // -- the session

    /// The session is new: the server has told the room that the user has left.
    pub(super) fn new_session(&mut self, env: &mut Env) {
        match self.state {
            State::Leaving { .. } => self.over(LeaveReason::Requested, env),
            State::Over => {}
            _ => {
                self.attempts = 0;
                self.begin_join(env);
            }
        }
    }

    /// The session continues. What was sent and not acknowledged is sent again by stream management.
    pub(super) fn resumed(&mut self, env: &mut Env) {
        let now = env.now.mono;
        match &mut self.state {
            State::Joined { .. } => {
                self.check.resumed(now);
                self.place.resumed(now + JOIN_TIMEOUT);
            }
            // Presence to the room is sent once, and not again in a resumed session.
            State::Joining { .. } | State::Offline => self.begin_join(env),
            State::Leaving { until } => {
                *until = now + LEAVE_TIMEOUT;
                self.send_leave(env);
            }
            State::Waiting { .. } | State::Over => {}
        }
    }

    // -- losing it

    /// The user is not in the room, and should be.
    pub(super) fn lost(&mut self, loss: Loss, env: &mut Env) {
        let was_stable = match self.state {
            State::Joined { since } => env.now.mono.since(since) >= IS_STABLE,
            _ => false,
        };
        if was_stable {
            self.attempts = 0;
        }
        let is_restart = loss != Loss::NotJoined;
        self.opening = None;
        env.event(RoomEvent::Lost {
            room: self.jid.clone(),
            loss,
        });
        self.check.lost(env);
        self.interrupted(env);
        if is_restart || self.attempts > 1 {
            self.wait(env);
        } else {
            self.begin_join(env);
        }
    }

    /// Joins again later. The waits of different rooms and accounts differ, so that a service that restarts is not overrun.
    fn wait(&mut self, env: &Env) {
        let doublings = self.attempts.saturating_sub(1).min(8);
        let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(MAX_WAIT);
        let mut hasher = DefaultHasher::new();
        (&env.account, &self.jid, self.attempts).hash(&mut hasher);
        let [share, ..] = hasher.finish().to_le_bytes();
        // Up to half of it more.
        let until = env.now.mono + wait + wait.saturating_mul(u32::from(share)) / 512;
        self.state = State::Waiting { until };
    }

    /// The room is no longer wanted.
    pub(super) fn over(&mut self, reason: LeaveReason, env: &mut Env) {
        self.state = State::Over;
        env.release(&self.jid);
        env.note_left(&self.jid, self.place.recent());
        env.event(left(&self.jid, reason));
    }

    pub(super) fn leave(&mut self, env: &mut Env) {
        let is_in = matches!(self.state, State::Joined { .. } | State::Joining { .. });
        if is_in {
            self.send_leave(env);
            self.check.lost(env);
        }
        if !self.has_joined {
            return self.refused(JoinError::Cancelled, env);
        }
        match self.state {
            State::Leaving { .. } => {}
            _ if is_in && env.own.is_some() => {
                let until = env.now.mono + LEAVE_TIMEOUT;
                self.state = State::Leaving { until };
            }
            _ => self.over(LeaveReason::Requested, env),
        }
    }

    pub(super) fn send_leave(&self, env: &mut Env) {
        let leave = self.presence_to(&self.nick);
        env.send(&self.jid, leave.with_attr("type", "unavailable"));
    }

    /// Returns whether an event follows.
    pub(super) fn change_nick(&mut self, nick: &str, env: &mut Env) -> bool {
        if let Err(error) = self.jid.with_resource(nick) {
            let room = self.jid.clone();
            let error = JoinError::NickInvalid(error);
            env.event(RoomEvent::NickRefused { room, error });
            return true;
        }
        match self.state {
            State::Joined { .. } if env.own.is_some() => {
                self.new_nick = Some((nick.to_owned(), env.now.mono + NICK_TIMEOUT));
                env.send(&self.jid, self.presence_to(nick));
                true
            }
            _ => {
                nick.clone_into(&mut self.options.nick);
                false
            }
        }
    }
}
