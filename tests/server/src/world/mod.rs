//! What connections share: accounts, sessions, archive, tokens, switches, faults, and records.

mod account;
mod archive;
mod fast;
mod offers;
mod rooms;
mod roster;
mod route;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::connection::StreamCondition;
use crate::faults::{Fault, Faults};
use crate::observe::{ConnectionRecord, ReceivedMessage};
use crate::rng::Rng;
use crate::script::{Pattern, Rule, Script};
use crate::switches::Switches;
use crate::time::Timestamp;
use crate::tls::{TlsError, TlsMaterial};
use crate::wire::Transport;
use crate::xml::Element;

pub(crate) use account::Account;
pub(crate) use archive::ArchiveAnswer;
pub(crate) use fast::FastLogin;
pub(crate) use offers::{Audience, Offers, Stage};
pub use rooms::RoomSettings;
pub(crate) use route::error_answer;
pub(crate) use session::ResumeError;
pub use session::SessionSnapshot;

use rooms::ChatRoom;
use session::Session;

/// The maximum number of connection records, the latest ones.
const MAX_RECORDS: usize = 10_000;
/// The maximum number of messages recorded for tests, the first ones.
const MAX_RECEIVED: usize = 100_000;

/// The number of a connection, from 1.
pub type ConnectionId = u64;
pub(crate) type SessionId = u64;

/// Input for a connection that came from another one.
#[derive(Debug)]
pub(crate) enum Mail {
    Stanza(Arc<Element>),
    Close(StreamCondition),
    Reset,
}

/// The state shared by all connections of a server.
#[derive(Debug)]
pub struct World {
    domain: String,
    /// The features of the server.
    pub switches: Switches,
    /// The faults.
    pub faults: Faults,
    /// The script of the connections.
    pub script: Script,
    pub(crate) tls: TlsMaterial,
    pub(crate) rng: Rng,
    pub(crate) offers: Offers,
    accounts: BTreeMap<String, Account>,
    sessions: BTreeMap<SessionId, Session>,
    /// By bare JID.
    chat_rooms: BTreeMap<String, ChatRoom>,
    mailboxes: BTreeMap<ConnectionId, VecDeque<Mail>>,
    dirty: BTreeSet<ConnectionId>,
    /// SM-ID, account and `h` of sessions that ended, the oldest first.
    ended: VecDeque<(String, String, u32)>,
    records: BTreeMap<ConnectionId, ConnectionRecord>,
    received: Vec<ReceivedMessage>,
    redirected: Vec<String>,
    lost: Vec<String>,
    watched: Vec<(Pattern, usize)>,
    /// Connections whose scripts have steps left.
    busy: BTreeSet<ConnectionId>,
    /// Rules that applied on a connection.
    applied: Vec<Rule>,
    last_connection: ConnectionId,
    last_session: SessionId,
}

impl World {
    /// Returns a world for one domain; the same seed gives the same random values.
    pub fn new(domain: &str, switches: Switches, seed: u64) -> Result<Self, TlsError> {
        let tls = TlsMaterial::new(domain)?;
        Ok(Self::with(
            domain.to_owned(),
            switches,
            seed,
            tls,
            BTreeMap::new(),
        ))
    }

    fn with(
        domain: String,
        switches: Switches,
        seed: u64,
        tls: TlsMaterial,
        accounts: BTreeMap<String, Account>,
    ) -> Self {
        Self {
            domain,
            switches,
            faults: Faults::default(),
            script: Script::default(),
            tls,
            rng: Rng::new(seed),
            offers: Offers::default(),
            accounts,
            sessions: BTreeMap::new(),
            chat_rooms: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            dirty: BTreeSet::new(),
            ended: VecDeque::new(),
            records: BTreeMap::new(),
            received: Vec::new(),
            redirected: Vec::new(),
            lost: Vec::new(),
            watched: Vec::new(),
            busy: BTreeSet::new(),
            applied: Vec::new(),
            last_connection: 0,
            last_session: 0,
        }
    }

    /// Returns the served domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the authority that signed the right certificate.
    pub fn ca_der(&self) -> Vec<u8> {
        self.tls.ca_der().to_vec()
    }

    /// Returns the same, as PEM.
    pub fn ca_pem(&self) -> String {
        self.tls.ca_pem().to_owned()
    }

    /// Makes all TLS tickets issued so far invalid.
    pub fn forget_tls_tickets(&mut self) -> Result<(), TlsError> {
        self.tls.forget_tickets()
    }

