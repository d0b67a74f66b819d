//! Every system call of the store fails in turn: once, and from then on, as a broken and as a full device.
//!
//! A child process opens the store and changes it, and reports each change that was accepted; one of its calls fails. Then
//! the file is opened without failures. Rule I13: each accepted change is there, each other one is there entirely or not at
//! all, and nothing that was there before is lost. The child itself must not panic or hang, whatever fails.
//!
//! The calls fail in `calls/fail_call.c`, which the loader puts in front of the C library.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test support: a failed expectation is a failed test"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use snapback_proto::knowledge::{Delivery, Op, OutboundKind};
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;
use snapback_store::{FileVault, NewStanza, ServerKey, SqliteStore, Store, StoreError};

const FOLDER: &str = "SNAPBACK_CALLS_FOLDER";
/// More than the store can need for these changes: each call costs a run.
const MAX_CALLS: usize = 2_000;
/// Below this, the calls are not those of the store: it writes each change in several.
const MIN_CALLS: usize = 40;
const LOSS: &str = "a loss:";
const CHANGES: u64 = 3;
const CHILDREN: usize = 4;

/// A report of losses is an error here.
fn open(folder: &Path) -> Result<SqliteStore, String> {
    let vault = FileVault::new(folder.join("vault")).map_err(|error| error.to_string())?;
    let opened = SqliteStore::open(folder.join("account.db"), "juliet@example.org", vault);
    let (store, report) = opened.map_err(|error| error.to_string())?;
    match report.is_clean() {
        true => Ok(store),
        false => Err(format!("{LOSS} {report:?}")),
    }
}

fn server() -> ServerKey {
    ServerKey {
        host: "example.org".to_owned(),
        port: 5223,
        transport: Transport::DirectTls,
    }
}

fn message(text: &str) -> Element {
    let message = Element::new("message", "jabber:client");
    message.with_attr("id", text).with_text("x".repeat(300))
}

fn queued(text: &str) -> NewStanza {
    NewStanza::new(OutboundKind::Message, message(text).into(), UnixTime(0))
}

/// What a store has: the ids of queued stanzas, and those of deliveries.
fn content(store: &mut impl Store) -> Result<BTreeSet<String>, StoreError> {
    let id = |stanza: &Element| stanza.attr("id").unwrap_or_default().to_owned();
    let queue = store.load(&server())?.queue;
    let mut ids: BTreeSet<String> = queue.iter().map(|row| row.id.clone()).collect();
    let deliveries = store.undelivered()?;
    ids.extend(deliveries.iter().map(|delivery| id(&delivery.stanza)));
    Ok(ids)
}

/// The second of two that are received in one transaction.
const SECOND: &str = ", the second";

/// Two changes: a stanza to be sent, and two that were received, with their position in the archive.
fn change(store: &mut impl Store, text: &str) -> Result<(), StoreError> {
    store.enqueue(queued(&format!("{text} sent")))?;
    println!("accepted {text} sent");
    let received = format!("{text} received");
    let inbound = |id: String| Op::Inbound(Delivery::new(&id, message(&id)));
    let second = format!("{received}{SECOND}");
    let position = Op::ArchiveTime(UnixTime(1));
    let ops = [inbound(received.clone()), inbound(second), position];
    store.apply(&server(), &ops)?;
    println!("accepted {received}");
    Ok(())
}

/// The child: as an app that goes on after an error.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    // A second process of the app: what one opening could not do, the next one must.
    for run in 0..2 {
        match open(&folder) {
            Ok(mut store) => {
                for number in 0..CHANGES {
                    if let Err(error) = change(&mut store, &format!("{run}.{number}")) {
                        println!("refused {run}.{number}: {error:?}");
                    }
                }
                match content(&mut store) {
                    Ok(ids) => println!("content {ids:?}"),
                    Err(error) => println!("unread: {error:?}"),
                }
            }
            Err(error) => println!("unopened: {error}"),
        }
    }
    println!("finished");
}

/// How the calls fail.
#[derive(Clone, Copy, Debug)]
struct Fault {
    on: &'static str,
    error: &'static str,
}

struct Trial {
    library: PathBuf,
    folder: PathBuf,
    /// Whether the file exists before.
    is_new: bool,
}

