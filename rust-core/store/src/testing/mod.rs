//! Tests that every store passes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test support: a failed expectation is a failed test"
)]

mod archive;
mod caches;
pub mod conformance;
mod failures;
mod login;
mod queue;
pub(crate) mod reopen;
mod session;

use snapback_proto::escalation::{Failure, Subject};
use snapback_proto::knowledge::{
    ArchiveCursor, Greeting, HandOver, Op, OutboundKind, OutboundStanza, SmSession, WrittenStanza,
};
use snapback_proto::ns;
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;

pub use crate::intercept::{Call, Intercepted, Interceptor};

pub use crate::sqlite::rows::check_all as check_rows;
use crate::{NewStanza, ServerKey, Store};

const QUEUED_AT: UnixTime = UnixTime(1_700_000_000);

fn server() -> ServerKey {
    ServerKey {
        host: "xmpp.example.org".to_owned(),
        port: 5222,
        transport: Transport::StartTls,
    }
}

fn apply(store: &mut impl Store, ops: &[Op]) {
    store.apply(&server(), ops).unwrap();
}

fn message(seq: u64, sent: bool) -> OutboundStanza {
    stanza(seq, OutboundKind::Message, sent)
}

fn stanza(seq: u64, kind: OutboundKind, sent: bool) -> OutboundStanza {
    let stanza = written(&format!("id-{seq}"));
    OutboundStanza {
        sent,
        ..OutboundStanza::new(seq, kind, stanza, QUEUED_AT)
    }
}

fn new_message(id: &str) -> NewStanza {
    NewStanza::new(OutboundKind::Message, written(id), QUEUED_AT)
}

fn written(id: &str) -> WrittenStanza {
    let message = Element::new("message", ns::CLIENT).with_attr("id", id);
    message.into()
}

/// Returns a session as a server has just enabled it: nothing is counted yet.
pub fn session(id: &str) -> SmSession {
    SmSession {
        id: id.to_owned(),
        jid: "juliet@example.org/balcony".to_owned(),
        h: 0,
        base: 0,
        max: Some(600),
        location: None,
        alive_at: UnixTime(1_700_000_000),
        pending: Vec::new(),
        hand_over: None,
        greeting: Greeting::Sent,
    }
}

/// Returns the failure of something that was refused once.
fn refused(subject: Subject) -> Failure {
    Failure {
        subject,
        refusals: 1,
        silences: 0,
        since: UnixTime(1_700_000_000),
        until: UnixTime(1_700_000_000),
    }
}

fn hand_over() -> HandOver {
    HandOver {
        place: ArchiveCursor::After("before".to_owned()),
        resumed_at: Some(UnixTime(1_800_000_091)),
    }
}

/// Returns the change that stores [`session`], with what was sent in it.
pub fn enabled(id: &str, sent: &[OutboundStanza]) -> Op {
    Op::SmEnabled {
        session: session(id),
        sent: sent.to_vec(),
    }
}

/// Returns the queue as a connection would see it: number, and whether it was sent.
fn queue(store: &mut impl Store) -> Vec<(u64, bool)> {
    let queue = store.load(&server()).unwrap().queue;
    queue.iter().map(|row| (row.seq, row.sent)).collect()
}

fn sm(store: &mut impl Store) -> Option<SmSession> {
    let session = store.session().unwrap().map(|stored| stored.session);
    assert_eq!(session, store.load(&server()).unwrap().sm);
    session
}
