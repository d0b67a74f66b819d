//! `snapback watch` as a child process, against the reference server on a link that is cut.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test relies on")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use snapback_netsim::{CutMode, Link, LinkConfig};
use snapback_reference_server::{Config, ReferenceServer, Switches};

/// Nothing that is waited for takes longer, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const RTT: Duration = Duration::from_millis(10);

struct World {
    server: ReferenceServer,
    link: Link,
}

struct Watch {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl World {
    async fn new() -> Self {
        let accounts = [("juliet", "r0m30"), ("romeo", "jul13t")];
        let accounts = accounts.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let config = Config {
            switches: Switches {
                pipelining: false,
                unprompted_restart: false,
                ..Switches::modern()
            },
            accounts: accounts.to_vec(),
            ..Config::default()
        };
        let server = ReferenceServer::start(config).await.unwrap();
        let config = LinkConfig::with_rtt(RTT).for_foreign_clients();
        let link = Link::start(config, server.direct_addr()).await.unwrap();
        Self { server, link }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let name = format!("{}-{name}", self.link.addr().port());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Over the link, with the password in a file.
    fn watch(&self, password: &str) -> Watch {
        let mut command = self.command(self.link.addr());
        command
            .arg("--password-file")
            .arg(self.file("password", &format!("{password}\n")));
        Watch::spawn(command)
    }

    fn command(&self, endpoint: SocketAddr) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
        command.args([
            "watch",
            "juliet@localhost",
            "--endpoint",
            &endpoint.to_string(),
        ]);
        command
            .arg("--ca")
            .arg(self.file("ca.pem", &self.server.ca_pem()));
        command
    }
}

impl Watch {
    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
        }
    }

    /// The next line about this event; lines before it are dropped.
    fn event(&self, name: &str) -> Value {
        self.line(name, |line| line["event"] == name)
    }

    fn line(&self, what: &str, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {what}"));
            if is_it(&line) {
                return line;
            }
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not end");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_sends_receives_and_comes_back_after_a_cut() {
    let world = World::new().await;
    let mut watch = world.watch("r0m30");
    let online = watch.event("online");
    assert_eq!(online["outcome"], "bound");
    assert_eq!(online["tls"]["version"], "TLS 1.3");
    assert_eq!(
        online["waterfall"].as_array().unwrap().len() as u64,
        online["flights"].as_u64().unwrap()
    );

    watch.say(r#"{"to":"romeo@localhost","body":"Art thou not Romeo?"}"#);
    let queued = watch.event("queued");
    assert_eq!(queued["line"], 1);
    let is_about = |event: &'static str| {
        let id = queued["id"].clone();
        move |line: &Value| line["event"] == event && line["id"] == id
    };
    let sent = watch.line("sent", is_about("sent"));
    let acked = watch.line("acked", is_about("acked"));
    assert!(acked["at_ms"].as_f64() > sent["at_ms"].as_f64());
    let arrived = world.server.messages_from("juliet");
    assert_eq!(
        arrived.last().unwrap().body.as_deref(),
        Some("Art thou not Romeo?")
    );

    let id =
        world
            .server
            .inject_message("romeo@localhost", "juliet@localhost", "Neither, fair saint");
    let stanza = watch.line("stanza", |line| line["id"] == id.as_str());
    assert_eq!(
        (&stanza["event"], &stanza["kind"]),
        (&"stanza".into(), &"message".into())
    );
    assert_eq!(stanza["body"], "Neither, fair saint");
    assert_eq!(stanza["from"], "romeo@localhost");

    world.link.cut(CutMode::ResetClient);
    let ended = watch.event("ended");
    assert!(ended["plan"].is_string());
    assert_eq!(
        watch.event("offline")["reason"],
        "failed, will be tried again"
    );
    let id =
        world
            .server
            .inject_message("romeo@localhost", "juliet@localhost", "while it was dark");
    let online = watch.event("online");
    assert_eq!(online["outcome"], "resumed");
    assert!(online["at_ms"].as_f64() > ended["at_ms"].as_f64());
    watch.line("stanza", |line| line["id"] == id.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bad_lines_are_told_and_survived() {
    let world = World::new().await;
    let mut watch = world.watch("r0m30");
    watch.event("online");
    watch.say("nonsense");
    watch.say(r#"{"to":"@","body":"x"}"#);
    watch.say(r#"{"to":"romeo@localhost","body":"still here"}"#);
    assert_eq!(watch.event("error")["line"], 1);
    assert_eq!(watch.event("error")["line"], 2);
    assert_eq!(watch.event("queued")["line"], 3);
    watch.event("acked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn i14_a_signal_ends_the_session_cleanly_and_the_end_of_input_does_not() {
    let world = World::new().await;
    let mut watch = world.watch("r0m30");
    watch.event("online");
    watch.input = None;
    let id = world
        .server
        .inject_message("romeo@localhost", "juliet@localhost", "still there?");
    watch.line("stanza", |line| line["id"] == id.as_str());

    watch.terminate();
    assert_eq!(watch.event("offline")["reason"], "not wanted");
    assert!(watch.ended().success());
    assert!(
        world.server.sessions().is_empty(),
        "the session was to end with the stream"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_speaks_starttls_and_takes_the_password_from_the_environment() {
    let world = World::new().await;
    let mut command = world.command(world.server.starttls_addr());
    command
        .args(["--transport", "starttls", "--early-data"])
        .env("SNAPBACK_PASSWORD", "r0m30");
    let watch = Watch::spawn(command);
    let online = watch.event("online");
    assert!(
        online["plan"].as_str().unwrap().contains("starttls"),
        "{online:#}"
    );
    world.server.cut_all();
    let online = watch.line("early data", |line| line["tls"]["early_data"] == true);
    assert_eq!(online["outcome"], "resumed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wrong_password_ends_it() {
    let world = World::new().await;
    let mut watch = world.watch("wrong");
    let ended = watch.event("ended");
    assert_eq!(
        ended["error"],
        "the server refused the login: not-authorized"
    );
    assert_eq!(watch.event("offline")["reason"], "needs credentials");
    assert_eq!(watch.ended().code(), Some(1));
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let state = ["--state", "/dev/null/somewhere"];
    let file = ["--password-file", "/nonexistent/password"];
    for (arguments, says) in [(&state, "--state"), (&file, "cannot read")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
        command
            .args(["watch", "juliet@localhost"])
            .args(arguments)
            .env("SNAPBACK_PASSWORD", "x");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(says),
            "{output:?}"
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
    command
        .args(["watch", "juliet@localhost"])
        .env_remove("SNAPBACK_PASSWORD");
    let output = command.output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is no password"),
        "{output:?}"
    );
}