    /// Returns the records of all connections so far, in the order they were accepted.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.records.values().cloned().collect()
    }

    /// Returns whether a connection received a wrong proof: it must not lead to a session.
    pub fn has_lied(&self, connection: ConnectionId) -> bool {
        self.records
            .get(&connection)
            .is_some_and(|record| record.false_proof)
    }

    pub(crate) fn note_lie(&mut self, connection: ConnectionId) {
        if let Some(record) = self.records.get_mut(&connection) {
            record.false_proof = true;
        }
    }

    /// Returns the messages received from clients of an account (local part), in order.
    pub fn messages_from(&self, account: &str) -> Vec<ReceivedMessage> {
        self.received
            .iter()
            .filter(|message| crate::jid::local(&message.from) == Some(account))
            .cloned()
            .collect()
    }

    /// Returns the messages received from all clients, in order.
    pub fn received(&self) -> &[ReceivedMessage] {
        &self.received
    }

    /// Returns the ids of messages that were unacknowledged when their session ended and that are sent again, in order:
    /// their first copy may have arrived.
    pub fn redirected(&self) -> &[String] {
        &self.redirected
    }

    /// Returns the ids of the messages that a hand-over has lost, in order.
    pub fn lost_at_hand_over(&self) -> &[String] {
        &self.lost
    }

    /// Returns whether a message to this account will be delivered later, or can be requested: it is archived, waits for a
    /// session, is not acknowledged in one, or is about to be written.
    pub fn holds(&self, account: &str, id: &str, body: &str) -> bool {
        let is_it = |stanza: &Element| route::is_message(stanza, id, body);
        let Some(state) = self.accounts.get(account) else {
            return false;
        };
        let is_mail = |mail: &Mail| matches!(mail, Mail::Stanza(stanza) if is_it(stanza));
        state.archive.iter().any(|entry| is_it(entry.message()))
            || state.offline.iter().any(is_it)
            || self.is_unacknowledged(account, is_it)
            || self.mailboxes.values().flatten().any(is_mail)
    }

    /// Returns the connections that have something to do; called after each call into the world or a connection.
    pub fn take_dirty(&mut self) -> BTreeSet<ConnectionId> {
        std::mem::take(&mut self.dirty)
    }

    /// Resets every connection.
    pub fn cut_all(&mut self) {
        for (connection, mailbox) in &mut self.mailboxes {
            mailbox.clear();
            mailbox.push_back(Mail::Reset);
            self.dirty.insert(*connection);
        }
    }

    pub(crate) fn open(&mut self, transport: Transport, now: Timestamp) -> ConnectionId {
        self.last_connection += 1;
        let id = self.last_connection;
        self.mailboxes.insert(id, VecDeque::new());
        if self.records.len() >= MAX_RECORDS {
            self.records.pop_first();
        }
        self.records
            .insert(id, ConnectionRecord::new(id, transport, now));
        id
    }

    pub(crate) fn close(&mut self, connection: ConnectionId) {
        self.mailboxes.remove(&connection);
        self.busy.remove(&connection);
        self.dirty.remove(&connection);
        if let Some(record) = self.records.get_mut(&connection) {
            record.closed = true;
        }
    }

    pub(crate) fn record(&mut self, connection: ConnectionId) -> Option<&mut ConnectionRecord> {
        self.records.get_mut(&connection)
    }

    /// Counts the elements from clients that match this pattern, from now on.
    pub fn watch(&mut self, pattern: Pattern) {
        self.watched.push((pattern, 0));
    }

    /// Returns the watched patterns and their counts, in the order in which they were given.
    pub fn watched(&self) -> impl Iterator<Item = usize> {
        self.watched.iter().map(|(_, count)| *count)
    }

    pub(crate) fn note_watched(&mut self, element: &Element) {
        for (pattern, count) in &mut self.watched {
            *count += usize::from(pattern.matches(element));
        }
    }

    /// Returns the rules of the script that have not applied on any connection.
    pub fn unused_rules(&self) -> Vec<Rule> {
        let rules = self.script.connections.iter().flatten();
        let is_unused = |rule: &&Rule| !self.applied.iter().any(|other| rule.is_like(other));
        rules.filter(is_unused).cloned().collect()
    }

    /// Returns whether the script of a connection has steps left that have begun.
    pub fn is_script_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    pub(crate) fn note_busy(&mut self, connection: ConnectionId, is_busy: bool) {
        if is_busy {
            self.busy.insert(connection);
        } else {
            self.busy.remove(&connection);
        }
    }

    pub(crate) fn note_applied<'a>(&mut self, rules: impl Iterator<Item = &'a Rule>) {
        for rule in rules {
            if !self.applied.iter().any(|other| rule.is_like(other)) {
                self.applied.push(rule.clone());
            }
        }
    }

    pub(crate) fn script_of(&self, connection: ConnectionId) -> Vec<Rule> {
        self.script.rules(connection)
    }

    pub(crate) fn new_id(&mut self) -> String {
        self.rng.token()
    }

    pub(crate) fn next_mail(&mut self, connection: ConnectionId) -> Option<Mail> {
        self.mailboxes.get_mut(&connection)?.pop_front()
    }

    fn mail(&mut self, connection: ConnectionId, mail: Mail) {
        if let Some(mailbox) = self.mailboxes.get_mut(&connection) {
            mailbox.push_back(mail);
            self.dirty.insert(connection);
        }
    }

    pub(crate) fn account_faults(&self, account: Option<&str>) -> impl Iterator<Item = &Fault> {
        let own = account.and_then(|account| self.faults.accounts.get(account));
        self.faults.all.iter().chain(own.into_iter().flatten())
    }

    pub(crate) fn note_received(&mut self, message: ReceivedMessage) {
        if self.received.len() < MAX_RECEIVED {
            self.received.push(message);
        }
    }
}
