//! Why a real server could not be started.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A real server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The server is not available on this machine: a reason to skip, not a failure.
    Unavailable(Unavailable),
    /// The operating system refused something that should have worked.
    Io {
        /// What was being done.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A tool that the installation or the set-up calls ended with an error.
    Command {
        /// The tool.
        program: String,
        /// The last lines it printed.
        tail: String,
    },
    /// The packaged configuration is not the one that this crate expects.
    PackagedConfig {
        /// The file, within the unpacked packages.
        file: PathBuf,
        /// The line that was looked for.
        missing: &'static str,
    },
    /// The certificate for the test domain could not be made.
    Certificate(rcgen::Error),
    /// The server ended, or did not accept connections in time.
    NotReady {
        /// What was seen.
        what: &'static str,
        /// The end of its log.
        log: String,
    },
}

/// Why this machine cannot have the servers.
#[derive(Debug)]
pub enum Unavailable {
    /// The packages are those of Debian 12; this is something else.
    NotDebian12 {
        /// What `/etc/os-release` says instead.
        found: String,
    },
    /// A tool is missing.
    ToolMissing(&'static str),
    /// apt has no mirror of Debian 12.
    NoMirror,
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    NoCacheFolder,
    /// The packages could not be downloaded.
    Download {
        /// The end of what apt printed.
        tail: String,
    },
}

impl StartError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<Unavailable> for StartError {
    fn from(reason: Unavailable) -> Self {
        Self::Unavailable(reason)
    }
}

impl From<rcgen::Error> for StartError {
    fn from(source: rcgen::Error) -> Self {
        Self::Certificate(source)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => write!(f, "not available here: {reason}"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Command { program, tail } => write!(f, "{program} failed:\n{tail}"),
            Self::PackagedConfig { file, missing } => {
                write!(f, "the packaged {} has no line {missing:?}", file.display())
            }
            Self::Certificate(source) => write!(f, "making the test certificate: {source}"),
            Self::NotReady { what, log } => write!(f, "{what}; its log ends:\n{log}"),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDebian12 { found } => {
                write!(f, "the packages are for Debian 12, this is {found}")
            }
            Self::ToolMissing(tool) => write!(f, "{tool} is missing"),
            Self::NoMirror => f.write_str("apt is configured with no mirror of Debian 12"),
            Self::NoCacheFolder => f.write_str("neither XDG_CACHE_HOME nor HOME is set"),
            Self::Download { tail } => write!(f, "the packages could not be downloaded:\n{tail}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Certificate(source) => Some(source),
            _ => None,
        }
    }
}
