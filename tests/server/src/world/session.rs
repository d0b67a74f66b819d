//! Sessions and Stream Management (XEP-0198): what outlives a connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{ConnectionId, Mail, SessionId, World};
use crate::connection::StreamCondition;
use crate::ns;
use crate::time::Timestamp;
use crate::tls::TlsError;
use crate::xml::Element;

/// A session that is resumed a second time within this time loses messages, with the corresponding switch or fault.
const HAND_OVER: Duration = Duration::from_secs(2);

/// The number of ended sessions whose `h` is remembered.
const ENDED_REMEMBERED: usize = 256;

#[derive(Debug)]
pub(crate) struct Session {
    pub(super) account: String,
    pub(super) resource: String,
    pub(super) connection: Option<ConnectionId>,
    pub(super) sm: Option<Sm>,
    pub(super) carbons: bool,
    /// The nodes where notifications are enabled (XEP-0357).
    pub(super) push: BTreeSet<String>,
    pub(super) inactive: bool,
    pub(super) held_presence: BTreeMap<String, Element>,
    /// `<presence/>` as broadcast; `None`: not available.
    pub(super) presence: Option<Element>,
    /// How often the client broadcast its presence.
    pub(super) presences: u32,
    pub(super) priority: i8,
    pub(super) wants_roster: bool,
    pub(super) duplicate: bool,
    expires: Option<Timestamp>,
    /// When it was last resumed.
    resumed_at: Option<Timestamp>,
    /// Nothing that its client sends is read (`ResumeFault::UnreadAfter`).
    is_unread: bool,
}

#[derive(Debug)]
pub(super) struct Sm {
    id: Option<String>,
    window: Duration,
    inbound: u32,
    /// How many of our stanzas the client has acknowledged.
    base: u32,
    pub(super) unacked: VecDeque<Arc<Element>>,
    since_request: u32,
    request_pending: bool,
}

/// A session as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSnapshot {
    /// Full JID.
    pub jid: String,
    /// The connection it is attached to; `None` while it waits to be resumed.
    pub connection: Option<ConnectionId>,
    /// SM-ID, if it can be resumed.
    pub sm_id: Option<String>,
    /// Stanzas received from the client since SM was enabled.
    pub inbound: u32,
    /// Stanzas sent and not acknowledged.
    pub unacked: usize,
    /// Whether presence was sent.
    pub available: bool,
    /// How often it was broadcast.
    pub presences: u32,
    /// Whether carbons are on.
    pub carbons: bool,
    /// The push service and node, separated by `#`, of each registration of the session (XEP-0357).
    pub push: Vec<String>,
    /// Whether the client is inactive (XEP-0352).
    pub inactive: bool,
}

/// A successful resumption.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) session: SessionId,
    pub(crate) account: String,
    pub(crate) inbound: u32,
    pub(crate) resend: Vec<Arc<Element>>,
}

/// A failed resumption.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// No such session; `h` if it is still known.
    NotFound { h: Option<u32> },
    /// The client acknowledges more than was sent.
    TooHigh { h: u32, sent: u32 },
}

/// The client acknowledges more than was sent.
#[derive(Debug)]
pub(crate) struct AckTooHigh {
    pub(crate) h: u32,
    pub(crate) sent: u32,
}

impl Sm {
    fn sent(&self) -> u32 {
        // The queue is bounded far below 2^32.
        self.base
            .wrapping_add(u32::try_from(self.unacked.len()).unwrap_or(u32::MAX))
    }

    fn ack(&mut self, h: u32) -> Result<(), AckTooHigh> {
        let delta = usize::try_from(h.wrapping_sub(self.base)).unwrap_or(usize::MAX);
        if delta > self.unacked.len() {
            return Err(AckTooHigh {
                h,
                sent: self.sent(),
            });
        }
        self.unacked.drain(..delta);
        self.base = h;
        Ok(())
    }
}