impl Trial {
    /// Runs the child with the call of this number failing; returns the number of its calls.
    fn run(&self, fault: Fault, at: usize) -> Result<usize, String> {
        let folder = self
            .folder
            .join(format!("{at}-{}-{}", fault.on, fault.error));
        std::fs::create_dir_all(&folder).unwrap();
        if !self.is_new {
            let mut store = open(&folder).unwrap();
            change(&mut store, "before").unwrap();
        }
        let child = Command::new("timeout")
            .arg("60")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env("LD_PRELOAD", &self.library)
            .env(FOLDER, &folder)
            .env("SNAPBACK_CALLS_AT", at.to_string())
            .env("SNAPBACK_CALLS_ON", fault.on)
            .env("SNAPBACK_CALLS_ERROR", fault.error)
            .output()
            .unwrap();
        let calls = self.judge(&folder, &child).map_err(|why| {
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            let errors = String::from_utf8_lossy(&child.stderr).into_owned();
            format!("call {at}, {fault:?}: {why}\n{said}{errors}")
        });
        std::fs::remove_dir_all(&folder).unwrap();
        calls
    }

    fn judge(&self, folder: &Path, child: &Output) -> Result<usize, String> {
        let said = String::from_utf8_lossy(&child.stdout);
        let errors = String::from_utf8_lossy(&child.stderr);
        if said.contains(LOSS) {
            return Err("an opening reports losses".to_owned());
        }
        if !child.status.success() || !said.contains("finished") {
            return Err(format!("the child ended with {}", child.status));
        }
        let accepted = said
            .lines()
            .filter_map(|line| line.strip_prefix("accepted "));
        let mut expected: BTreeSet<String> = accepted.map(str::to_owned).collect();
        if !self.is_new {
            expected.extend(["before sent".to_owned(), "before received".to_owned()]);
        }
        let mut store = open(folder).map_err(|error| format!("it does not open: {error}"))?;
        let found = content(&mut store).map_err(|error| format!("it is unreadable: {error:?}"))?;
        let lost: Vec<&String> = expected.difference(&found).collect();
        if !lost.is_empty() {
            return Err(format!("lost: {lost:?}"));
        }
        let seconds = found.iter().filter_map(|id| id.strip_suffix(SECOND));
        let firsts = found.iter().filter(|id| id.ends_with("received"));
        if !seconds.eq(firsts) {
            return Err(format!("a half of a transaction: {found:?}"));
        }
        let calls = errors.lines().find_map(|line| line.strip_prefix("calls "));
        let calls = calls.and_then(|calls| calls.trim().parse().ok());
        calls.ok_or_else(|| "no calls were counted".to_owned())
    }

    /// Lets each call fail in turn; returns what went wrong.
    fn each_call(&self, fault: Fault) -> Vec<String> {
        let all = self.run(fault, 0).unwrap();
        println!("{fault:?}: {all} calls");
        assert!((MIN_CALLS..MAX_CALLS).contains(&all), "{all} calls");
        let next = AtomicUsize::new(1);
        let one_child = || {
            let mut failures = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at > all {
                    return failures;
                }
                failures.extend(self.run(fault, at).err());
            }
        };
        std::thread::scope(|scope| {
            let children: Vec<_> = (0..CHILDREN).map(|_| scope.spawn(one_child)).collect();
            let failures = children.into_iter().flat_map(|child| child.join().unwrap());
            failures.collect()
        })
    }
}

fn each_call_fails(name: &str, is_new: bool) {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("snapback-calls-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let library = folder.join("fail_call.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/calls/fail_call.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .args([source, "-ldl"])
        .status();
    assert!(compiled.unwrap().success(), "the C compiler failed");
    let trial = Trial {
        library,
        folder: folder.clone(),
        is_new,
    };
    let mut failures = Vec::new();
    let faults = [
        ("once", "EIO"),
        ("from_then_on", "EIO"),
        ("once", "ENOSPC"),
        ("from_then_on", "ENOSPC"),
        ("once", "short"),
        // Each further write gets on by half of what is left, so this ends, too.
        ("from_then_on", "short"),
    ];
    for (on, error) in faults {
        failures.extend(trial.each_call(Fault { on, error }));
    }
    std::fs::remove_dir_all(folder).unwrap();
    let first = failures.first().map_or("", String::as_str);
    assert!(
        failures.is_empty(),
        "{} failures; the first: {first}",
        failures.len()
    );
}

#[test]
fn i13_no_failing_call_loses_what_a_new_file_has_accepted() {
    each_call_fails("new", true);
}

#[test]
fn i13_no_failing_call_loses_what_an_old_file_has() {
    each_call_fails("old", false);
}
