//! What the app wants, and what the platform says.

use snapback_proto::time::Instant;

use super::state::{Intent, Place, State, Wakefulness};
use super::{OfflineReason, Output, Supervisor, Why};

impl Supervisor {
    pub(super) fn connect(&mut self, now: Instant) {
        self.rouse();
        self.budget.renew();
        self.surroundings.intent = Intent::Online;
        self.surroundings.place = Place::Ours;
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(Why::Asked, now, now);
            }
            State::Waiting { .. } | State::Suspended => self.go(Why::Asked, now, now),
            // Closing goes on; what follows is decided when it is done. So does an attempt that may only resume: if it cannot,
            // another one follows.
            _ => {}
        }
    }

    /// The process runs, and not for a visit only. Says whether it slept.
    pub(super) fn rouse(&mut self) -> bool {
        let wakefulness = &mut self.surroundings.wakefulness;
        std::mem::replace(wakefulness, Wakefulness::Awake) == Wakefulness::Suspended
    }

    /// Whoever wants to be online and is awake is not in need of a visit.
    pub(super) fn visit(&mut self, now: Instant) {
        self.budget.renew();
        let suspended = self.is_suspended();
        let is_halted = matches!(self.state, State::Halted(_));
        let is_wanted = self.surroundings.intent.wants_online();
        if suspended || !(is_wanted || self.surroundings.foreground) {
            self.surroundings.wakefulness = Wakefulness::Woken;
        }
        if self.surroundings.place == Place::Taken {
            // I10: a push is not the user, whatever the app has wanted since.
            return;
        }
        if !is_wanted || suspended || is_halted {
            self.surroundings.intent = self.surroundings.intent.with_sync();
        }
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(Why::Resumed, now, now);
            }
            _ => self.wake_up(now),
        }
    }

    /// Whoever came to need the client during the visit keeps it.
    pub(super) fn leave(&mut self, now: Instant) {
        if self.surroundings.wakefulness == Wakefulness::Woken {
            return self.suspend(now);
        }
        if self.end_visit(now) || !self.surroundings.intent.is_sync() {
            return;
        }
        self.surroundings.intent = self.surroundings.intent.without_sync();
        self.stop(now);
        self.state = State::Stopped;
    }

    /// The app is back by itself: it wants what it wanted before. Says whether that had to be begun.
    pub(super) fn end_visit(&mut self, now: Instant) -> bool {
        if !self.surroundings.intent.wants_online() {
            return false;
        }
        self.surroundings.intent = Intent::Online;
        let found_nothing = matches!(self.state, State::Halted(OfflineReason::NoSession));
        if found_nothing {
            self.go(Why::Asked, now, now);
        }
        found_nothing
    }

    /// Time passed unseen: an attempt under way is as doubtful as after a change of the network.
    pub(super) fn wake_up(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } => self.restart(Why::Resumed, now),
            _ => self.wake(Why::Resumed, now),
        }
    }

    pub(super) fn disconnect(&mut self, now: Instant) {
        self.surroundings.intent = Intent::Offline;
        match self.state {
            State::Online {
                attempt,
                outcome,
                flights,
                ..
            } => {
                self.note_stability(now);
                self.outputs.push_back(Output::CloseCleanly { attempt });
                self.state = State::Closing {
                    attempt,
                    deadline: now + self.timing.close,
                    outcome,
                    flights,
                };
            }
            State::Closing { .. } => {}
            _ => {
                self.stop(now);
                self.state = State::Stopped;
            }
        }
    }

    /// I14: the stream is left as it is, even in the middle of a goodbye.
    pub(super) fn suspend(&mut self, now: Instant) {
        self.surroundings.wakefulness = Wakefulness::Suspended;
        self.surroundings.intent = self.surroundings.intent.without_sync();
        match self.state {
            // The visit is over, and what it did not find the app may still want.
            State::Halted(OfflineReason::NoSession) => self.go(Why::Resumed, now, now),
            State::Halted(_) | State::Stopped => {}
            _ => {
                self.stop(now);
                self.go(Why::Resumed, now, now);
            }
        }
    }

    pub(super) fn network_changed(&mut self, available: bool, now: Instant) {
        self.surroundings.network = available;
        self.budget.renew();
        match self.state {
            // A connection may outlive a gap; and only the server's silence proves that it did not.
            State::Online { .. } if !available => {}
            State::Connecting { .. } if available => self.restart(Why::NetworkChanged, now),
            State::Connecting { .. } | State::Waiting { .. } if !available => {
                self.stop(now);
                self.go(Why::NetworkChanged, now, now);
            }
            _ => self.wake(Why::NetworkChanged, now),
        }
    }

    /// Something happened after which waiting on is wrong, and what was true before may not be.
    pub(super) fn wake(&mut self, why: Why, now: Instant) {
        match self.state {
            State::Waiting { .. } | State::WaitingForNetwork | State::Suspended => {
                self.go(why, now, now);
            }
            State::Online { .. } => self.probe(now),
            State::Stopped
            | State::Halted(_)
            | State::Connecting { .. }
            | State::Closing { .. } => {}
        }
    }

    /// The network changed under an attempt: the old path is probably gone.
    pub(super) fn restart(&mut self, why: Why, now: Instant) {
        let next = self.next_start(false);
        if next <= now {
            self.stop(now);
            self.go(why, now, now);
        } else if let State::Connecting { restart, .. } = &mut self.state {
            // Better an attempt on a path that may be gone than none.
            *restart = Some(next);
        }
    }
}
