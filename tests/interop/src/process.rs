//! A server as a foreground process of ours, which never outlives the test.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::StartError;
use crate::packages::last_lines;

/// Starting takes one to two seconds on an idle machine with two cores; with thirty other tasks running ejabberd took
/// more than a minute (measured).
const START_DEADLINE: Duration = Duration::from_secs(300);
/// A server that is asked to end closes its streams first; one that takes longer is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// The interval at which a condition without an event of its own is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How to start a server.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// Written by the server when it is up; without one, accepting connections is enough.
    pub(crate) ready_file: Option<PathBuf>,
}

/// A running server process, in a process group of its own.
///
/// A second process guards it: if the test process dies, the guard's standard input ends, and the guard kills the group
/// and removes the folder.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the server in `folder` and waits until all of `ports` accept connections.
    pub(crate) fn start(
        launch: &Launch,
        folder: &Path,
        ports: &[SocketAddr],
    ) -> Result<Self, StartError> {
        let log = folder.join("output.log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(StartError::io("opening the server's log"))?;
        let errors = output
            .try_clone()
            .map_err(StartError::io("opening the server's log"))?;
        if let Some(ready) = &launch.ready_file {
            remove_if_there(ready).map_err(StartError::io("clearing the ready file"))?;
        }
        let child = Command::new(&launch.program)
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(StartError::io(format!(
                "starting {}",
                launch.program.display()
            )))?;
        let guard = match guard(child.id(), folder) {
            Ok(guard) => guard,
            Err(source) => {
                signal_group("KILL", child.id());
                return Err(StartError::Io {
                    what: "starting the guard of the server".to_owned(),
                    source,
                });
            }
        };
        let mut process = Self { child, guard, log };
        process.wait_until_ready(launch, ports)?;
        Ok(process)
    }

    fn wait_until_ready(
        &mut self,
        launch: &Launch,
        ports: &[SocketAddr],
    ) -> Result<(), StartError> {
        let deadline = Instant::now() + START_DEADLINE;
        let ready_file = launch.ready_file.as_deref();
        loop {
            let is_up = ready_file.is_none_or(Path::exists)
                && ports.iter().all(|port| TcpStream::connect(port).is_ok());
            let has_ended = !self.is_running();
            let what = match (has_ended, is_up) {
                (true, _) => "the server ended while starting",
                (false, true) => return Ok(()),
                (false, false) if Instant::now() >= deadline => "the server was not ready in time",
                (false, false) => {
                    thread::sleep(POLL_INTERVAL);
                    continue;
                }
            };
            return Err(StartError::NotReady {
                what,
                log: self.log_tail(),
            });
        }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of what the server printed.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), 40)
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        signal_group("TERM", self.child.id());
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        // Whatever is left is removed by Drop.
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first: it must not act on a process group that is not ours any more.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        if self.is_running() {
            signal_group("KILL", self.child.id());
        }
        let _ = self.child.wait();
    }
}

fn guard(group: u32, folder: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args([
            "-c",
            "read -r _; kill -s KILL -- \"-$1\"; rm -rf -- \"$2\"",
            "guard",
            &group.to_string(),
        ])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Signals a whole process group; that it may be gone already is no error.
fn signal_group(signal: &str, group: u32) {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "kill -s \"$1\" -- \"-$2\"",
        "signal",
        signal,
        &group.to_string(),
    ]);
    let _ = command.stderr(Stdio::null()).status();
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
