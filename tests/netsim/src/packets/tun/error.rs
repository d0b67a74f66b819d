//! Why a link of real packets could not be made.

use std::fmt;
use std::io;

/// A link of real packets could not be made, or changed.
#[derive(Debug)]
pub enum TunError {
    /// This machine cannot have one: a reason to skip, not a failure.
    Unavailable(&'static str),
    /// The operating system refused something.
    Io {
        /// What was being done.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// `ip` of iproute2 refused something.
    Ip {
        /// Its arguments.
        arguments: String,
        /// What it said.
        said: String,
    },
}

impl TunError {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

impl fmt::Display for TunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => write!(f, "links of real packets need {reason}"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Ip { arguments, said } => write!(f, "ip {arguments}: {said}"),
        }
    }
}

impl std::error::Error for TunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
