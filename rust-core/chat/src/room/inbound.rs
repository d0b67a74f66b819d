//! What a room says about its occupants, the user among them (XEP-0045 sections 7 to 10).

use snapback_types::jid::Jid;
use snapback_types::time::Instant;
use snapback_wire::stanza::StanzaError;
use snapback_wire::xml::Element;

use super::env::Env;
use super::error::{JoinError, LeaveReason, Loss};
use super::event::{Exit, RoomEvent, RoomFault};
use super::join::{Room, State};
use super::occupants::Noted;
use super::presence::{Destroyed, OccupantPresence};

impl Room {
    pub(super) fn presence_error(&mut self, error: &StanzaError, env: &mut Env) {
        match self.state {
            State::Joining { .. } => self.refused(JoinError::of(error), env),
            State::Joined { .. } if self.new_nick.take().is_some() => {
                let room = self.jid.clone();
                let error = JoinError::of(error);
                env.event(RoomEvent::NickRefused { room, error });
            }
            // A server on the way reports that presence did not arrive: the room may have removed the user.
            State::Joined { .. } => self.check.doubted(env.now.mono),
            State::Leaving { .. } => self.over(LeaveReason::Requested, env),
            State::Offline | State::Waiting { .. } | State::Over => {}
        }
    }

    pub(super) fn nick_timeout(&mut self, env: &mut Env) {
        let now = env.now.mono;
        if self.new_nick.take_if(|(_, until)| *until <= now).is_some() {
            let room = self.jid.clone();
            let error = JoinError::TimedOut;
            env.event(RoomEvent::NickRefused { room, error });
        }
    }

    /// A message of the user has come back from this nickname. Where another session of the user had it before, a service may change it
    /// without a word.
    pub(super) fn own_message(&mut self, nick: &str, env: &mut Env) {
        let is_new = |(new, _): &(String, Instant)| new == nick;
        if self.new_nick.as_ref().is_some_and(is_new) {
            self.renamed(nick.to_owned(), env);
        }
    }

    pub(super) fn presence(&mut self, presence: &Element, nick: &str, env: &mut Env) {
        let presence = match OccupantPresence::read(presence, nick) {
            Ok(presence) => presence,
            Err(problem) => return env.fault(&self.jid, RoomFault::Malformed(problem)),
        };
        let is_own_address = match (&presence.item.jid, &env.own) {
            (Some(Jid::Full(jid)), Some(own)) => jid == own,
            _ => false,
        };
        let is_in = matches!(self.state, State::Joined { .. } | State::Leaving { .. });
        // Where the room shows addresses, another session of the user with the same nickname is not this one.
        let is_own_exit = !presence.is_available && is_in && presence.nick == self.nick;
        let is_own = presence.has(110) || is_own_address || is_own_exit;
        self.check.heard(env.now.mono);
        match self.state {
            State::Joining { .. } if is_own && presence.is_available => self.joined(presence, env),
            State::Joining { .. } if is_own => self.ended_while_joining(presence, env),
            State::Joining { .. } => self.list(presence, env),
            State::Joined { .. } if is_own && presence.is_available => {
                self.own_changed(presence, env);
            }
            State::Joined { .. } if is_own => self.own_exit(presence, env),
            State::Joined { .. } => self.other(presence, env),
            State::Leaving { .. } if is_own && !presence.is_available => {
                self.over(LeaveReason::Requested, env);
            }
            State::Leaving { .. } | State::Offline | State::Waiting { .. } | State::Over => {}
        }
    }

    /// Lists an occupant, or not any more, without an event.
    pub(super) fn list(&mut self, presence: OccupantPresence, env: &mut Env) {
        if !presence.is_available {
            self.occupants.absent(&presence.nick, &mut env.occupants);
            return;
        }
        let noted = self
            .occupants
            .present(&presence.into_occupant(), &mut env.occupants);
        if matches!(noted, Noted::Unlisted) && self.occupants.unlisted == 1 {
            env.fault(&self.jid, RoomFault::TooManyOccupants);
        }
    }

    fn own_changed(&mut self, presence: OccupantPresence, env: &mut Env) {
        if presence.has(201) && !self.is_opening() {
            self.open(env);
        }
        if presence.nick != self.nick {
            self.occupants.absent(&self.nick, &mut env.occupants);
            self.renamed(presence.nick.clone(), env);
        }
        self.changed(presence, env);
    }

