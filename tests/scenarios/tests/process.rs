//! The test server as a process: a client logs in, is cut, and reconnects; every command is answered.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: what goes wrong should stop the test"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use snapback_client::{
    Client, ClientConfig, Event, Outcome, ServerAddress, Transport, Trust, danger,
};

const TIMEOUT: Duration = Duration::from_secs(60);

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    ready: Value,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_snapback-test-server"))
            .args(["--guests", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self {
            child,
            input,
            output,
            ready: Value::Null,
        };
        process.ready = process.line();
        process
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.input.as_ref().unwrap(), "{command}").unwrap();
        self.line()
    }

    fn client(&self) -> Client {
        let ca = std::fs::read(self.ready["ca_file"].as_str().unwrap()).unwrap();
        let port = u16::try_from(self.ready["direct_port"].as_u64().unwrap()).unwrap();
        let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
        config.trust = Trust::Roots(danger::Roots::from_pem(&ca).unwrap());
        config.network.servers = vec![ServerAddress::at(
            SocketAddr::from(([127, 0, 0, 1], port)),
            Transport::DirectTls,
        )];
        // A server that closed its streams would not be reconnected to for half a minute.
        config.reconnect.relief_base = Duration::from_millis(50);
        config.reconnect.relief_floor = Duration::from_millis(10);
        Client::open(config).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

async fn event<T>(client: &Client, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    tokio::time::timeout(TIMEOUT, async {
        loop {
            if let Some(found) = pick(client.next_event().await.unwrap()) {
                return found;
            }
        }
    })
    .await
    .unwrap()
}

async fn online(client: &Client) -> Outcome {
    event(client, |event| match event {
        Event::Online { outcome, .. } => Some(outcome),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_client_is_cut_and_comes_back() {
    let mut server = Process::start();
    let client = server.client();
    client.connect();
    assert_eq!(online(&client).await, Outcome::Bound);
    let id = client.send_message("romeo@localhost", "1").await.unwrap();
    event(&client, |event| {
        matches!(&event, Event::Stage { id: acked, stage: snapback_client::Stage::Acked } if *acked == id)
            .then_some(())
    })
    .await;
    let received = server.ask(r#"{"world":"received"}"#);
    assert_eq!(received["messages"][0]["id"], id.as_str());

    assert_eq!(server.ask(r#"{"world":"cut"}"#)["ok"], true);
    let sent = server.ask(r#"{"world":"message","body":"where are you?"}"#);
    assert_eq!(online(&client).await, Outcome::Resumed);
    let got = event(&client, |event| match event {
        Event::Message { delivery } => Some(delivery.stanza.attr("id").unwrap().to_owned()),
        _ => None,
    })
    .await;
    assert_eq!(sent["ids"][0], got.as_str());

    assert_eq!(server.ask(r#"{"world":"restart","down_ms":1}"#)["ok"], true);
    assert_eq!(online(&client).await, Outcome::Bound);
    let stats = server.ask(r#"{"world":"stats"}"#);
    let outcomes: Vec<_> = stats["stats"]["connections"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|connection| connection["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["bound", "resumed", "bound"]);
}

#[test]
fn every_command_is_answered_and_nonsense_changes_nothing() {
    let mut server = Process::start();
    for command in [
        r#"{"world":"cut"}"#,
        r#"{"world":"cut","mode":"blackhole"}"#,
        r#"{"world":"cut_after","direction":"to_client","bytes":1}"#,
        r#"{"world":"down","mode":"blackhole"}"#,
        r#"{"world":"up"}"#,
        r#"{"world":"rtt","ms":2}"#,
        r#"{"world":"drop_upstream"}"#,
        r#"{"world":"portal","on":true}"#,
        r#"{"world":"portal","on":false}"#,
        r#"{"world":"forget_sessions"}"#,
        r#"{"world":"message","to":"guest1","count":2}"#,
        r#"{"world":"received"}"#,
        r#"{"world":"stats"}"#,
    ] {
        assert_eq!(server.ask(command)["ok"], true, "{command}");
    }
    for nonsense in [
        "",
        "nonsense",
        r#"{"world":"end"}"#,
        r#"{"world":"up","now":1}"#,
        r#"{"world":"message","count":1000000}"#,
    ] {
        let answer = server.ask(nonsense);
        assert_eq!(answer["ok"], false, "{nonsense}");
        assert!(answer["error"].is_string(), "{nonsense}");
    }
    assert_eq!(server.ask(r#"{"world":"quit"}"#)["ok"], true);
}
