//! A real server as a process, for test runners that are not written in Rust.
//!
//! `real-server prosody` or `real-server ejabberd`. It prints lines: `starttls PORT`, `direct PORT`, `account JID
//! PASSWORD` for each account, the certificate of the authority as PEM, and `ready`. Where the server is not available
//! on this machine, it prints `unavailable` and the reason. It ends with its standard input.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test support: its output is its purpose"
)]

use std::io::{self, Read as _};
use std::process::ExitCode;

use snapback_interop::{Account, Flavour, RunningServer, ServerConfig, StartError, start};

fn main() -> ExitCode {
    let flavour = match std::env::args().nth(1).as_deref() {
        Some("prosody") => Flavour::ProsodyModern,
        Some("ejabberd") => Flavour::Ejabberd,
        _ => {
            eprintln!("usage: real-server prosody|ejabberd");
            return ExitCode::from(2);
        }
    };
    match start(ServerConfig::new(flavour)) {
        Ok(server) => {
            describe(&server);
            // Input is ignored; only its end matters.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            ExitCode::SUCCESS
        }
        Err(StartError::Unavailable(why)) => {
            println!("unavailable {why}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn describe(server: &RunningServer) {
    println!("starttls {}", server.starttls_addr().port());
    println!("direct {}", server.direct_addr().port());
    for account in [Account::Juliet, Account::Romeo] {
        let account = server.account(account);
        println!("account {} {}", account.jid, account.password);
    }
    println!("{}", server.ca_pem().trim_end());
    println!("ready");
}
