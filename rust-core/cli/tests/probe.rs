//! `snapback probe` as a child process, against the reference server and against peers that answer nothing, or too much.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test relies on")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use snapback_reference_server::{Config, Mechanism, ReferenceServer, Switches};

async fn server(switches: Switches) -> ReferenceServer {
    let config = Config {
        switches,
        accounts: vec![("juliet".to_owned(), "r0m30".to_owned())],
        ..Config::default()
    };
    ReferenceServer::start(config).await.unwrap()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

fn command(endpoint: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
    command.args(["probe", "localhost", "--endpoint", &endpoint.to_string()]);
    command.env_remove("SNAPBACK_PASSWORD");
    command
}

/// Runs it beside the runtime, which the server needs.
async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output());
    running.await.unwrap().unwrap()
}

fn trusting(server: &ReferenceServer, name: &str, endpoint: SocketAddr) -> Command {
    let ca = file(name);
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let mut command = command(endpoint);
    command.arg("--ca").arg(ca);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_exit_code_says_whether_a_setting_saves_a_round_trip() {
    let server = server(Switches::modern()).await;
    let mut probe = trusting(&server, "good.pem", server.direct_addr());
    let page = file("page.html");
    probe.arg("--json").arg("--html").arg(&page);
    let output = run(probe).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoint = &report["endpoints"][0];
    assert_eq!(endpoint["tls"]["version"], "TLS 1.3");
    assert_eq!(endpoint["second"]["accepted"], true);
    assert_eq!(endpoint["login"]["resumed"], 3);
    assert!(endpoint["tcp_ms"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<h1>localhost</h1>") && page.ends_with("</html>\n"));

    let switches = Switches {
        fast: Vec::new(),
        ..Switches::modern()
    };
    let server = self::server(switches).await;
    let output = run(trusting(&server, "fast.pem", server.direct_addr())).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("mod_auth_fast: {}"), "{text}");
    assert!(text.ends_with("settings save 1 round trip\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_password_is_shown_to_no_server_unless_that_is_allowed() {
    let switches = Switches {
        mechanisms: vec![Mechanism::Plain],
        ..Switches::modern()
    };
    let server = server(switches).await;
    for allow in [false, true] {
        let mut probe = trusting(&server, "plain.pem", server.direct_addr());
        probe.args(["--account", "juliet@localhost"]);
        probe.env("SNAPBACK_PASSWORD", "r0m30");
        if allow {
            probe.arg("--allow-plain");
        }
        let output = run(probe).await;
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.contains("  cold"), allow, "{text}");
        assert_eq!(output.status.code() == Some(2), !allow, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_certificate_of_another_authority_ends_it_before_any_login() {
    let server = server(Switches::modern()).await;
    let mut probe = command(server.starttls_addr());
    probe.args(["--transport", "starttls", "--account", "juliet@localhost"]);
    probe.env("SNAPBACK_PASSWORD", "r0m30");
    let output = run(probe).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("certificate refused"), "{text}");
    assert!(!text.contains("account at"), "{text}");
}

/// Returns the address of a peer that does this with each connection.
fn peer(act: impl Fn(std::net::TcpStream) + Send + Sync + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || act(stream));
        }
    });
    addr
}

#[test]
fn the_deadline_ends_it_whatever_the_peer_does() {
    let silent = peer(|mut stream| {
        // The end of the connection, not an answer.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let began = Instant::now();
    let mut probe = command(silent);
    let output = probe.args(["--deadline", "1"]).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(output.status.code(), Some(3), "{output:?}");

    let endless = peer(|mut stream| {
        let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
        let _ = stream.write_all(header);
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let mut probe = command(endless);
    let output = probe.args(["--transport", "starttls"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("it sent more than is read"), "{text}");
}

#[test]
fn options_that_cannot_be_used_are_refused_at_once() {
    let probe = || Command::new(env!("CARGO_BIN_EXE_snapback"));
    let cases: [&[&str]; 4] = [
        &["probe", "juliet@example.org"],
        &["probe", "example.org", "--account", "juliet@example.net"],
        &["probe", "example.org", "--deadline", "0"],
        &["probe", "example.org", "--password-file", "x"],
    ];
    for arguments in cases {
        let mut command = probe();
        let output = command
            .args(arguments)
            .env("SNAPBACK_PASSWORD", "x")
            .output();
        assert_eq!(output.unwrap().status.code(), Some(2), "{arguments:?}");
    }
}
