//! What others send is bounded in bytes, and a slow app loses no session (rules I12, I20).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use snapback_client::{Client, ClientConfig, ServerAddress, Transport, Trust, danger};
use snapback_reference_server::{Action, Fault, Flood, Point, Switches};
use support::course::{Course, RTT, follow, hasty, wait_for};
use support::disk::Folder;
use support::{Setup, TIMEOUT};

/// They measure the whole process, so only one runs at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const MIB: usize = 1 << 20;

/// Returns what the process holds, client and server together: the server's part has to be small. Zero where the system
/// does not report it.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// Measures what is held from here on.
struct Watch {
    before: usize,
    most: Arc<AtomicUsize>,
    watching: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn start() -> Self {
        let before = resident();
        let most = Arc::new(AtomicUsize::new(before));
        let noted = Arc::clone(&most);
        let watching = tokio::spawn(async move {
            loop {
                noted.fetch_max(resident(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self {
            before,
            most,
            watching,
        }
    }

    /// Returns the largest growth since the start.
    fn held(&self) -> usize {
        self.most.fetch_max(resident(), Ordering::Relaxed);
        let most = self.most.load(Ordering::Relaxed);
        most.saturating_sub(self.before)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn quiet() -> Switches {
    Switches {
        early_data: None,
        ..Switches::modern()
    }
}

async fn flooded(
    text: &str,
    times: u32,
    stops_reading: bool,
    change: impl FnOnce(&mut ClientConfig),
) -> Setup {
    let mut setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    // Without the link, which buffers what its ends do not read.
    let ca = setup.server.ca_pem();
    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(ca.as_bytes()).unwrap());
    let addr = setup.server.direct_addr();
    config.network.servers = vec![ServerAddress::at(addr, Transport::DirectTls)];
    hasty(&mut config);
    config.timeouts.ack = Duration::from_secs(20);
    change(&mut config);
    setup.client = Client::open(config).unwrap();
    let flood = Flood {
        text: text.to_owned(),
        times,
        stops_reading,
    };
    setup.next_connection(Fault::At(Point::Online, Action::Flood(flood)));
    setup
}

/// Returns how many batches the server has written; it waits where the client does not read.
fn writes(setup: &Setup) -> usize {
    setup.connections().last().map_or(0, |record| record.writes)
}

/// Waits until the server cannot write any more, or has nothing more to write.
async fn until_it_stands(setup: &Setup) {
    let stands = async {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = writes(setup);
            if now == before && now > 0 {
                return;
            }
            before = now;
        }
    };
    tokio::time::timeout(TIMEOUT, stands).await.unwrap();
}

#[tokio::test]
async fn i20_a_server_that_asks_and_does_not_read_is_not_read() {
    let _alone = ALONE.lock().await;
    // Answered in full, it would be 60 MB.
    let setup = flooded("<r xmlns='urn:xmpp:sm:3'/>", 2_000_000, true, |config| {
        config.timeouts.ack = Duration::from_secs(4);
    })
    .await;
    let watch = Watch::start();
    setup.client.connect();
    setup.online().await;
    until_it_stands(&setup).await;
    assert!(watch.held() < 16 * MIB, "{} bytes held", watch.held());
    // Nothing hangs: the expected answer does not come, so the connection ends, and the next one works.
    let mut course = Course::default();
    let is_back = |course: &Course| course.online.len() == 1;
    setup.follow(&mut course, is_back, "the next session").await;
    assert_eq!(course.ends.len(), 1, "{}", course.log);
}

#[tokio::test]
async fn i20_pings_of_strangers_take_neither_memory_nor_the_apps_queue() {
    let _alone = ALONE.lock().await;
    let ping = "<iq type='get' id='1' from='eve@example.net/x'><ping xmlns='urn:xmpp:ping'/></iq>";
    let setup = flooded(ping, 100_000, true, |_| {}).await;
    let watch = Watch::start();
    setup.client.connect();
    setup.online().await;
    until_it_stands(&setup).await;
    assert!(watch.held() < 8 * MIB, "{} bytes held", watch.held());
    // Nothing is acknowledged, and the app's queue has all its room.
    for n in 0..1000 {
        let sent = setup.client.send_message("romeo@localhost", "hello").await;
        assert!(sent.is_ok(), "message {n}: {sent:?}");
    }
    let full = setup.client.send_message("romeo@localhost", "hello").await;
    assert!(full.is_err(), "the queue has its bound still");
}

#[tokio::test]
async fn i20_events_are_bounded_in_bytes() {
    let _alone = ALONE.lock().await;
    let tree = format!("<x xmlns='urn:example'>{}</x>", "<a/>".repeat(60_000));
    for times in [1_000_u32, 100] {
        let message = format!("<message from='eve@example.net/x'>{tree}</message>");
        let setup = flooded(&message, times, false, |_| {}).await;
        let watch = Watch::start();
        setup.client.connect();
        // The app takes nothing.
        until_it_stands(&setup).await;
        assert!(watch.held() < 64 * MIB, "{} bytes held", watch.held());
        // What was withheld arrives once the app takes events again, or was refused: none is lost.
        let mut course = Course::default();
        let some = times.min(100) as usize;
        let all = |course: &Course| course.messages.len() + course.refused >= some;
        setup.follow(&mut course, all, "the messages").await;
        assert!(course.ends.is_empty(), "{}", course.log);
    }
}

/// The server drops a session that has 500 unacknowledged stanzas.
#[tokio::test]
async fn i20_an_app_that_takes_its_time_loses_no_session() {
    let _alone = ALONE.lock().await;
    const COUNT: usize = 3_000;
    let folder = Folder::new();
    let setup = Setup::with(quiet(), Transport::DirectTls, RTT, |config| {
        hasty(config);
        let (store, _) = folder.open().unwrap();
        config.store = Box::new(store);
    })
    .await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    for n in 0..COUNT {
        let body = format!("message {n}");
        setup
            .server
            .inject_message("romeo@localhost", "juliet@localhost", &body);
        if n % 100 == 99 {
            let is_taken = || setup.server.sessions()[0].unacked < 100;
            wait_for(is_taken, "acknowledgements, though the app takes nothing").await;
        }
    }
    let is_acked = || setup.server.sessions()[0].unacked == 0;
    wait_for(is_acked, "all acknowledged").await;
    let mut course = Course::default();
    let all = |course: &Course| course.messages.len() == COUNT;
    setup.follow(&mut course, all, "the messages").await;
    let expected: Vec<String> = (0..COUNT).map(|n| format!("message {n}")).collect();
    assert!(course.bodies() == expected, "each once, in order");
    assert!(course.ends.is_empty(), "{:?}", course.ends);
    assert_eq!(setup.connections().len(), 1);
    // Live messages follow.
    setup
        .server
        .inject_message("romeo@localhost", "juliet@localhost", "the last one");
    let more = |course: &Course| course.messages.len() == COUNT + 1;
    setup.follow(&mut course, more, "one more").await;
    assert_eq!(course.bodies().last().unwrap(), "the last one");
}

/// What was not delivered comes with the next process, once, after what was delivered and not confirmed; so does what
/// came while the client was suspended.
#[tokio::test]
async fn i2_a_backlog_outlives_suspension_and_process() {
    let _alone = ALONE.lock().await;
    const COUNT: usize = 1_500;
    let folder = Folder::new();
    let open = |config: &mut ClientConfig| {
        hasty(config);
        config.store = Box::new(folder.open().unwrap().0);
    };
    let setup = Setup::with(quiet(), Transport::DirectTls, RTT, open).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    for n in 0..COUNT {
        let body = format!("message {n}");
        setup
            .server
            .inject_message("romeo@localhost", "juliet@localhost", &body);
        if n % 100 == 99 {
            let is_taken = || setup.server.sessions()[0].unacked == 0;
            wait_for(is_taken, "acknowledgements").await;
        }
    }
    setup.client.suspend().await;
    let mut course = Course::default();
    let some = |course: &Course| course.messages.len() == 700;
    setup.follow(&mut course, some, "some").await;
    setup.client.resume();
    let all = |course: &Course| course.messages.len() == COUNT;
    setup.follow(&mut course, all, "all").await;
    let expected: Vec<String> = (0..COUNT).map(|n| format!("message {n}")).collect();
    assert!(course.bodies() == expected, "each once, in order");
    for delivery in &course.messages[..200] {
        setup.client.confirm(&delivery.id);
    }
    setup.client.suspend().await;
    drop(setup.client);
    let (client, _link) = Setup::another(
        &setup.server,
        "juliet@localhost",
        "r0m30",
        Transport::DirectTls,
        open,
    )
    .await;
    let mut course = Course::default();
    let mut rest = |course: &Course| course.messages.len() == COUNT - 200;
    follow(&client, &mut course, &mut rest, "the next process").await;
    assert!(course.bodies() == expected[200..], "each once, in order");
}
