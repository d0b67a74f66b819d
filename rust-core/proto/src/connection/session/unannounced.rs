//! A session that a background sync has bound (rule I23): it reads the archive, and nothing else. The app's own login completes
//! it.
//!
//! ```text
//!  background sync, nothing to resume:  bind, archive query ------> Owed, stored with the session
//!                                                                    |    ^ resumed by another background sync:
//!                                                                    |----' archive query
//!                                                                    v
//!  login of the app: resume, roster, presence, archive query ... --> Sent, stored in one transaction with those stanzas
//! ```
//!
//! Without presence the server sends it nothing that is for the account (RFC 6121 section 8.5), so each connection reads the
//! archive again, and what arrives live says nothing about what came before.

use crate::connection::output::Outcome;
use crate::connection::remote::Remote;
use crate::connection::session::caught_up::CaughtUp;
use crate::connection::session::push::note_told;
use crate::connection::session::state::{Inline, Session, SettlingQuery};
use crate::error::Assumption;
use crate::escalation::Request;
use crate::knowledge::{Greeting, Op};
use crate::plan::Purpose;

impl Session {
    /// Sends what a background sync needs of a new session: the archive query. Presence would make the session the account's.
    pub(super) fn greet_quietly(&mut self, inline: Inline, remote: &mut Remote) {
        note_told(false, remote);
        self.query_archive_quietly(remote);
        self.sent_inactive = inline.inactive;
        self.tell_client_state(remote);
    }

    /// Resumes a session whose initial stanzas are owed. The app's own login sends them; another background sync only reads the
    /// archive.
    pub(super) fn resumed_unannounced(
        mut self,
        purpose: Purpose,
        jid: &str,
        remote: &mut Remote,
    ) -> Self {
        let completes = purpose == Purpose::Session;
        let outcome = if completes {
            Outcome::Bound
        } else {
            Outcome::Unannounced
        };
        self.announce(outcome, jid, remote);
        self.set_requests_apart(remote);
        self.resend_unacked(remote);
        self.settling_query = SettlingQuery::AfterCatchUp;
        self.plan_catch_up(None, remote);
        if remote.knowledge.archive.is_none() {
            // What came for the account since the bind may have reached no session.
            self.missed.possible_gap(remote);
        }
        if completes {
            self.complete(remote);
        } else {
            self.query_archive_quietly(remote);
            self.tell_client_state(remote);
        }
        self.caught_up = CaughtUp::ToAck;
        self.report_unread_archive(remote);
        self.expect_archive(remote);
        if remote.knowledge.archive_recheck.is_some() {
            self.recheck_archive(remote);
        }
        self.go_on(remote);
        remote.at_risk = Some(Assumption::Resumption);
        self
    }

    /// Sends the initial stanzas of a new session. That they are no longer owed is stored together with them: neither is there
    /// without the other after the process was killed.
    fn complete(&mut self, remote: &mut Remote) {
        self.greeting = Greeting::Sent;
        if let Some(session) = &mut remote.knowledge.sm {
            session.greeting = Greeting::Sent;
        }
        let features = remote.features_for_greeting();
        let inline = Inline {
            sm: true,
            ..Inline::default()
        };
        remote
            .env
            .begin_transaction(vec![Op::SmGreeting(Greeting::Sent)]);
        self.greet(&features, inline, remote);
        remote.env.end_transaction();
    }

    fn query_archive_quietly(&mut self, remote: &mut Remote) {
        if self.archive.is_planned() && self.may_send(Request::Archive, remote) {
            self.send_archive_query(remote);
        }
    }
}
