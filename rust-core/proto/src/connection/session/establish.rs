//! How a session begins: newly bound, or resumed.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::{Request, Subject};
use crate::jid::FullJid;
use crate::knowledge::{Greeting, Op, PendingKind, SmSession};
use crate::ns;
use crate::plan::{Goal, Purpose};
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xep::bind2::{Bound2, BoundSm};
use crate::xep::sm::{self, Enabled, Resumed};
use crate::xep::{carbons, disco, roster};
use crate::xml::Element;

use crate::connection::output::{Event, Outcome};
use crate::connection::remote::Remote;
use crate::connection::session::archive::Archive;
use crate::connection::session::caught_up::CaughtUp;
use crate::connection::session::lost::lost;
use crate::connection::session::missed::Missed;
use crate::connection::session::state::{Inline, Session, SessionStage, SettlingQuery, Sm};
use crate::connection::timer::Timer;

impl Session {
    /// Sends the initial stanzas of a new session, after the bind request: `<enable/>`, roster, carbons, presence, the archive
    /// query, push notifications, client state.
    pub(in crate::connection) fn greet(
        &mut self,
        features: &StreamFeatures,
        inline: Inline,
        remote: &mut Remote,
    ) {
        if self.enables_alone(features, inline, remote) {
            return;
        }
        if features.sm && !inline.sm && self.may_send(Request::Enable, remote) {
            self.enable(remote);
        }
        if self.greeting == Greeting::Owed {
            return self.greet_quietly(inline, remote);
        }
        if remote.env.config.roster && self.may_send(Request::Roster, remote) {
            self.request_roster(features, remote);
        }
        if self.may_send(Request::Disco, remote) {
            self.discover_server(remote);
        }
        let is_carbons = remote.env.config.carbons && !inline.carbons;
        if is_carbons && self.may_send(Request::Carbons, remote) {
            self.enable_carbons(remote);
        }
        if remote.env.config.presence && self.may_send(Request::Presence, remote) {
            self.announce_presence(remote);
        }
        // After the presence, since messages that arrive before it may be in the archive only.
        if self.archive.is_planned() && self.may_send(Request::Archive, remote) {
            self.send_archive_query(remote);
        }
        self.greet_with_push(remote);
        self.sent_inactive = inline.inactive;
        self.tell_client_state(remote);
    }

    pub(super) fn enable(&mut self, remote: &mut Remote) {
        remote
            .env
            .transmit_element(ProtocolMessage::Enable, &sm::enable(true, None));
        self.sm = Sm::Enabling;
        self.requests
            .sent(Request::Enable, None, remote.env.now.mono);
    }

    pub(super) fn enable_carbons(&mut self, remote: &mut Remote) {
        let id = remote.env.entropy.token();
        self.send_core(
            ProtocolMessage::EnableCarbons,
            carbons::enable(&id),
            Some(PendingKind::Carbons),
            remote,
        );
    }

    pub(super) fn announce_presence(&mut self, remote: &mut Remote) {
        if let Some(presence) = self.initial_presence(remote) {
            self.requests
                .sent(Request::Presence, None, remote.env.now.mono);
            self.send_core(ProtocolMessage::Presence, presence, None, remote);
        }
    }

    /// S8: `ver` only where advertised; without a stored roster, `ver=''`.
    pub(super) fn request_roster(&mut self, features: &StreamFeatures, remote: &mut Remote) {
        let id = remote.env.entropy.token();
        let version = remote.knowledge.roster_version.clone().unwrap_or_default();
        // Inside SASL2 the session begins before the server sends the features that follow the login; the last received ones
        // apply.
        let authenticated = remote.knowledge.server.authenticated.as_ref();
        let is_versioned = features.roster_version
            || authenticated.is_some_and(|features| features.roster_version);
        let version = is_versioned.then_some(version.as_str());
        let request = roster::request(&id, version);
        self.send_core(
            ProtocolMessage::RosterGet,
            request,
            Some(PendingKind::Roster),
            remote,
        );
    }

    /// XEP-0115 6.3: caps in the stream features make the query unnecessary, once their features are known.
    pub(super) fn discover_server(&mut self, remote: &mut Remote) {
        let caps = remote.server_caps().cloned();
        if let Some(known) = caps.as_ref().and_then(|caps| remote.known_caps(caps)) {
            let features = known.features.to_vec();
            remote.env.event(Event::ServerFeatures(features));
            return;
        }
        let id = remote.env.entropy.token();
        let node = caps.map(|caps| caps.disco_node());
        let domain = remote.env.domain().to_owned();
        let request = disco::request(&id, Some(&domain), node.as_deref());
        self.send_core(
            ProtocolMessage::DiscoInfo,
            request,
            Some(PendingKind::ServerDisco),
            remote,
        );
    }

