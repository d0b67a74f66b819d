//! What the app asks for, and what it and the platform report.

use snapback_proto::connection::Command;

use super::asked::Asked;
use super::candidates::DialInput;
use super::log_out::AfterLogOut;
use super::{ClosingStore, Engine};
use crate::link::tls::Tls;
use crate::supervisor::{self, SyncKind};

impl<T: Tls + Clone> Engine<T> {
    /// Opens the store first, so that the app receives what arrived meanwhile. What cannot be delivered now is
    /// delivered with the next attempt.
    pub(super) fn wake(&mut self, how: supervisor::Input) {
        if self.waits_for_log_out(&how) {
            return;
        }
        let how = match how {
            // A push does not log the account in again that the user has logged out.
            supervisor::Input::BeginSync(_) if self.is_logged_out => {
                supervisor::Input::BeginSync(SyncKind::ResumeOnly)
            }
            supervisor::Input::Connect => {
                self.is_logged_out = false;
                how
            }
            _ => how,
        };
        self.closing_store = None;
        self.open_store(Asked::OpenedToWake(how));
    }

    /// Continues once the store is open.
    pub(super) fn woken(&mut self, how: supervisor::Input) {
        let is_awake = !matches!(how, supervisor::Input::BeginSync(_));
        self.tell(how);
        if is_awake {
            self.log_in_again();
        }
    }

    pub(super) fn resume(&mut self) {
        self.command(Command::PathChanged);
        self.wake(supervisor::Input::Resume);
    }

    pub(super) fn disconnect(&mut self) {
        self.disconnecting = true;
        self.after_log_out = AfterLogOut::default();
        // A log-out ends the connection by itself, after it has invalidated the token.
        if self.log_out.is_none() {
            self.tell(supervisor::Input::Disconnect);
        }
    }

    pub(super) fn suspend(&mut self) {
        self.closing_store = Some(ClosingStore::Always);
        self.after_log_out.sync = None;
        self.tell(supervisor::Input::Suspend);
    }

    pub(super) fn network_changed(&mut self, available: bool) {
        self.candidates.network_changed(&mut self.outputs);
        // A race no longer waits for the prefixes of the previous network.
        self.dial_input(DialInput::Translated(&[]));
        self.renew_standby();
        self.command(Command::PathChanged);
        self.tell(supervisor::Input::NetworkChanged { available });
    }

    pub(super) fn begin_sync(&mut self, kind: SyncKind) {
        self.syncs = self.syncs.saturating_add(1);
        self.command(Command::PathChanged);
        self.wake(supervisor::Input::BeginSync(kind));
    }

    /// Ends a background sync. After the last one, a process that was woken for it suspends again.
    pub(super) fn end_sync(&mut self) {
        self.syncs = self.syncs.saturating_sub(1);
        if self.syncs == 0 {
            self.closing_store = Some(ClosingStore::IfSuspended);
            self.after_log_out.sync = None;
            self.tell(supervisor::Input::EndSync);
        }
    }

    pub(super) fn set_active(&mut self, active: bool) {
        self.active = active;
        self.command(Command::SetActive(active));
        if active {
            self.wake(supervisor::Input::Foreground);
        } else {
            self.tell(supervisor::Input::Background);
        }
    }
}
