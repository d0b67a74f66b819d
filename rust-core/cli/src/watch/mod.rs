//! `snapback watch`: keeps an account online and reports line by line.

mod clock;
mod input;
mod options;
mod report;
mod signals;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use snapback_client::{Client, ConfigError, ConnectionState, Element, Event, OfflineReason};
use tokio::time::timeout;

pub use options::{Args, OptionError};
use report::Happening;
use signals::Signals;

/// The timeout for closing the session: more than the client's own, so it only ends a close that hangs.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for the events that the close has caused.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// Why watching could not begin, or had to end.
#[derive(Debug)]
pub enum WatchError {
    /// The options cannot be used.
    Options(OptionError),
    /// The client refuses its configuration.
    Client(ConfigError),
    /// The system does not report signals.
    Signals(io::Error),
    /// Standard output cannot be written.
    Output(io::Error),
}

/// Runs until asked to end, or until the client will not try again by itself.
pub async fn run(args: Args) -> Result<ExitCode, WatchError> {
    let config = args.config().map_err(WatchError::Options)?;
    let mut signals = Signals::listen().map_err(WatchError::Signals)?;
    let client = Client::open(config).map_err(WatchError::Client)?;
    let mut lines = input::read();
    let mut is_input_open = true;
    client.connect();
    loop {
        tokio::select! {
            event = client.next_event() => match event {
                Some(event) if report(&client, &event)? == Course::Stuck => return Ok(ExitCode::FAILURE),
                Some(_) => {}
                None => return Ok(ExitCode::FAILURE),
            },
            line = lines.recv(), if is_input_open => match line {
                Some(line) => send(&client, line).await?,
                // The end of the input does not end the watching.
                None => is_input_open = false,
            },
            () = signals.next() => return close(&client, &mut signals).await,
        }
    }
}

/// Whether the client continues by itself.
#[derive(PartialEq, Eq)]
enum Course {
    GoesOn,
    /// It waits for a request to connect, which will not come.
    Stuck,
    Disconnected,
}

/// Reports an event and confirms a delivery once its line is written.
fn report(client: &Client, event: &Event) -> Result<Course, WatchError> {
    if let Some(happening) = Happening::from_event(event) {
        write(&happening)?;
    }
    match event {
        Event::Message { delivery }
        | Event::Presence { delivery }
        | Event::Carbon { delivery, .. } => {
            client.confirm(&delivery.id);
        }
        Event::State(ConnectionState::Offline { reason, .. }) => return Ok(course(*reason)),
        _ => {}
    }
    Ok(Course::GoesOn)
}

fn course(reason: OfflineReason) -> Course {
    match reason {
        OfflineReason::NeedsCredentials
        | OfflineReason::Refused
        | OfflineReason::Conflict
        | OfflineReason::NoSession => Course::Stuck,
        OfflineReason::NotWanted => Course::Disconnected,
        OfflineReason::Suspended | OfflineReason::NoNetwork | OfflineReason::Failed => {
            Course::GoesOn
        }
    }
}

async fn send(client: &Client, line: input::Line) -> Result<(), WatchError> {
    let input::Line { number, message } = line;
    let outcome = match message {
        Ok(message) => client
            .send(Element::from(message))
            .await
            .map_err(|error| error.to_string()),
        Err(bad) => Err(bad.to_string()),
    };
    write(&match outcome {
        Ok(id) => Happening::Queued { id, line: number },
        Err(error) => Happening::Error {
            line: number,
            error,
        },
    })
}

/// Ends the session, closes the stream and reports what happens meanwhile. A second signal ends the program at once.
async fn close(client: &Client, signals: &mut Signals) -> Result<ExitCode, WatchError> {
    let closing = timeout(CLOSE_TIMEOUT, client.disconnect());
    tokio::pin!(closing);
    let closed = loop {
        tokio::select! {
            closed = &mut closing => break closed.is_ok(),
            event = client.next_event() => match event {
                Some(event) => { report(client, &event)?; }
                None => break false,
            },
            () = signals.next() => return Ok(ExitCode::FAILURE),
        }
    };
    while let Ok(Some(event)) = timeout(LAST_EVENTS, client.next_event()).await {
        if report(client, &event)? == Course::Disconnected {
            break;
        }
    }
    Ok(if closed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write(happening: &Happening) -> Result<(), WatchError> {
    report::write(&mut io::stdout().lock(), happening).map_err(WatchError::Output)
}

impl WatchError {
    /// Returns 2 for errors in the command line, as clap does; 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Options(_) => 2,
            Self::Client(_) | Self::Signals(_) | Self::Output(_) => 1,
        }
    }
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(error) => error.fmt(f),
            Self::Client(error) => error.fmt(f),
            Self::Signals(error) => write!(f, "cannot listen for signals: {error}"),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}