    fn renamed(&mut self, nick: String, env: &mut Env) {
        if self.new_nick.take().is_some() {
            self.options.nick.clone_from(&nick);
        }
        self.nick.clone_from(&nick);
        let room = self.jid.clone();
        env.event(RoomEvent::NickChanged { room, nick });
    }

    fn changed(&mut self, presence: OccupantPresence, env: &mut Env) {
        let room = self.jid.clone();
        let occupant = presence.into_occupant();
        match self.occupants.present(&occupant, &mut env.occupants) {
            Noted::Entered if occupant.nick != self.nick => {
                env.event(RoomEvent::Entered { room, occupant });
            }
            Noted::Changed => env.event(RoomEvent::OccupantChanged { room, occupant }),
            Noted::Unlisted if self.occupants.unlisted == 1 => {
                env.fault(&self.jid, RoomFault::TooManyOccupants);
            }
            Noted::Entered | Noted::Same | Noted::Unlisted => {}
        }
    }

    fn own_exit(&mut self, presence: OccupantPresence, env: &mut Env) {
        if presence.has(303) {
            let new = presence.item.nick.clone();
            let valid = new.filter(|new| self.jid.with_resource(new).is_ok());
            if let Some(new) = valid {
                self.occupants.rename(&presence.nick, &new);
                return self.renamed(new, env);
            }
        }
        match ending(presence) {
            Ending::Final(reason) => self.over(reason, env),
            Ending::Again(loss) => self.lost(loss, env),
        }
    }

    /// A removal that overtook the join, or the answer to an earlier leave, which says nothing about this join.
    fn ended_while_joining(&mut self, presence: OccupantPresence, env: &mut Env) {
        if let Ending::Final(reason) = ending(presence) {
            // If it concerned an earlier stay, the join would succeed, and the user be in the room without knowing.
            self.send_leave(env);
            self.over(reason, env);
        }
    }

    fn other(&mut self, presence: OccupantPresence, env: &mut Env) {
        if presence.is_available {
            return self.changed(presence, env);
        }
        let room = self.jid.clone();
        if presence.has(303) {
            let to = presence.item.nick.clone();
            let valid = to.filter(|to| self.jid.with_resource(to).is_ok());
            if let Some(to) = valid
                && self.occupants.rename(&presence.nick, &to)
            {
                let from = presence.nick;
                return env.event(RoomEvent::Renamed { room, from, to });
            }
        }
        let gone = self.occupants.absent(&presence.nick, &mut env.occupants);
        if let Some(occupant) = gone {
            let exit = exit(presence);
            env.event(RoomEvent::Exited {
                room,
                occupant,
                exit,
            });
        }
    }
}

/// What the user's own exit means.
enum Ending {
    Final(LeaveReason),
    Again(Loss),
}

/// XEP-0045 section 15.6.2. A removal for technical reasons has status 307 as well in many servers.
fn ending(presence: OccupantPresence) -> Ending {
    if let Some(Destroyed {
        alternative,
        reason,
    }) = presence.destroyed
    {
        return Ending::Final(LeaveReason::Destroyed {
            alternative,
            reason,
        });
    }
    let has = |code| presence.codes.contains(&code);
    if has(332) {
        return Ending::Again(Loss::Shutdown);
    }
    if has(333) {
        return Ending::Again(Loss::Technical);
    }
    let (actor, reason) = (presence.item.actor, presence.item.reason);
    if presence.codes.contains(&301) {
        return Ending::Final(LeaveReason::Banned { actor, reason });
    }
    if presence.codes.contains(&307) {
        return Ending::Final(LeaveReason::Kicked { actor, reason });
    }
    if presence.codes.contains(&321) || presence.codes.contains(&322) {
        return Ending::Final(LeaveReason::MembersOnly);
    }
    Ending::Again(Loss::Removed)
}

fn exit(presence: OccupantPresence) -> Exit {
    let has = |code| presence.codes.contains(&code);
    if has(332) || has(333) {
        Exit::Technical
    } else if has(301) {
        Exit::Banned(presence.item.reason)
    } else if has(307) {
        Exit::Kicked(presence.item.reason)
    } else if has(321) || has(322) {
        Exit::MembersOnly
    } else {
        Exit::Left
    }
}
