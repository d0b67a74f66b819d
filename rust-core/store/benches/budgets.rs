//! `cargo xtask bench store`: what the store may cost, and what it costs here.
//!
//! A missed budget is named; the run fails if one is missed by more than twice its value. The figures hold for this
//! machine and its disk only. `SNAPBACK_BENCH_STANZAS` sets how many stanzas pass through the file (default 1,000,000).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made should stop the run"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use snapback_proto::knowledge::{
    ArchiveCursor, Delivery, Op, OutboundKind, OutboundStanza, SEEN_MESSAGES, SeenMessage, SeenTag,
};
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::Item;
use snapback_proto::xml::Element;
use snapback_store::testing::enabled;
use snapback_store::{FileVault, ServerKey, SqliteStore, Store};

/// Stanzas of the size below in one read of the driver (128 KiB), which commits them together under load.
const BATCH: u32 = 400;
/// The same under light load.
const SMALL_BATCH: u32 = 50;
/// Marks the child process whose memory is measured.
const CHILD: &str = "SNAPBACK_BENCH_CHILD";

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os(CHILD) {
        println!("{}", memory(Path::new(&folder)));
        return ExitCode::SUCCESS;
    }
    let mut budgets = Budgets::default();
    println!("{:<48} {:>10} {:>10} {:>10}", "", "budget", "median", "p99");
    queue(&mut budgets);
    take_in(&mut budgets);
    open(&mut budgets);
    grow(&mut budgets);
    budgets.verdict()
}

// -- the measurements

/// One stanza of the app, as a connection stores it before it leaves.
fn queue(budgets: &mut Budgets) {
    let folder = Folder::new();
    let mut store = folder.store();
    begin(&mut store);
    let mut times = Vec::new();
    for seq in 0..20_000_u64 {
        let enqueue = [Op::Enqueue(outbound(seq))];
        let start = Instant::now();
        store.apply(&server(), &enqueue).unwrap();
        times.push(start.elapsed());
        // The server acknowledges at intervals.
        if seq % 50 == 49 {
            let seqs = (seq - 49..=seq).collect();
            let base = u32::try_from(seq).ok();
            store.apply(&server(), &[Op::Acked { base, seqs }]).unwrap();
        }
    }
    let (median, p99) = percentiles(times);
    let name = "queue and commit one outbound stanza";
    budgets.at_most(name, "us", 25.0, micros(median), Some(micros(p99)));
}

/// Batches of inbound stanzas with the count that `<a/>` carries, synced to the disk. The time of the sync alone is
/// measured beside each batch, since it differs by a factor of a hundred between machines and moments: the budget
/// covers the rest.
fn take_in(budgets: &mut Budgets) {
    for batch in [SMALL_BATCH, BATCH] {
        let rate = |time: Duration| f64::from(batch) / time.as_secs_f64();
        let (all, disk) = take_in_batches(batch);
        let own = all
            .iter()
            .zip(&disk)
            .map(|(all, disk)| all.saturating_sub(*disk));
        let (own, own_p99) = percentiles(own.collect());
        let (all, all_p99) = percentiles(all);
        let (disk, disk_p99) = percentiles(disk);
        let name = format!("take in, {batch} a transaction, synced");
        budgets.line(&name, "rows/s", None, rate(all), Some(rate(all_p99)));
        let name = "  a sync of as many bytes takes";
        budgets.line(name, "ms", None, millis(disk), Some(millis(disk_p99)));
        let name = format!("  less that, {batch} a transaction");
        if batch == BATCH {
            budgets.at_least(&name, "rows/s", 50_000.0, rate(own), Some(rate(own_p99)));
        } else {
            budgets.line(&name, "rows/s", None, rate(own), Some(rate(own_p99)));
        }
    }
}

fn take_in_batches(batch: u32) -> (Vec<Duration>, Vec<Duration>) {
    let folder = Folder::new();
    let mut store = folder.store();
    begin(&mut store);
    let mut probe = Probe::new(&folder, batch);
    let (mut all, mut disk) = (Vec::new(), Vec::new());
    for round in 0..40_000 / batch {
        let numbers = round * batch..(round + 1) * batch;
        let ops: Vec<Op> = numbers.clone().flat_map(taken_in).collect();
        let start = Instant::now();
        store.apply(&server(), &ops).unwrap();
        all.push(start.elapsed());
        disk.push(probe.sync());
        let confirmed: Vec<Op> = numbers.map(|number| Op::Confirm(id(number))).collect();
        store.apply(&server(), &confirmed).unwrap();
    }
    (all, disk)
}

/// As many bytes as a batch brings, written and synced without a database.
struct Probe {
    file: std::fs::File,
    bytes: Vec<u8>,
}

