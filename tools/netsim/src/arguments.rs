//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use snapback_netsim::packets::{Profile, ProfileError};

/// Run a program behind a link of real packets, and report what happened to the packets
///
/// The program sees one network interface, and one other host: 198.18.0.1, in NETSIM_SERVER. What listens there is said with
/// --forward. Its own loopback interface is empty. It takes root and /dev/net/tun.
#[derive(Debug, Parser)]
#[command(name = "netsim")]
pub(crate) struct Arguments {
    /// The network; --list names all.
    #[arg(long, default_value = "lte-good")]
    profile: String,
    /// A file with a profile, instead of a named one.
    #[arg(long, conflicts_with = "profile")]
    profile_file: Option<PathBuf>,
    /// The seed of all random numbers; the same seed breaks the network in the same way
    #[arg(long)]
    seed: Option<u64>,
    /// A port of the other host, and where its connections go to in the network of this shell: 5222:127.0.0.1:15222. The
    /// relay at this place has a TCP of its own; a server whose TCP matters is started with --serve.
    #[arg(long = "forward", value_name = "PORT:ADDRESS:PORT")]
    pub(crate) forwards: Vec<Forward>,
    /// A shell command that is the server: it runs on the other host, and ends with the program.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) serve: Option<String>,
    /// Leaves the cuts of the profile out.
    #[arg(long)]
    pub(crate) no_cuts: bool,
    /// Lists the profiles.
    #[arg(long)]
    pub(crate) list: bool,
    /// The program and its arguments.
    #[arg(last = true, required_unless_present = "list")]
    pub(crate) program: Vec<OsString>,
}

impl Arguments {
    pub(crate) fn profile(&self) -> Result<Profile, Refused> {
        match &self.profile_file {
            None => Profile::named(&self.profile).map_err(Refused::Profile),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Refused::File)?;
                Profile::parse(&text).map_err(Refused::Profile)
            }
        }
    }

    /// Returns the given seed, or one from the clock: it is printed, so that the run can be repeated.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| u64::from(since.subsec_nanos()))
        })
    }
}

/// Why there is no profile.
#[derive(Debug)]
pub(crate) enum Refused {
    File(std::io::Error),
    Profile(ProfileError),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => write!(f, "the profile cannot be read: {error}"),
            Self::Profile(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// A port of the other host, and where it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forward {
    pub(crate) port: u16,
    pub(crate) to: SocketAddr,
}

impl FromStr for Forward {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected PORT:ADDRESS:PORT, as in 5222:127.0.0.1:15222";
        let (port, to) = text.split_once(':').ok_or(expected)?;
        match (port.parse(), to.parse()) {
            (Ok(port), Ok(to)) => Ok(Self { port, to }),
            _ => Err(expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_a_port_and_an_address() {
        let forward: Forward = "5222:127.0.0.1:15222".parse().expect("it is one");
        assert_eq!(forward.port, 5222);
        assert_eq!(forward.to, SocketAddr::from(([127, 0, 0, 1], 15222)));
        for wrong in [
            "5222",
            "x:127.0.0.1:1",
            "5222:localhost:1",
            "99999:127.0.0.1:1",
        ] {
            assert!(wrong.parse::<Forward>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_program_follows_two_dashes() {
        let arguments = Arguments::try_parse_from([
            "netsim",
            "--profile",
            "gprs",
            "--seed",
            "7",
            "--",
            "ping",
            "-c",
            "1",
        ])
        .expect("it is a command line");
        assert_eq!(arguments.seed(), 7);
        assert_eq!(arguments.program, ["ping", "-c", "1"]);
        assert_eq!(arguments.profile().expect("it exists").name, "gprs");
        assert!(Arguments::try_parse_from(["netsim"]).is_err());
    }
}