    /// Processes a bound resource: a new session.
    pub(in crate::connection) fn bound(
        &mut self,
        jid: &str,
        remote: &mut Remote,
    ) -> Result<(), ConnectionError> {
        check_full_jid(jid, remote)?;
        self.jid = Some(jid.to_owned());
        if remote.knowledge.sm.is_none()
            && remote.knowledge.archive.is_none()
            && let Some(op) = self.note_open(remote)
        {
            // The server chose another resource than the requested one.
            remote.env.persist(vec![op]);
        }
        if !self.archive.is_asking() && self.archive != Archive::Current {
            self.missed.store_suspected_gap(&mut remote.env);
        }
        if matches!(self.archive, Archive::Absent | Archive::Current) {
            // It has answered before the bind was answered.
            self.missed.report_stored_gap(&mut remote.env);
        }
        let outcome = match self.greeting {
            Greeting::Sent => Outcome::Bound,
            Greeting::Owed => Outcome::Unannounced,
        };
        self.announce(outcome, jid, remote);
        if remote.knowledge.archive_recheck.is_some() {
            // The loss of an earlier session may have left it.
            self.recheck_archive(remote);
        }
        // The app may have changed its state since the initial stanzas were sent, while the bind was pending.
        self.tell_client_state(remote);
        self.push_changed(remote);
        if self.awaits_start.is_some() {
            self.expect_start(remote);
            return Ok(());
        }
        self.report_unread_archive(remote);
        self.expect_archive(remote);
        self.go_on(remote);
        Ok(())
    }

    /// Processes a resource bound inside SASL2; stream management counts from `<enabled/>` inside `<bound/>` (rule I6).
    pub(in crate::connection) fn bound_inline(
        mut self,
        jid: &str,
        bound: Bound2,
        inline: Inline,
        remote: &mut Remote,
    ) -> Result<Self, ConnectionError> {
        self.plan_catch_up(bound.mam.as_ref(), remote);
        let enabled = match bound.sm {
            Some(BoundSm::Enabled(enabled)) => Some(enabled),
            _ => None,
        };
        let features = remote.features_for_greeting();
        let inline = Inline {
            sm: enabled.is_some() || inline.sm,
            ..inline
        };
        if let Some(enabled) = enabled {
            remote.env.understood(ProtocolMessage::Enabled);
            remote.note_success(Subject::Request(Request::Enable));
            check_full_jid(jid, remote)?;
            self.greet_and_store(&enabled, jid, &features, inline, remote);
        } else {
            self.greet(&features, inline, remote);
        }
        self.bound(jid, remote)?;
        Ok(self)
    }

    /// The session and its initial stanzas are stored in one transaction. If the process were killed between the two, the
    /// session would be resumed without presence, and stanzas to the account would wait on the server as long as the session
    /// exists (I15).
    fn greet_and_store(
        &mut self,
        enabled: &Enabled,
        jid: &str,
        features: &StreamFeatures,
        inline: Inline,
        remote: &mut Remote,
    ) {
        self.jid = Some(jid.to_owned());
        // As in a legacy login: stanzas sent while `<enable/>` is pending are listed when the session is stored.
        self.sm = Sm::Enabling;
        self.greet(features, inline, remote);
        self.sm = Sm::On;
        if let Some(session) = self.resumable(enabled, jid.to_owned(), remote) {
            let sent = self.unacked.iter().cloned().collect();
            let mut ops = vec![Op::SmEnabled { session, sent }];
            ops.extend(self.note_settled(remote));
            remote.env.persist(ops);
        }
    }

