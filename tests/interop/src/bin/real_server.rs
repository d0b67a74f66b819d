//! A real server as a process, for test runners that are not written in Rust.
//!
//! `real-server prosody` or `real-server ejabberd`. It speaks like `snapback-test-server`
//! (`tests/scenarios/README.md`): JSON, one object a line. Its first line gives its addresses, or, where the server is not
//! available on this machine, `{"ready":false,"unavailable":".."}`. Then it takes the `world` steps of a day and answers
//! `{"ok":true}` to each. It ends with its standard input.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test support: its output is its purpose"
)]

use std::fs;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use snapback_interop::real_world::{Command, RealWorld};
use snapback_interop::{Account, Flavour, StartError};

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> ExitCode {
    let flavour = match std::env::args().nth(1).as_deref() {
        Some("prosody") => Flavour::ProsodyModern,
        Some("ejabberd") => Flavour::Ejabberd,
        _ => {
            eprintln!("usage: real-server prosody|ejabberd");
            return ExitCode::from(2);
        }
    };
    let world = match RealWorld::open(flavour).await {
        Ok(world) => world,
        Err(StartError::Unavailable(why)) => {
            println!(
                "{}",
                json!({"ready": false, "unavailable": why.to_string()})
            );
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let name = format!("snapback-real-server-{}.pem", std::process::id());
    let ca_file = std::env::temp_dir().join(name);
    let served = serve(&world, &ca_file).await;
    // The file is not needed any more; one that remains is no failure.
    let _ = fs::remove_file(&ca_file);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(world: &RealWorld, ca_file: &PathBuf) -> io::Result<()> {
    fs::write(ca_file, world.server().ca_pem())?;
    println!("{}", ready(world, ca_file));
    // No task but this one needs the thread: the link has the runtime's others.
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Command>(&line?) {
            Ok(command) => {
                world.obey(command).await;
                json!({"ok": true})
            }
            Err(error) => json!({"ok": false, "error": format!("not a command: {error}")}),
        };
        println!("{answer}");
    }
    Ok(())
}

fn ready(world: &RealWorld, ca_file: &Path) -> Value {
    let server = world.server();
    let accounts = [Account::Juliet, Account::Romeo].map(|account| {
        let account = server.account(account);
        json!({"jid": account.jid, "password": account.password})
    });
    json!({
        "ready": true,
        "host": server.direct_addr().ip().to_string(),
        "starttls_port": server.starttls_addr().port(),
        "direct_port": server.direct_addr().port(),
        "link_port": world.link_addr().port(),
        "ca_file": ca_file.display().to_string(),
        "domain": server.domain(),
        "accounts": accounts,
    })
}
