//! The program, its server, and the cuts that the profile prescribes.

use std::fmt;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use snapback_netsim::packets::tun::{Namespace, SERVER, TunError, TunLink};
use snapback_netsim::packets::{Cut, Profile, Rng};

use crate::arguments::{Arguments, Refused};
use crate::forward::Forwards;
use crate::summary;

/// Why the program did not run.
#[derive(Debug)]
pub(crate) enum RunError {
    Profile(Refused),
    Link(TunError),
    Program { program: String, source: io::Error },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Program { program, source } => write!(f, "{program}: {source}"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<TunError> for RunError {
    fn from(error: TunError) -> Self {
        Self::Link(error)
    }
}

/// Runs the program to its end, and yields its exit code.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, RunError> {
    let profile = arguments.profile().map_err(RunError::Profile)?;
    let seed = arguments.seed();
    eprintln!("netsim: {}, seed {seed}", profile.name);
    let link = TunLink::start(&profile, seed)?;
    let _forwards = Forwards::start(&link, &arguments.forwards)?;
    let _server = match &arguments.serve {
        Some(command) => Some(Server::start(link.server(), command)?),
        None => None,
    };
    let (program, rest) = arguments
        .program
        .split_first()
        .ok_or_else(|| RunError::Program {
            program: "the program".to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })?;
    let mut command = Command::new(program);
    command.args(rest).env("NETSIM_SERVER", SERVER.to_string());
    let name = program.to_string_lossy().into_owned();
    let mut child = spawn(link.client(), &mut command, &name)?;
    let (done, over) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait();
        // Without a receiver there is nothing left to end.
        let _ = done.send(());
        status
    });
    let cuts = match arguments.no_cuts {
        true => wait(&over),
        false => cut_until(&over, &link, &profile, seed)?,
    };
    let status = waiter.join().map_err(|_| io::ErrorKind::Other.into());
    let status = status.and_then(|status| status);
    let status = status.map_err(|source| RunError::Program {
        program: name,
        source,
    })?;
    eprint!("{}", summary::text(&link.stats(), cuts));
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The server that was asked for, in a process group of its own, which ends with this.
struct Server(Child);

impl Server {
    fn start(namespace: &Namespace, command: &str) -> Result<Self, RunError> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).process_group(0);
        spawn(namespace, &mut shell, command).map(Self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

fn spawn(namespace: &Namespace, command: &mut Command, name: &str) -> Result<Child, RunError> {
    namespace
        .run(|| command.spawn())?
        .map_err(|source| RunError::Program {
            program: name.to_owned(),
            source,
        })
}

fn wait(over: &mpsc::Receiver<()>) -> u32 {
    let _ = over.recv();
    0
}

/// Cuts as the profile prescribes, until the program is over. The answer is how often.
fn cut_until(
    over: &mpsc::Receiver<()>,
    link: &TunLink,
    profile: &Profile,
    seed: u64,
) -> Result<u32, TunError> {
    let mut rng = Rng::new(seed);
    let mut count = 0;
    loop {
        let Some(cut) = next_cut(&profile.cuts, count) else {
            return Ok(wait(over));
        };
        if is_over(over, cut.every_s, &mut rng) {
            return Ok(count);
        }
        eprintln!("netsim: {}", summary::begin(cut.kind));
        let ongoing = link.cut(cut.kind)?;
        count += 1;
        let is_over = is_over(over, cut.for_s, &mut rng);
        link.mend(ongoing)?;
        eprintln!("netsim: the network is back");
        if is_over {
            return Ok(count);
        }
    }
}

/// They take turns.
fn next_cut(cuts: &[Cut], count: u32) -> Option<&Cut> {
    let index = usize::try_from(count).ok()?.checked_rem(cuts.len())?;
    cuts.get(index)
}

/// Waits some time between these two, unless the program ends.
fn is_over(over: &mpsc::Receiver<()>, seconds: [f64; 2], rng: &mut Rng) -> bool {
    let [low, high] = seconds;
    let time = Duration::from_secs_f64(rng.between(low, high));
    !matches!(over.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}