impl Probe {
    fn new(folder: &Folder, batch: u32) -> Self {
        let bytes = usize::try_from(batch).unwrap() * 600;
        Self {
            file: std::fs::File::create(folder.0.join("probe")).unwrap(),
            bytes: vec![0x5a; bytes],
        }
    }

    fn sync(&mut self) -> Duration {
        use std::io::{Seek, SeekFrom, Write};
        self.file.seek(SeekFrom::Start(0)).unwrap();
        let start = Instant::now();
        self.file.write_all(&self.bytes).unwrap();
        self.file.sync_data().unwrap();
        start.elapsed()
    }
}

fn open(budgets: &mut Budgets) {
    let folder = Folder::new();
    fill(&mut folder.store());
    let mut store = folder.store();
    store.close().unwrap();
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        store.reopen().unwrap();
        let knowledge = store.load(&server()).unwrap();
        times.push(start.elapsed());
        assert_eq!((knowledge.queue.len(), knowledge.sm.is_some()), (50, true));
        store.close().unwrap();
    }
    let (median, p99) = percentiles(times);
    let name = "open and load: session, 50 queued, 1000 contacts";
    budgets.at_most(name, "ms", 5.0, millis(median), Some(millis(p99)));
    match memory_of_a_child(&folder.0) {
        Some(bytes) => budgets.at_most("memory for that", "MB", 2.0, megabytes(bytes), None),
        None => println!("memory: not measured on this system"),
    }
}

fn grow(budgets: &mut Budgets) {
    const ROUND: u32 = 200;
    let stanzas = std::env::var("SNAPBACK_BENCH_STANZAS");
    let stanzas: u32 = stanzas.map_or(1_000_000, |text| text.parse().unwrap());
    let folder = Folder::new();
    let mut store = folder.store();
    begin(&mut store);
    let (mut file, mut log) = (0, 0);
    for round in 0..stanzas / (2 * ROUND) {
        let first = round * ROUND;
        let numbers = || first..first + ROUND;
        let seqs: Vec<u64> = numbers().map(u64::from).collect();
        let queued = seqs.iter().map(|seq| Op::Enqueue(outbound(*seq)));
        store.apply(&server(), &queued.collect::<Vec<_>>()).unwrap();
        let mut ops = vec![Op::Acked {
            base: Some(first),
            seqs,
        }];
        ops.extend(numbers().flat_map(taken_in));
        store.apply(&server(), &ops).unwrap();
        let confirmed = numbers().map(|number| Op::Confirm(id(number)));
        store
            .apply(&server(), &confirmed.collect::<Vec<_>>())
            .unwrap();
        file = file.max(folder.size("account.db"));
        log = log.max(folder.size("account.db-wal"));
    }
    let name = format!("largest file while {stanzas} stanzas pass");
    budgets.at_most(&name, "KiB", 512.0, kibibytes(file), None);
    let name = "largest log meanwhile";
    budgets.at_most(name, "KiB", 5.0 * 1024.0, kibibytes(log), None);
}

// -- memory

fn memory_of_a_child(folder: &Path) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).env(CHILD, folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().parse().ok().filter(|bytes| *bytes > 0)
}

/// Returns by how much a process grows when it opens the store, loads it and passes some stanzas through; zero if the
/// child reports nothing.
fn memory(folder: &Path) -> u64 {
    let before = resident();
    let mut store = Folder(folder.to_owned()).into_store();
    drop(store.load(&server()).unwrap());
    let first = 1_000_000;
    for round in 0..50 {
        let numbers = first + round * BATCH..first + (round + 1) * BATCH;
        let inbound: Vec<Op> = numbers.clone().flat_map(taken_in).collect();
        store.apply(&server(), &inbound).unwrap();
        let confirmed = numbers.map(|number| Op::Confirm(id(number)));
        store
            .apply(&server(), &confirmed.collect::<Vec<_>>())
            .unwrap();
    }
    let after = resident();
    after.saturating_sub(before)
}

/// Anonymous memory of this process: pages of the program itself are shared, and do not count.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    kilobytes
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

