//! Prosody and ejabberd for the tests in Swift: started here, because the tests may run in the root of another system.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::tool;

const NAMES: [&str; 2] = ["prosody", "ejabberd"];

/// Running servers; they end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct RealServers {
    servers: Vec<(&'static str, Child, u16)>,
}

impl RealServers {
    /// Starts all of them, or none where one is not available: then the tests that need them are skipped.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let program = tool::real_server()?;
        let mut starting = Vec::new();
        for name in NAMES {
            let mut command = Command::new(&program);
            command.args([name, "--listen"]);
            let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            starting.push((name, child.map_err(|error| format!("{name}: {error}"))?));
        }
        for (name, mut child) in starting {
            let mut line = String::new();
            let output = child.stdout.take().ok_or("no output")?;
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(|error| format!("{name}: {error}"))?;
            match control_port(&line) {
                Some(port) => self.servers.push((name, child, port)),
                None if line.contains("unavailable") => {
                    println!("{name}: {line}");
                    self.servers.clear();
                    return Ok(());
                }
                None => return Err(format!("{name} did not start")),
            }
        }
        Ok(())
    }

    /// Where the tests find them: `prosody=40001 ejabberd=40002`.
    pub(super) fn ports(&self) -> String {
        let ports = self.servers.iter();
        let ports = ports.map(|(name, _, port)| format!("{name}={port}"));
        ports.collect::<Vec<_>>().join(" ")
    }
}

impl Drop for RealServers {
    fn drop(&mut self) {
        for (_, child, _) in &mut self.servers {
            drop(child.stdin.take());
            // One that has ended already is no error.
            let _ = child.wait();
        }
    }
}

fn control_port(line: &str) -> Option<u16> {
    let port = line.trim().strip_prefix("{\"control_port\":")?;
    port.strip_suffix('}')?.parse().ok()
}
