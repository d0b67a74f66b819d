//! `snapback store inspect`, and what a session leaves on disk and on the screen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test relies on")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use snapback_client::proto::knowledge::Knowledge;
use snapback_client::store::ServerKey;
use snapback_client::{FileVault, SqliteStore, Store, Transport};
use snapback_types::hex;
use support::{Watch, World};

const PASSWORD: &str = "r0m30";
const WRITTEN: &str = "planted body on its way out";
const READ: &str = "planted body that came in";

struct Folder(PathBuf);

impl Folder {
    fn new(world: &World) -> Self {
        let name = format!("{}-state", world.link.addr().port());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// Returns the path, named after the account, in hexadecimal.
    fn db(&self) -> PathBuf {
        let name = hex::encode(b"juliet@localhost");
        self.0.join(format!("{name}.db"))
    }

    fn content(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn watch(world: &World, folder: &Folder) -> Watch {
    let mut command = world.command(world.server.direct_addr());
    command
        .arg("--state")
        .arg(&folder.0)
        .env("SNAPBACK_PASSWORD", PASSWORD);
    Watch::spawn(command)
}

fn inspect(path: &Path, json: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapback"));
    command.args(["store", "inspect"]).arg(path);
    if json {
        command.arg("--json");
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn t9_what_a_session_leaves_is_shown_without_its_secrets() {
    let world = World::new().await;
    let folder = Folder::new(&world);
    let mut watched = watch(&world, &folder);
    watched.event("online");
    watched.say(&format!(r#"{{"to":"romeo@localhost","body":"{WRITTEN}"}}"#));
    watched.event("acked");
    world
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", READ);
    watched.line("the message", |line| line["body"] == READ);
    let sm_id = world.server.sessions()[0].sm_id.clone().unwrap();

    // I9: a file in use is left untouched.
    let running = inspect(&folder.0, false);
    assert_eq!(running.status.code(), Some(1));
    assert!(
        text(&running).contains("in use by another process"),
        "{running:?}"
    );
    watched.say(&format!(r#"{{"to":"romeo@localhost","body":"{WRITTEN}"}}"#));
    watched.event("acked");

    // A kill leaves a log.
    watched.child.kill().unwrap();
    watched.child.wait().unwrap();
    let before = folder.content();
    assert!(
        before
            .iter()
            .any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty())
    );
    let found = inspect(&folder.0, false);
    let json = inspect(&folder.db(), true);
    assert!(folder.content() == before, "looking changed something");
    assert!(found.status.success() && json.status.success(), "{found:?}");
    let shown = text(&found);
    for part in [
        "juliet@localhost",
        "left by a kill",
        "SCRAM-SHA-512-PLUS with tls-exporter, or stronger",
        "FAST         HT-SHA-256-EXPR",
        "session      h ",
        "server       127.0.0.1:",
        "endpoints    localhost, fresh until 20",
        "caps         sha-1 ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let object: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(object["account"], "juliet@localhost");
    assert_eq!(object["left_by_a_kill"], true);
    assert_eq!(object["troubles"], serde_json::json!([]));
    assert!(object["session"]["h"].as_u64().unwrap() >= 2, "{object:#}");
    assert_eq!(object["session"]["sm_id_bytes"], sm_id.len());

    // Neither its files nor its output show a secret.
    let lines: Vec<Value> = watched.lines.try_iter().collect();
    let said = format!("{lines:?} {shown} {}", text(&json));
    let known = knowledge(&world, &folder);
    let mut secrets = vec![PASSWORD.as_bytes().to_vec(), sm_id.into_bytes()];
    secrets.push(known.fast.unwrap().token.expose().clone().into_bytes());
    let (_, keys) = known.scram_keys.unwrap();
    secrets.extend([keys.client_key(), keys.server_key()].map(|key| key.expose().clone()));
    for entry in std::fs::read_dir(folder.0.join("keys")).unwrap() {
        secrets.push(std::fs::read(entry.unwrap().path()).unwrap());
    }
    for secret in &secrets {
        assert_hidden(said.as_bytes(), secret, "its output");
    }
    secrets.extend([WRITTEN, READ].map(|body| body.as_bytes().to_vec()));
    for (name, bytes) in &before {
        for secret in &secrets {
            assert_hidden(bytes, secret, name);
        }
    }
    // The scan does find plaintext.
    assert!(before.iter().any(|(_, bytes)| holds(bytes, b"127.0.0.1")));
}

fn knowledge(world: &World, folder: &Folder) -> Knowledge {
    let vault = FileVault::new(folder.0.join("keys")).unwrap();
    let (mut store, report) = SqliteStore::open(folder.db(), "juliet@localhost", vault).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let server = ServerKey {
        host: "127.0.0.1".to_owned(),
        port: world.server.direct_addr().port(),
        transport: Transport::DirectTls,
    };
    store.load(&server).unwrap()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Asserts that the secret appears neither as it is nor in the usual formats for bytes.
fn assert_hidden(bytes: &[u8], secret: &[u8], place: &str) {
    let hex = hex::encode(secret);
    let decimal = format!("{secret:?}");
    for form in [secret, hex.as_bytes(), decimal.as_bytes()] {
        assert!(!holds(bytes, form), "T9: a secret in {place}");
    }
}

/// Rule I9 for two processes of the command line.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn i9_the_second_watcher_is_refused() {
    let world = World::new().await;
    let folder = Folder::new(&world);
    let first = watch(&world, &folder);
    first.event("online");
    let mut command = world.command(world.server.direct_addr());
    command
        .arg("--state")
        .arg(&folder.0)
        .env("SNAPBACK_PASSWORD", PASSWORD);
    let second = command.output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(
        text(&second).contains("the store is in use elsewhere"),
        "{second:?}"
    );
    drop(first);
    let next = watch(&world, &folder);
    assert_eq!(next.event("online")["outcome"], "resumed");
}

#[test]
fn what_cannot_be_looked_into_is_explained() {
    let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-state"));
    let empty = inspect(&folder.0, false);
    assert_eq!(empty.status.code(), Some(1));
    assert!(
        text(&empty).contains("does not say whose it is"),
        "{empty:?}"
    );
    std::fs::create_dir_all(&folder.0).unwrap();
    let empty = inspect(&folder.0, false);
    assert_eq!(empty.status.code(), Some(2));
    assert!(text(&empty).contains("there is no account in"), "{empty:?}");
    std::fs::write(folder.db(), b"not a store").unwrap();
    let no_keys = inspect(&folder.0, false);
    assert!(
        text(&no_keys).contains("there is no folder `keys` beside it"),
        "{no_keys:?}"
    );
    assert!(!folder.0.join("keys").exists());
    std::fs::create_dir(folder.0.join("keys")).unwrap();
    let damaged = inspect(&folder.0, true);
    assert_eq!(damaged.status.code(), Some(1));
    let object: Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert!(
        object["error"].as_str().unwrap().contains("damaged"),
        "{object}"
    );
    assert_eq!(std::fs::read(folder.db()).unwrap(), b"not a store");
}