// -- what is stored

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-bench-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> SqliteStore {
        let vault = FileVault::new(self.0.join("keys")).unwrap();
        let file = self.0.join("account.db");
        let (store, report) = SqliteStore::open(file, "juliet@example.org", vault).unwrap();
        assert!(report.is_clean(), "{report:?}");
        store
    }

    /// Leaves the removal of the folder to the caller.
    fn into_store(self) -> SqliteStore {
        std::mem::ManuallyDrop::new(self).store()
    }

    fn size(&self, name: &str) -> u64 {
        std::fs::metadata(self.0.join(name)).map_or(0, |metadata| metadata.len())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fill(store: &mut SqliteStore) {
    begin(store);
    let items = (0..1000).map(|number| Item {
        jid: format!("contact{number}@example.net"),
        name: Some(format!("Contact {number}")),
        groups: vec!["Friends".to_owned()],
        ..Item::default()
    });
    let replace = Op::ReplaceRoster {
        version: Some("v1".to_owned()),
        items: items.collect(),
    };
    let queued = (0..50).map(|seq| Op::Enqueue(outbound(seq)));
    let seen = (0..SEEN_MESSAGES).map(|number| seen(u32::try_from(number).unwrap()));
    let ops: Vec<Op> = std::iter::once(replace).chain(queued).chain(seen).collect();
    store.apply(&server(), &ops).unwrap();
}

fn begin(store: &mut SqliteStore) {
    let enabled = enabled("an SM-ID of the usual length, 40 bytes..", &[]);
    store.apply(&server(), &[enabled]).unwrap();
}

fn server() -> ServerKey {
    ServerKey {
        host: "xmpp.example.org".to_owned(),
        port: 5223,
        transport: Transport::DirectTls,
    }
}

fn outbound(seq: u64) -> OutboundStanza {
    let id = format!("{seq:022}");
    let message = message(&id, "a message of the usual length");
    let queued_at = UnixTime(1_700_000_000);
    OutboundStanza {
        sent: true,
        ..OutboundStanza::new(seq, OutboundKind::Message, message.into(), queued_at)
    }
}

/// What the driver writes for a message with an id of the archive; it commits all of a read in one transaction.
fn taken_in(number: u32) -> [Op; 4] {
    [
        seen(number),
        Op::ArchiveCursor(ArchiveCursor::After(id(number))),
        Op::Inbound(delivery(number)),
        Op::CountInbound(number + 1),
    ]
}

/// The message's ids: its archive's, and its sender's without and with the payload.
fn seen(number: u32) -> Op {
    let tag = |whose: u8| {
        let spread = u128::from(number) << 8 | u128::from(whose);
        SeenTag(
            spread
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                .to_be_bytes(),
        )
    };
    Op::Seen(SeenMessage {
        tags: vec![tag(1), tag(2), tag(3)],
        reference: Some(id(number)),
    })
}

fn delivery(number: u32) -> Delivery {
    let id = id(number);
    let stanza = message(
        &id,
        "and what a friend may say to that, in a sentence or two",
    );
    Delivery::new(id, stanza)
}

/// As random as the core's own, and the same for the same number.
fn id(number: u32) -> String {
    let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}{number:06x}")
}

/// About 300 bytes, with what servers add.
fn message(id: &str, text: &str) -> Element {
    Element::new("message", "jabber:client")
        .with_attr("from", "romeo@example.net/orchard")
        .with_attr("to", "juliet@example.org/balcony")
        .with_attr("type", "chat")
        .with_attr("id", id)
        .with_child(Element::new("body", "jabber:client").with_text(text))
        .with_child(Element::new(
            "active",
            "http://jabber.org/protocol/chatstates",
        ))
        .with_child(Element::new("origin-id", "urn:xmpp:sid:0").with_attr("id", id))
}

// -- the budgets

#[derive(Default)]
struct Budgets {
    missed: Vec<String>,
    failed: bool,
}

impl Budgets {
    fn at_most(&mut self, name: &str, unit: &str, budget: f64, found: f64, p99: Option<f64>) {
        self.line(name, unit, Some(("<=", budget)), found, p99);
        self.judge(name, found / budget);
    }

    fn at_least(&mut self, name: &str, unit: &str, budget: f64, found: f64, p99: Option<f64>) {
        self.line(name, unit, Some((">=", budget)), found, p99);
        self.judge(name, budget / found);
    }

    fn line(
        &self,
        name: &str,
        unit: &str,
        budget: Option<(&str, f64)>,
        found: f64,
        p99: Option<f64>,
    ) {
        let digits = usize::from(found < 100.0) * 2;
        let p99 = p99.map(|p99| format!("{p99:.digits$}")).unwrap_or_default();
        let budget = budget.map(|(sign, budget)| format!("{sign} {budget}"));
        let budget = budget.unwrap_or_default();
        println!("{name:<48} {budget:>10} {found:>10.digits$} {p99:>10}  {unit}");
    }

    fn judge(&mut self, name: &str, times: f64) {
        if times > 1.0 {
            self.missed
                .push(format!("{name}: missed, {times:.2} times the budget"));
            self.failed |= times > 2.0;
        }
    }

    fn verdict(self) -> ExitCode {
        for missed in &self.missed {
            println!("{missed}");
        }
        match (self.failed, self.missed.is_empty()) {
            (true, _) => {
                println!("a budget is missed by more than twice its value");
                ExitCode::FAILURE
            }
            (false, false) => {
                println!("no budget is missed by more than twice its value");
                ExitCode::SUCCESS
            }
            (false, true) => {
                println!("every budget is met");
                ExitCode::SUCCESS
            }
        }
    }
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    (at(50), at(99))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
