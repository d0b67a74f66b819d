//! W8: every wait of a connection, what ends it, and who causes that. A new timer, or a new state of what is awaited, does not compile
//! here without an answer to these questions; a new state of the connection fails the test. The table is in `docs/architecture.md`.

use crate::connection::Connection;
use crate::connection::session::archive::Archive;
use crate::connection::session::state::{AckRequests, Asked, SettlingQuery, Sm};
use crate::connection::timer::Timer;

/// What is awaited, what ends the wait, and what happens if nothing does.
type Wait = (&'static str, &'static str, Limit);

/// The end of a wait that is not answered.
enum Limit {
    /// This timer.
    Until(Timer),
    /// Nothing waits in the meantime.
    Free,
}

use Limit::{Free, Until};

/// What a timer does when it expires, and when it is set.
fn of_timer(timer: Timer) -> (&'static str, &'static str) {
    match timer {
        Timer::Login => ("the connection starts", "ends the connection"),
        Timer::Ack => (
            "`<r/>`, a ping, `<enable/>` or `<session/>` is sent",
            "extends itself while bytes arrive, up to six times, or sends `<r/>` anew where only some of several were answered; then ends the connection, or goes on without `<session/>`",
        ),
        Timer::Probe => ("the engine requests a probe", "ends the connection"),
        Timer::Keepalive => (
            "bytes arrive, or leave where the server has an idle timeout",
            "sends `<r/>` or a ping, which sets the timer of the acknowledgement",
        ),
        Timer::Archive => (
            "a page is requested, or a settling query is planned",
            "sends `<r/>` or a ping, whose answer ends the wait for the archive; or the settling query",
        ),
        Timer::Token => (
            "the app is asked for a bearer token",
            "ends the connection; another attempt follows",
        ),
        Timer::Request => (
            "a part of a session's start is sent alone, or waits for that",
            "sends the next one",
        ),
        Timer::Close => ("the client ends the stream", "closes the transport"),
    }
}

const TIMERS: [Timer; 8] = [
    Timer::Login,
    Timer::Ack,
    Timer::Probe,
    Timer::Keepalive,
    Timer::Archive,
    Timer::Token,
    Timer::Request,
    Timer::Close,
];

/// Every state of a connection in which something is awaited.
const STATES: [Wait; 13] = [
    (
        "ExpectTransport",
        "the host opens the transport",
        Until(Timer::Login),
    ),
    ("ExpectProceed", "`<proceed/>`", Until(Timer::Login)),
    (
        "ExpectTls",
        "the host reports the handshake",
        Until(Timer::Login),
    ),
    ("ExpectFeatures", "the features", Until(Timer::Login)),
    (
        "ExpectToken",
        "the app's bearer token, or the features",
        Until(Timer::Token),
    ),
    (
        "ExpectResumedBeforeSasl",
        "`<resumed/>` or `<failed/>`",
        Until(Timer::Login),
    ),
    (
        "ExpectSasl1",
        "a challenge, the result, derived keys",
        Until(Timer::Login),
    ),
    (
        "ExpectSasl2",
        "a challenge, the result, derived keys",
        Until(Timer::Login),
    ),
    (
        "ExpectAuthenticatedFeatures",
        "the features",
        Until(Timer::Login),
    ),
    (
        "ExpectResumed",
        "`<resumed/>` or `<failed/>`",
        Until(Timer::Login),
    ),
    (
        "ExpectBound",
        "the answer to the bind request",
        Until(Timer::Login),
    ),
    ("Online", "the server's next bytes", Until(Timer::Keepalive)),
    ("Closing", "the server's end of stream", Until(Timer::Close)),
];

fn of_stream_management(sm: Sm) -> Option<Wait> {
    match sm {
        Sm::Enabling => Some((
            "stream management",
            "`<enabled/>` or `<failed/>`",
            Until(Timer::Ack),
        )),
        Sm::Off | Sm::On => None,
    }
}

