//! What the app wants, and what the platform reports.

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use super::state::{Intent, Place, State, Wakefulness};
use super::{OfflineReason, Output, StartReason, Supervisor, SyncKind};

impl Supervisor {
    pub(super) fn connect(&mut self, now: Instant) {
        self.rouse();
        self.budget.renew();
        self.surroundings.intent = Intent::Online;
        self.surroundings.place = Place::Ours;
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(StartReason::Asked, now, now);
            }
            State::Waiting { .. } | State::Suspended => self.go(StartReason::Asked, now, now),
            State::Online { .. } => {
                self.leave_unannounced(now);
            }
            // Closing continues; what follows is decided when it is complete. An attempt of a background sync continues
            // as well: another one follows if it cannot resume, or has no presence.
            _ => {}
        }
    }

    /// Records that the process runs, and not only for a background sync. Returns whether it was suspended.
    pub(super) fn rouse(&mut self) -> bool {
        let wakefulness = &mut self.surroundings.wakefulness;
        std::mem::replace(wakefulness, Wakefulness::Awake) == Wakefulness::Suspended
    }

    /// Begins a background sync. It does not change which session is wanted if the app wants to be online and the process is
    /// awake.
    pub(super) fn begin_sync(&mut self, kind: SyncKind, now: Instant) {
        self.budget.renew();
        let suspended = self.is_suspended();
        let is_halted = matches!(self.state, State::Halted(_));
        let is_wanted = self.surroundings.intent.wants_online();
        if suspended || !(is_wanted || self.surroundings.foreground) {
            self.surroundings.wakefulness = Wakefulness::Woken;
        }
        if self.surroundings.place == Place::Taken {
            // I10: a push is not an action of the user, even if the app has asked for something else since.
            return;
        }
        if !is_wanted || suspended || is_halted {
            self.surroundings.intent = self.surroundings.intent.with_sync(kind);
        }
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(StartReason::Resumed, now, now);
            }
            State::Online {
                outcome: Outcome::Unannounced,
                ..
            } => self.read_again(now),
            _ => self.wake_up(now),
        }
    }

    /// The session has no presence, so what the push is about did not come to it: it is in the archive, which is read at the
    /// beginning of a connection.
    fn read_again(&mut self, now: Instant) {
        match &mut self.state {
            State::Online {
                is_caught_up: false,
                reads_again,
                ..
            } => *reads_again = true,
            _ => {
                self.stop(now);
                self.go(StartReason::Resumed, now, now);
            }
        }
    }

    /// Ends a background sync. The client stays awake if the app has come to need it during the sync.
    pub(super) fn end_sync(&mut self, now: Instant) {
        if self.surroundings.wakefulness == Wakefulness::Woken {
            return self.suspend(now);
        }
        if self.end_sync_by_app(now) || self.surroundings.intent.sync().is_none() {
            return;
        }
        self.surroundings.intent = self.surroundings.intent.without_sync();
        self.stop(now);
        self.state = State::Stopped;
    }

    /// Ends the background sync because the app is active itself: what it wanted before applies again. Returns whether
    /// an attempt for it was begun.
    pub(super) fn end_sync_by_app(&mut self, now: Instant) -> bool {
        if !self.surroundings.intent.wants_online() {
            return false;
        }
        self.surroundings.intent = Intent::Online;
        let found_nothing = matches!(self.state, State::Halted(OfflineReason::NoSession));
        if found_nothing {
            self.go(StartReason::Asked, now, now);
        }
        found_nothing || self.leave_unannounced(now)
    }

    /// Leaves a session without presence if the app wants to be online: an attempt that resumes it completes it (rule
    /// I23). Returns whether such an attempt was begun.
    pub(super) fn leave_unannounced(&mut self, now: Instant) -> bool {
        let outcome = Outcome::Unannounced;
        let is_left = matches!(self.state, State::Online { outcome: it, .. } if it == outcome)
            && self.surroundings.intent == Intent::Online;
        if is_left {
            self.stop(now);
            self.go(StartReason::Asked, now, now);
        }
        is_left
    }

    /// Handles the end of a suspension. Time has passed unnoticed, so an attempt in progress is as doubtful as after a
    /// change of the network.
    pub(super) fn wake_up(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } => self.restart(StartReason::Resumed, now),
            _ => self.wake(StartReason::Resumed, now),
        }
    }

    pub(super) fn disconnect(&mut self, now: Instant) {
        self.surroundings.intent = Intent::Offline;
        match self.state {
            State::Online {
                attempt,
                outcome,
                flights,
                is_caught_up,
                ..
            } => {
                self.note_stability(now);
                self.outputs.push_back(Output::CloseCleanly { attempt });
                self.state = State::Closing {
                    attempt,
                    deadline: now + self.timing.close,
                    outcome,
                    flights,
                    is_caught_up,
                };
            }
            State::Closing { .. } => {}
            _ => {
                self.stop(now);
                self.state = State::Stopped;
            }
        }
    }

    /// Suspends. I14: the stream is not closed; an exchange of stream closes in progress is abandoned.
    pub(super) fn suspend(&mut self, now: Instant) {
        self.surroundings.wakefulness = Wakefulness::Suspended;
        self.surroundings.intent = self.surroundings.intent.without_sync();
        match self.state {
            // The background sync is over, and the app may still want the session that it did not find.
            State::Halted(OfflineReason::NoSession) => self.go(StartReason::Resumed, now, now),
            State::Halted(_) | State::Stopped => {}
            _ => {
                self.stop(now);
                self.go(StartReason::Resumed, now, now);
            }
        }
    }

    pub(super) fn network_changed(&mut self, available: bool, now: Instant) {
        self.surroundings.network = available;
        self.budget.renew();
        match self.state {
            // A connection may survive an interruption of the network. Only a missing probe response proves that it did
            // not.
            State::Online { .. } if !available => {}
            State::Connecting { .. } if available => self.restart(StartReason::NetworkChanged, now),
            State::Connecting { .. } | State::Waiting { .. } if !available => {
                self.stop(now);
                self.go(StartReason::NetworkChanged, now, now);
            }
            _ => self.wake(StartReason::NetworkChanged, now),
        }
    }

    /// Handles an event after which waiting longer is wrong, and after which the connection may be dead.
    pub(super) fn wake(&mut self, why: StartReason, now: Instant) {
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

    /// Restarts an attempt because the network changed during it: the previous path is probably gone.
    pub(super) fn restart(&mut self, why: StartReason, now: Instant) {
        let next = self.next_start(false);
        if next <= now {
            self.stop(now);
            self.go(why, now, now);
        } else if let State::Connecting { restart, .. } = &mut self.state {
            // An attempt on a path that may be gone is better than none.
            *restart = Some(next);
        }
    }
}
