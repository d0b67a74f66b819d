//! `snapback watch` as a child process, against the reference server on a link that is cut.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test relies on")]

mod support;

use std::process::Command;

use serde_json::Value;
use snapback_netsim::CutMode;
use support::{Watch, World};

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
async fn bad_lines_are_reported_and_skipped() {
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