fn of_request(asked: &Asked) -> Wait {
    match asked {
        Asked::Acks(_) => ("unacknowledged stanzas", "`<a/>`", Until(Timer::Ack)),
        Asked::Ping { .. } => (
            "unacknowledged stanzas, without stream management",
            "the answer to the ping",
            Until(Timer::Ack),
        ),
    }
}

fn of_archive(archive: &Archive) -> Option<Wait> {
    match archive {
        Archive::Learning { .. } => Some((
            "the end of the archive",
            "the answer; stanzas do not wait for it",
            Until(Timer::Archive),
        )),
        Archive::Querying(_) => Some((
            "a page of the archive, and messages of unknown fate",
            "the answer",
            Until(Timer::Archive),
        )),
        Archive::Absent | Archive::Current => None,
    }
}

fn of_settling_query(query: &SettlingQuery) -> Option<Wait> {
    match query {
        SettlingQuery::Due { .. } => Some((
            "a settling query that is due",
            "in the foreground its time, else the next bytes",
            Until(Timer::Archive),
        )),
        SettlingQuery::AfterCatchUp | SettlingQuery::AfterEarlier | SettlingQuery::Done { .. } => {
            None
        }
    }
}

/// Waits that no type represents.
const OTHERS: [Wait; 4] = [
    (
        "`<session/>`, where the server requires it",
        "its answer",
        Until(Timer::Ack),
    ),
    (
        "`<enable/>`, where it is sent alone",
        "`<enabled/>` or `<failed/>`",
        Until(Timer::Ack),
    ),
    (
        "a part of a session's start that is sent alone",
        "the answer; for presence and client state, of the liveness probe that follows",
        Until(Timer::Request),
    ),
    (
        "an app that takes no events",
        "the app; the server is not read meanwhile, and deliveries are stored",
        Free,
    ),
];

fn rows() -> Vec<Wait> {
    let now = crate::time::Instant::ZERO;
    let ping = Asked::Ping {
        id: String::new(),
        covers: 0,
        at: now,
    };
    let request = AckRequests {
        at: now,
        unanswered: 1,
        is_answering: false,
        expected: 0,
    };
    let learning = Archive::Learning {
        query: String::new(),
        live: None,
        stamp: None,
        then_read: false,
    };
    let due = SettlingQuery::Due {
        begin: crate::knowledge::ArchiveCursor::Start,
        when: now,
    };
    let pending = [crate::knowledge::PendingIq {
        id: String::new(),
        kind: crate::knowledge::PendingKind::ArchivePage,
    }];
    let sessions = [
        of_stream_management(Sm::Enabling),
        Some(of_request(&Asked::Acks(request))),
        Some(of_request(&ping)),
        of_archive(&learning),
        of_archive(&Archive::resumed(&pending, None)),
        of_settling_query(&due),
    ];
    let mut rows: Vec<Wait> = STATES.into_iter().collect();
    rows.extend(sessions.into_iter().flatten());
    rows.extend(OTHERS);
    rows
}

fn table() -> String {
    let mut table = String::from("| awaited | ended by | else by the timer |\n|---|---|---|\n");
    for (what, end, limit) in rows() {
        let limit = match limit {
            Until(timer) => timer.to_string(),
            Free => "none: nothing else waits".to_owned(),
        };
        table.push_str(&format!("| {what} | {end} | {limit} |\n"));
    }
    table.push_str("\n| timer | set when | when it expires |\n|---|---|---|\n");
    for timer in TIMERS {
        let (set, then) = of_timer(timer);
        table.push_str(&format!("| {timer} | {set} | {then} |\n"));
    }
    table
}

const BEGIN: &str =
    "<!-- waits: generated by `REGENERATE=1 cargo test -p snapback-proto w8_` -->\n";
const END: &str = "<!-- waits: end -->";

#[test]
fn w8_every_wait_is_in_the_table_and_has_an_end() {
    for state in Connection::STATE_NAMES {
        let rows = STATES.iter().filter(|(name, ..)| *name == state).count();
        let is_over = state == "Closed";
        assert_eq!(rows, usize::from(!is_over), "{state}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("REGENERATE").is_some() {
        let page = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(path, page).expect("the page");
        return;
    }
    assert_eq!(printed, table());
}
