//! Why the demo could not be carried out.

use std::fmt;
use std::io;

use snapback_client::{ConfigError, SendError, TlsError};
use snapback_reference_server::StartError;

use crate::naive::NaiveError;

/// Why the demo could not be carried out.
#[derive(Debug)]
pub(crate) enum DemoError {
    Server(StartError),
    Link(io::Error),
    Trust(TlsError),
    Config(ConfigError),
    Send(SendError),
    Naive(NaiveError),
    Folder(io::Error),
    Process(io::Error),
    TimedOut(&'static str),
    ClientEnded,
    Output(io::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(f, "the server: {error}"),
            Self::Link(error) => write!(f, "the link: {error}"),
            Self::Trust(error) => write!(f, "the server's certificate: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Send(error) => write!(f, "a message was not taken: {error}"),
            Self::Naive(error) => write!(f, "the naive client: {error}"),
            Self::Folder(error) => write!(f, "a folder for the client's state: {error}"),
            Self::Process(error) => write!(f, "the client's process: {error}"),
            Self::TimedOut(what) => write!(f, "waited in vain for {what}"),
            Self::ClientEnded => f.write_str("the client ended"),
            Self::Output(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl From<io::Error> for DemoError {
    /// What is written to the screen is the only thing that fails without saying what it was.
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