impl World {
    /// Returns all sessions, attached or waiting.
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        self.sessions
            .values()
            .map(|session| SessionSnapshot {
                jid: self.full_jid(session),
                connection: session.connection,
                sm_id: session.sm.as_ref().and_then(|sm| sm.id.clone()),
                inbound: session.sm.as_ref().map_or(0, |sm| sm.inbound),
                unacked: session.sm.as_ref().map_or(0, |sm| sm.unacked.len()),
                available: session.presence.is_some(),
                presences: session.presences,
                carbons: session.carbons,
                push: session.push.iter().cloned().collect(),
                inactive: session.inactive,
            })
            .collect()
    }

    /// Returns whether the session of this connection has sent its presence.
    pub fn is_available(&self, connection: ConnectionId) -> bool {
        self.sessions
            .values()
            .any(|session| session.connection == Some(connection) && session.presence.is_some())
    }

    /// Adds to both counters of an account's sessions, as if this many stanzas had passed each way and were
    /// acknowledged: sending 2^32 would take too long.
    pub fn wind_counters(&mut self, account: &str, by: u32) {
        let theirs = |session: &&mut Session| session.account == account;
        for session in self.sessions.values_mut().filter(theirs) {
            if let Some(sm) = &mut session.sm {
                sm.inbound = sm.inbound.wrapping_add(by);
                sm.base = sm.base.wrapping_add(by);
            }
        }
    }

    pub(super) fn full_jid(&self, session: &Session) -> String {
        [&session.account, "@", &self.domain, "/", &session.resource].concat()
    }

    pub(crate) fn session_jid(&self, session: SessionId) -> String {
        self.sessions
            .get(&session)
            .map(|session| self.full_jid(session))
            .unwrap_or_default()
    }

    /// Begins a new session; an older one of the same resource ends.
    pub(crate) fn bind(
        &mut self,
        account: &str,
        resource: &str,
        connection: ConnectionId,
        duplicate: bool,
        now: Timestamp,
    ) -> SessionId {
        let older: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.account == account && session.resource == resource)
            .map(|(id, _)| *id)
            .collect();
        for id in older {
            self.displace(id);
            self.end_session(id, now);
        }
        self.last_session += 1;
        self.sessions.insert(
            self.last_session,
            Session {
                account: account.to_owned(),
                resource: resource.to_owned(),
                connection: Some(connection),
                sm: None,
                carbons: false,
                push: BTreeSet::new(),
                inactive: false,
                held_presence: BTreeMap::new(),
                presence: None,
                presences: 0,
                priority: 0,
                wants_roster: false,
                duplicate,
                expires: None,
                resumed_at: None,
                is_unread: false,
            },
        );
        self.last_session
    }

    /// Reads nothing of this session from now on.
    pub(crate) fn leave_unread(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.is_unread = true;
        }
    }

    /// Returns whether nothing is read of this session.
    pub(crate) fn is_unread(&self, session: SessionId) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| session.is_unread)
    }

    /// Returns whether there is a session of which nothing is read.
    pub fn has_unread_session(&self) -> bool {
        self.sessions.values().any(|session| session.is_unread)
    }

    /// Returns whether a client is connected with this resource.
    pub(crate) fn is_taken(&self, account: &str, resource: &str) -> bool {
        self.sessions.values().any(|session| {
            session.account == account
                && session.resource == resource
                && session.connection.is_some()
        })
    }

    /// Sends `conflict` to the connection of a session, if any; what it had not sent yet stays queued.
    fn displace(&mut self, session: SessionId) {
        let connection = self
            .sessions
            .get_mut(&session)
            .and_then(|session| session.connection.take());
        if let Some(connection) = connection {
            if let Some(mailbox) = self.mailboxes.get_mut(&connection) {
                mailbox.clear();
            }
            self.mail(connection, Mail::Close(StreamCondition::Conflict));
        }
    }

    /// Handles `<enable/>`: returns the SM-ID and window if the session can be resumed. `None`: it is enabled already.
    pub(crate) fn enable_sm(
        &mut self,
        session: SessionId,
        resume: bool,
        max: Option<u64>,
    ) -> Option<Option<(String, Duration)>> {
        let id = self.rng.token();
        let window = max.map_or(self.switches.sm_window, |max| {
            self.switches.sm_window.min(Duration::from_secs(max))
        });
        let resumable = resume && self.switches.sm_resume;
        let session = self.sessions.get_mut(&session)?;
        if session.sm.is_some() {
            return None;
        }
        session.sm = Some(Sm {
            id: resumable.then(|| id.clone()),
            window,
            inbound: 0,
            base: 0,
            unacked: VecDeque::new(),
            since_request: 0,
            request_pending: false,
        });
        Some(resumable.then_some((id, window)))
    }

    /// Returns whether a session has sent such a stanza without an acknowledgement.
    pub(super) fn has_unacknowledged(
        &self,
        session: SessionId,
        is_it: impl Fn(&Element) -> bool,
    ) -> bool {
        let sm = self.sessions.get(&session).and_then(|s| s.sm.as_ref());
        sm.is_some_and(|sm| sm.unacked.iter().any(|stanza| is_it(stanza)))
    }

    /// Returns whether a session of this account, attached or waiting, has sent such a stanza without an acknowledgement.
    pub(super) fn is_unacknowledged(
        &self,
        account: &str,
        is_it: impl Fn(&Element) -> bool,
    ) -> bool {
        let sessions = self.sessions.values();
        let own = sessions.filter(|session| session.account == account);
        own.filter_map(|session| session.sm.as_ref())
            .flat_map(|sm| &sm.unacked)
            .any(|stanza| is_it(stanza))
    }

    /// Returns the account of the session with this SM-ID.
    pub(crate) fn sm_account(&self, sm_id: &str) -> Option<String> {
        let (_, session) = self.session_by_sm_id(sm_id)?;
        Some(session.account.clone())
    }

    fn session_by_sm_id(&self, sm_id: &str) -> Option<(SessionId, &Session)> {
        self.sessions
            .iter()
            .find(|(_, session)| session.sm.as_ref().and_then(|sm| sm.id.as_deref()) == Some(sm_id))
            .map(|(id, session)| (*id, session))
    }

    /// Handles `<resume/>` from a client of `account`.
    pub(crate) fn resume(
        &mut self,
        account: &str,
        sm_id: &str,
        h: u32,
        connection: ConnectionId,
        duplicate: bool,
    ) -> Result<Resumed, ResumeError> {
        let found = self
            .session_by_sm_id(sm_id)
            .filter(|(_, session)| session.account == account)
            .map(|(id, _)| id);
        let Some(id) = found else {
            return Err(ResumeError::NotFound {
                h: self.ended_h(account, sm_id),
            });
        };
        if self.sessions.get(&id).and_then(|s| s.connection) != Some(connection) {
            self.displace(id);
        }
        let not_found = ResumeError::NotFound { h: None };
        let session = self.sessions.get_mut(&id).ok_or(not_found)?;
        let sm = session
            .sm
            .as_mut()
            .ok_or(ResumeError::NotFound { h: None })?;
        sm.ack(h)
            .map_err(|AckTooHigh { h, sent }| ResumeError::TooHigh { h, sent })?;
        sm.request_pending = false;
        sm.since_request = 0;
        session.connection = Some(connection);
        session.expires = None;
        session.inactive = false;
        session.duplicate = duplicate;
        Ok(Resumed {
            session: id,
            account: session.account.clone(),
            inbound: sm.inbound,
            resend: sm.unacked.iter().cloned().collect(),
        })
    }

    /// Records a resumption. Where messages are lost at a hand-over, a second one within a short time loses those that the archive
    /// has.
    pub(crate) fn note_resumed(&mut self, resumed: &mut Resumed, loses: bool, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&resumed.session) else {
            return;
        };
        let before = session.resumed_at.replace(now);
        let is_shortly = before.is_some_and(|before| now.saturating_sub(before) < HAND_OVER);
        let Some(sm) = session.sm.as_mut().filter(|_| loses && is_shortly) else {
            return;
        };
        let is_archived = |stanza: &Arc<Element>| stanza.find(ns::STANZA_ID, "stanza-id").is_some();
        let lost = sm.unacked.iter().filter(|stanza| is_archived(stanza));
        let ids = lost.map(|stanza| stanza.attribute("id").unwrap_or_default().to_owned());
        self.lost.extend(ids);
        sm.unacked.retain(|stanza| !is_archived(stanza));
        resumed.resend = sm.unacked.iter().cloned().collect();
    }

    fn ended_h(&self, account: &str, sm_id: &str) -> Option<u32> {
        self.ended
            .iter()
            .find(|(id, owner, _)| id == sm_id && owner == account)
            .map(|(_, _, h)| *h)
            .filter(|_| self.switches.sm_failed_h)
    }

    /// Counts a handled stanza of the client.
    pub(crate) fn count_inbound(&mut self, session: SessionId) {
        if let Some(sm) = self.sm(session) {
            sm.inbound = sm.inbound.wrapping_add(1);
        }
    }

    /// Returns `h` for `<a/>`; `None` if SM is off.
    pub(crate) fn inbound(&mut self, session: SessionId) -> Option<u32> {
        self.sm(session).map(|sm| sm.inbound)
    }

    /// Handles `<a/>`; `None` if SM is off.
    pub(crate) fn acknowledge(
        &mut self,
        session: SessionId,
        h: u32,
    ) -> Option<Result<(), AckTooHigh>> {
        let sm = self.sm(session)?;
        sm.request_pending = false;
        Some(sm.ack(h))
    }

    /// Notes a written stanza; returns true if `<r/>` is due.
    pub(crate) fn request_due(&mut self, session: SessionId) -> bool {
        let every = self.switches.sm_request_every;
        let (Some(sm), Some(every)) = (self.sm(session), every) else {
            return false;
        };
        sm.since_request = sm.since_request.saturating_add(1);
        if sm.since_request < every || sm.request_pending {
            return false;
        }
        sm.since_request = 0;
        sm.request_pending = true;
        true
    }

    /// Returns, after an acknowledgement, whether stanzas were written since the request that it answers, so that
    /// another is due.
    pub(crate) fn request_owed(&mut self, session: SessionId) -> bool {
        let every = self.switches.sm_request_every;
        let (Some(sm), Some(every)) = (self.sm(session), every) else {
            return false;
        };
        let owed = !sm.request_pending && sm.since_request >= every && !sm.unacked.is_empty();
        if owed {
            sm.since_request = 0;
            sm.request_pending = true;
        }
        owed
    }

    fn sm(&mut self, session: SessionId) -> Option<&mut Sm> {
        self.sessions.get_mut(&session)?.sm.as_mut()
    }

    pub(crate) fn set_carbons(&mut self, session: SessionId, on: bool) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.carbons = on;
        }
    }

    /// Enables or disables push notifications of a session at a node (XEP-0357). Without a node, all of the service are disabled.
    pub(crate) fn set_push(
        &mut self,
        session: SessionId,
        service: &str,
        node: Option<&str>,
        on: bool,
    ) {
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        let name = [service, "#", node.unwrap_or_default()].concat();
        if on {
            session.push.insert(name);
        } else if node.is_some() {
            session.push.remove(&name);
        } else {
            session.push.retain(|other| !other.starts_with(&name));
        }
    }

    /// Sets the client state (XEP-0352); a client that becomes active gets what was withheld.
    pub(crate) fn set_inactive(&mut self, session: SessionId, inactive: bool) {
        let Some(state) = self.sessions.get_mut(&session) else {
            return;
        };
        state.inactive = inactive;
        if !inactive {
            for (_, presence) in std::mem::take(&mut state.held_presence) {
                self.deliver(session, presence);
            }
        }
    }

    /// Delivers a stanza to a session: queued under SM, and sent if it is attached.
    pub(super) fn deliver(&mut self, id: SessionId, stanza: Element) {
        let limit = self.switches.sm_queue_limit;
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.inactive && stanza.name == "presence" {
            let from = stanza.attribute("from").unwrap_or_default().to_owned();
            session.held_presence.insert(from, stanza);
            return;
        }
        let copies = if session.duplicate && stanza.name == "message" {
            2
        } else {
            1
        };
        let stanza = Arc::new(stanza);
        let mut full = false;
        for _ in 0..copies {
            if let Some(sm) = &mut session.sm {
                sm.unacked.push_back(Arc::clone(&stanza));
                full = sm.unacked.len() > limit;
            }
        }
        let connection = session.connection;
        if let Some(connection) = connection {
            for _ in 0..copies {
                self.mail(connection, Mail::Stanza(Arc::clone(&stanza)));
            }
        }
        if full {
            match connection {
                Some(connection) => {
                    self.mail(connection, Mail::Close(StreamCondition::ResourceConstraint));
                }
                None => {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.expires = Some(Timestamp::ZERO);
                    }
                }
            }
        }
    }

    /// Delivers a stanza that is written as it is.
    pub(crate) fn deliver_verbatim(&mut self, id: SessionId, stanza: String) {
        self.deliver(id, Element::verbatim(stanza));
    }

    /// Handles the end of the connection: the session waits to be resumed, or ends.
    pub(crate) fn detach(&mut self, id: SessionId, connection: ConnectionId, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.connection != Some(connection) {
            return;
        }
        session.connection = None;
        match &session.sm {
            Some(sm) if sm.id.is_some() => session.expires = Some(now + sm.window),
            _ => self.end_session(id, now),
        }
    }

    /// Handles the close of the stream: there is nothing to resume.
    pub(crate) fn leave(&mut self, id: SessionId, connection: ConnectionId, now: Timestamp) {
        if self.sessions.get(&id).and_then(|s| s.connection) == Some(connection) {
            self.end_session(id, now);
        }
    }

    fn end_session(&mut self, id: SessionId, now: Timestamp) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        let jid = self.full_jid(&session);
        if session.presence.is_some() {
            self.broadcast_unavailable(&session.account, &jid);
        }
        self.leave_rooms(&jid);
        let Some(sm) = session.sm else {
            return;
        };
        if let Some(sm_id) = sm.id {
            if self.ended.len() >= ENDED_REMEMBERED {
                self.ended.pop_front();
            }
            self.ended
                .push_back((sm_id, session.account.clone(), sm.inbound));
        }
        for stanza in sm.unacked {
            self.redirect(&session.account, Arc::unwrap_or_clone(stanza), now);
        }
    }

    /// Ends expired sessions.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let due: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.expires.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.end_session(id, now);
        }
    }

    /// Returns when [`World::handle_timeout`] has to be called next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.sessions
            .values()
            .filter_map(|session| session.expires)
            .min()
    }

    /// Advances both counters of the sessions of an account as if this many stanzas had passed each way and were
    /// acknowledged: 2^32 is out of reach otherwise.
    pub fn age_sessions(&mut self, account: &str, stanzas: u32) {
        let sessions = self.sessions.values_mut();
        for session in sessions.filter(|session| session.account == account) {
            if let Some(sm) = &mut session.sm {
                sm.inbound = sm.inbound.wrapping_add(stanzas);
                sm.base = sm.base.wrapping_add(stanzas);
            }
        }
    }

    /// Replaces every connection of an account by another client: `conflict`.
    pub fn conflict(&mut self, account: &str) {
        let sessions = self.sessions.iter();
        let taken: Vec<_> = sessions
            .filter(|(_, session)| session.account == account)
            .filter_map(|(_, session)| session.connection)
            .collect();
        for connection in taken {
            self.mail(connection, Mail::Close(StreamCondition::Conflict));
        }
    }

    /// Restarts the server: every stream ends with `system-shutdown`, every session ends, and the key of the TLS
    /// tickets is replaced. Accounts and what is stored with them stay.
    ///
    /// # Errors
    ///
    /// If no new key could be created.
    pub fn restart(&mut self, now: Timestamp) -> Result<(), TlsError> {
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        for id in sessions {
            self.end_session(id, now);
        }
        let connections: Vec<_> = self.mailboxes.keys().copied().collect();
        for connection in connections {
            if let Some(mailbox) = self.mailboxes.get_mut(&connection) {
                mailbox.clear();
            }
            self.mail(connection, Mail::Close(StreamCondition::SystemShutdown));
        }
        self.forget_tls_tickets()
    }

    /// Ends the sessions of an account that have no connection, as if their time had passed.
    pub fn forget_sessions(&mut self, account: &str, now: Timestamp) {
        let waiting: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.account == account && session.connection.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.end_session(id, now);
        }
    }
}