    /// Resumes the interrupted session: counters stay, nothing is requested again (rules I3, I4, I15).
    pub(in crate::connection) fn resumed(
        resumed: &Resumed,
        purpose: Purpose,
        mut missed: Missed,
        remote: &mut Remote,
    ) -> Result<Self, ConnectionError> {
        remote.env.understood(ProtocolMessage::Resumed);
        let Some(stored) = remote.knowledge.sm.clone() else {
            return Err(ConnectionError::Peer(PeerError::WrongPrevid));
        };
        let was_asked_for = remote.plan.goal == Goal::Resume;
        if !was_asked_for || resumed.previd != stored.id {
            // The answer would be the same.
            lost(None, &mut missed, remote)?;
            return Err(ConnectionError::Peer(PeerError::WrongPrevid));
        }
        remote.resumption.answered(remote.env.now.mono);
        let jid = stored.jid.clone();
        if let Ok(jid) = FullJid::try_from(jid.as_str())
            && remote.is_own_account(jid.bare())
        {
            remote.adopt_account(jid.bare());
        }
        let mut session = Self::restored(stored, missed, remote);
        let at = remote.env.now.wall;
        if let Some(session) = &mut remote.knowledge.sm {
            session.alive_at = at;
        }
        let asked = session.pending.iter().map(|pending| &pending.id);
        let unacked = session.unacked.iter().map(|stanza| &stanza.id);
        let open = remote.knowledge.open_requests.iter();
        for id in asked.chain(unacked).chain(open) {
            remote.stream.reader.expect_result(id);
        }
        let mut ops = vec![Op::SmAlive { at }];
        // A new session may have been requested for the case that this one is lost.
        ops.extend(session.note_settled(remote));
        ops.extend(remote.handed_over());
        remote.env.persist(ops);
        session.acknowledge(resumed.h, remote)?;
        if session.greeting == Greeting::Owed {
            return Ok(session.resumed_unannounced(purpose, &jid, remote));
        }
        session.announce(Outcome::Resumed, &jid, remote);
        session.set_requests_apart(remote);
        session.tell_client_state(remote);
        session.expect_archive(remote);
        session.resend_unacked(remote);
        session.recheck_archive(remote);
        session.tell_push_after_resumption(remote);
        session.go_on(remote);
        remote.at_risk = Some(Assumption::Resumption);
        Ok(session)
    }

    /// Restores the session as it was when it was interrupted; acknowledged stanzas leave the queue.
    fn restored(stored: SmSession, missed: Missed, remote: &mut Remote) -> Self {
        let unacked = remote
            .knowledge
            .queue
            .extract_if(.., |stanza| stanza.sent)
            .collect();
        Self {
            sm: Sm::On,
            h: stored.h,
            base: stored.base,
            unacked,
            archive: Archive::resumed(&stored.pending, remote.knowledge.archive.as_ref()),
            settling_query: SettlingQuery::Done {
                until: remote.env.now.mono,
            },
            caught_up: CaughtUp::ToAck,
            greeting: stored.greeting,
            pending: stored.pending,
            jid: Some(stored.jid),
            // The server treats it as active again, whatever it was before (XEP-0352, "Interaction with Stream Resumption").
            ..Self::new(missed)
        }
    }

    pub(super) fn announce(&mut self, outcome: Outcome, jid: &str, remote: &mut Remote) {
        self.stage = SessionStage::Online;
        remote.env.timers.stop(Timer::Login);
        self.heard(remote);
        let plan = remote.plan.clone();
        remote.env.event(Event::Online {
            outcome,
            jid: jid.to_owned(),
            plan,
        });
    }

    /// Returns the session in the form that is stored, if the server permits resumption.
    pub(super) fn resumable(
        &self,
        enabled: &Enabled,
        jid: String,
        remote: &mut Remote,
    ) -> Option<SmSession> {
        let id = enabled.resumable()?.to_owned();
        let session = SmSession {
            id,
            jid,
            h: 0,
            base: self.base,
            max: enabled.max,
            location: enabled.location.clone(),
            alive_at: remote.env.now.wall,
            pending: self.pending.clone(),
            hand_over: None,
            greeting: self.greeting,
        };
        remote.knowledge.sm = Some(session.clone());
        remote.knowledge.failures.session_ended();
        Some(session)
    }

    /// Returns the presence that the app broadcast last, or a plain one; nothing if the app wants to be invisible.
    fn initial_presence(&self, remote: &mut Remote) -> Option<Element> {
        let id = remote.env.entropy.token();
        if let Some(last) = &remote.knowledge.presence {
            let is_available = last.attr("type").is_none();
            return is_available.then(|| last.as_ref().clone().with_attr("id", id));
        }
        let presence = Element::new("presence", ns::CLIENT).with_attr("id", id);
        Some(match self.own_caps(&remote.env.config) {
            Some(own) => presence.with_child(own.caps().to_element()),
            None => presence,
        })
    }
}

/// Checks that this is a full JID of the account. With one of another account, everything that arrives would seem to be forged.
pub(in crate::connection) fn check_full_jid(
    text: &str,
    remote: &mut Remote,
) -> Result<(), ConnectionError> {
    let jid = FullJid::try_from(text)
        .map_err(|_| ConnectionError::Peer(PeerError::Malformed("full JID")))?;
    if remote.is_own_account(jid.bare()) {
        remote.adopt_account(jid.bare());
        Ok(())
    } else {
        Err(ConnectionError::Peer(PeerError::OtherAccount))
    }
}
