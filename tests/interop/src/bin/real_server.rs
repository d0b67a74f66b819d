//! A real server as a process, for test runners that are not written in Rust.
//!
//! `real-server prosody` or `real-server ejabberd`. It speaks like `snapback-test-server`
//! (`tests/scenarios/README.md`): JSON, one object a line. Its first line gives its addresses, or, where the server is not
//! available on this machine, `{"ready":false,"unavailable":".."}`. Then it takes the `world` steps of a day and answers
//! `{"ok":true}` to each. It ends with its standard input.
//!
//! With `--listen`, for a runner in another root: it prints `{"control_port":40001}` and speaks on the first connection to
//! that port of 127.0.0.1 instead, at whose end it ends, too.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test support: its output is its purpose"
)]

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::thread;

use serde_json::{Value, json};
use snapback_interop::real_world::{Command, RealWorld};
use snapback_interop::{Account, Flavour, StartError, start};
use tokio::sync::mpsc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let flavour = match arguments.next().as_deref() {
        Some("prosody") => Flavour::ProsodyModern,
        Some("ejabberd") => Flavour::Ejabberd,
        _ => {
            eprintln!("usage: real-server prosody|ejabberd [--listen]");
            return ExitCode::from(2);
        }
    };
    let listens = arguments.next().as_deref() == Some("--listen");
    match run(flavour, listens).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flavour: Flavour, listens: bool) -> Result<(), Box<dyn std::error::Error>> {
    let config = RealWorld::config(flavour);
    let world = match tokio::task::block_in_place(|| start(config)) {
        Ok(server) => RealWorld::of(server).await?,
        Err(StartError::Unavailable(why)) => {
            let why = json!({"ready": false, "unavailable": why.to_string()});
            println!("{why}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if !listens {
        return Ok(serve(&world, lines(io::stdin()), io::stdout()).await?);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", json!({"control_port": listener.local_addr()?.port()}));
    let parent = lines(io::stdin());
    let (stream, commands) = tokio::task::spawn_blocking(move || {
        let (stream, _) = listener.accept()?;
        let commands = lines(stream.try_clone()?);
        Ok::<_, io::Error>((stream, commands))
    })
    .await??;
    tokio::select! {
        served = serve(&world, commands, stream) => served?,
        () = end_of(parent) => {}
    }
    Ok(())
}

async fn serve(
    world: &RealWorld,
    mut commands: mpsc::Receiver<String>,
    mut output: impl Write,
) -> io::Result<()> {
    writeln!(output, "{}", ready(world))?;
    output.flush()?;
    while let Some(line) = commands.recv().await {
        let answer = match serde_json::from_str::<Command>(&line) {
            Ok(command) => {
                world.obey(command).await;
                json!({"ok": true})
            }
            Err(error) => json!({"ok": false, "error": format!("not a command: {error}")}),
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

async fn end_of(mut lines: mpsc::Receiver<String>) {
    while lines.recv().await.is_some() {}
}

/// Returns the lines until the end of the input, or until one cannot be read.
fn lines(input: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in BufReader::new(input).lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn ready(world: &RealWorld) -> Value {
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
        "ca_pem": server.ca_pem(),
        "domain": server.domain(),
        "accounts": accounts,
    })
}
