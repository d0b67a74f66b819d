//! Two real processes and one file: which one owns it, and what a kill leaves.
//!
//! The child is this same test program, selected by an environment variable.
#![allow(
    clippy::unwrap_used,
    reason = "test support: a failed expectation is a failed test"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use snapback_proto::knowledge::OutboundKind;
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;
use snapback_store::{FileVault, NewStanza, ServerKey, SqliteStore, Store, StoreError};

const FOLDER: &str = "SNAPBACK_STORE_CHILD";
const KILLS: usize = 20;

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    let vault = FileVault::new(folder.join("vault")).unwrap();
    let (store, report) =
        SqliteStore::open(folder.join("account.db"), "juliet@example.org", vault)?;
    assert!(report.is_clean(), "{report:?}");
    Ok(store.with_queue_limit(usize::MAX))
}

/// The child: queues stanzas until it is killed, and prints the number of each committed one.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let mut store = open(&folder).unwrap();
    // Bounded, in case no kill comes.
    for _ in 0..1_000_000 {
        let message = Element::new("message", "jabber:client").with_text("text");
        let stanza = NewStanza::new(OutboundKind::Message, message.into(), UnixTime(0));
        let seq = store.enqueue(stanza).unwrap();
        let mut out = std::io::stdout().lock();
        if writeln!(out, "seq {seq}")
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Starts a child and waits until it has committed something.
fn start(folder: &Path) -> (Child, BufReader<ChildStdout>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let first = next_seq(&mut out).unwrap();
    (child, out, first)
}

fn next_seq(out: &mut BufReader<ChildStdout>) -> Option<u64> {
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        // A line that the kill cut off does not count.
        let seq = line.trim_end_matches('\n').strip_prefix("seq ");
        if let Some(seq) = seq.filter(|_| line.ends_with('\n')) {
            return Some(seq.parse().unwrap());
        }
        line.clear();
    }
    None
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("snapback-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn i9_the_second_process_is_refused() {
    let folder = folder("lease");
    let (mut child, _out, _) = start(&folder);
    assert_eq!(open(&folder).err(), Some(StoreError::OwnedElsewhere));
    child.kill().unwrap();
    child.wait().unwrap();
    // The system releases the lease of a killed process.
    let store = open(&folder).unwrap();
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn i13_sigkill_takes_nothing_that_was_committed() {
    let folder = folder("kill");
    let server = ServerKey {
        host: "example.org".to_owned(),
        port: 5223,
        transport: Transport::DirectTls,
    };
    let mut committed = 0;
    for kill in 0..KILLS {
        let (mut child, mut out, mut last) = start(&folder);
        assert!(kill == 0 || last > committed, "a number came twice");
        // At varying points of the work.
        for _ in 0..(kill * 7) {
            last = next_seq(&mut out).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(seq) = next_seq(&mut out) {
            last = seq;
        }
        let mut store = open(&folder).unwrap();
        let knowledge = store.load(&server).unwrap();
        let numbers: Vec<u64> = knowledge.queue.iter().map(|row| row.seq).collect();
        let expected: Vec<u64> = (0..knowledge.next_seq).collect();
        assert_eq!(numbers, expected);
        // One more stanza may be committed that was not printed any more.
        assert!([last + 1, last + 2].contains(&knowledge.next_seq));
        committed = last;
    }
    std::fs::remove_dir_all(folder).unwrap();
}
