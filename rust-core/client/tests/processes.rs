//! Two real processes and one account: an app, and the extension that shows its notifications.
//!
//! The child is this same test program, selected by environment variables.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use snapback_client::{
    Client, ClientConfig, EndReason, Event, Outcome, ServerAddress, StoreError, Transport, Trust,
    danger,
};
use snapback_reference_server::{ReferenceServer, Switches};
use support::TIMEOUT;
use support::course::{PASSWORD, hasty};
use support::disk::{self, ACCOUNT, Folder, outcome, settled};

const FOLDER: &str = "SNAPBACK_CLIENT_CHILD";
const SERVER: &str = "SNAPBACK_CLIENT_SERVER";

/// The app. It prints its events, and follows the commands on its input.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let client = Client::open(child_config(&folder)).unwrap();
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let _ = say.send(line.unwrap());
        }
    });
    client.connect();
    loop {
        tokio::select! {
            event = client.next_event() => match event {
                Some(Event::Online { outcome, .. }) => println!("\nonline {outcome:?}"),
                Some(Event::Ended { reason: EndReason::Store(error), .. }) => println!("\nstore {error:?}"),
                Some(_) => {}
                None => return,
            },
            line = said.recv() => match line.as_deref() {
                Some("suspend") => {
                    client.suspend().await;
                    println!("\nsuspended");
                }
                Some("resume") => client.resume(),
                _ => return,
            },
        }
    }
}

fn child_config(folder: &Path) -> ClientConfig {
    let mut config = ClientConfig::new(ACCOUNT, PASSWORD).unwrap();
    let ca = std::fs::read(folder.join("ca.pem")).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(&ca).unwrap());
    let addr = std::env::var(SERVER).unwrap().parse().unwrap();
    config.network.servers = vec![ServerAddress::at(addr, Transport::DirectTls)];
    // The parent removes the folder.
    let folder = std::mem::ManuallyDrop::new(Folder(folder.to_owned()));
    config.store = Box::new(folder.store());
    hasty(&mut config);
    config
}

struct App {
    process: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl App {
    fn start(server: &ReferenceServer, folder: &Folder) -> Self {
        std::fs::write(folder.0.join("ca.pem"), server.ca_pem()).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &folder.0)
            .env(SERVER, server.direct_addr().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let _ = say.send(line.unwrap());
            }
        });
        Self {
            process,
            input,
            lines,
        }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
    }

    /// Waits for this line. The server runs on this thread's runtime, so waiting must not stop it.
    async fn says(&self, expected: &str) {
        let deadline = std::time::Instant::now() + TIMEOUT;
        loop {
            match self.lines.try_recv() {
                Ok(line) if line == expected => return,
                Ok(_) => {}
                Err(mpsc::TryRecvError::Empty) => {
                    assert!(std::time::Instant::now() < deadline, "no {expected}");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                Err(mpsc::TryRecvError::Disconnected) => panic!("the app ended before {expected}"),
            }
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn i9_the_second_process_waits_until_the_first_sleeps() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    let mut app = App::start(&server, &folder);
    app.says("online Bound").await;
    assert_eq!(folder.open().err(), Some(StoreError::OwnedElsewhere));
    app.tell("suspend");
    app.says("suspended").await;

    // The extension resumes the app's session.
    let extension = Client::open(disk::config(&server, folder.store())).unwrap();
    extension.connect();
    assert_eq!(outcome(&extension).await, Outcome::Resumed);
    app.tell("resume");
    app.says("store OwnedElsewhere").await;
    settle(&extension).await;
    extension.suspend().await;

    // The app resumes the extension's session, without any notification of it.
    app.says("online Resumed").await;
    assert_eq!(server.sessions().len(), 1);
}

async fn settle(client: &Client) {
    client
        .send_message("romeo@example.org", "from the extension")
        .await
        .unwrap();
}

#[tokio::test]
async fn i9_a_process_that_is_killed_leaves_its_session_to_the_next() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    let app = App::start(&server, &folder);
    app.says("online Bound").await;
    drop(app);
    let client = Client::open(disk::config(&server, folder.store())).unwrap();
    client.connect();
    let course = settled(&client).await;
    assert_eq!(course.online, [Outcome::Resumed]);
}
