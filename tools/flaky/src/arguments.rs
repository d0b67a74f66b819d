//! The command line.

use clap::{Args, Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "flaky", about = "Figures on networks that break")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cuts the link to each server again and again, and counts the messages at both ends.
    Cuts(Cuts),
    /// Measures the table of round trips on real packets, into docs/networks/round-trips.md.
    RoundTrips(RoundTrips),
    /// Measures the time until a phone is back, under each profile, into docs/networks/back-online.svg.
    BackOnline(BackOnline),
    /// Measures the time until a phone is online on networks with one fault each; with `--write` into docs/networks/reach.md.
    Reach(Reach),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Cuts {
    /// How many cuts each server gets, spread over the profiles.
    #[arg(long, default_value_t = 40)]
    pub(crate) cuts: usize,
    /// The servers: prosody, prosody-sasl2, ejabberd, reference.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "prosody,prosody-sasl2,ejabberd,reference"
    )]
    pub(crate) servers: Vec<String>,
    /// The profiles; only those that have cuts.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "train-tunnel,elevator,wifi-to-lte,airplane-toggle,nat-forgets,lte-edge-of-cell,captive-portal"
    )]
    pub(crate) profiles: Vec<String>,
    /// How many stages are open at once.
    #[arg(long, default_value_t = 8)]
    pub(crate) stages: usize,
    /// At every cut with a multiple of this number the server drops its sessions. 0: never.
    #[arg(long, default_value_t = 25)]
    pub(crate) lose_sessions_every: usize,
    /// At every cut with a multiple of this number the phone is suspended until its session has expired at the server.
    /// 0: never.
    #[arg(long, default_value_t = 25)]
    pub(crate) expire_sessions_every: usize,
    /// Cuts last as long as the profiles say, instead of half a second to six seconds.
    #[arg(long)]
    pub(crate) real_pace: bool,
    /// The seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Writes the table into docs/networks/cuts.md.
    #[arg(long)]
    pub(crate) write: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RoundTrips {
    /// How often each login is measured; times are medians.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BackOnline {
    /// How many cuts under each profile.
    #[arg(long, default_value_t = 20)]
    pub(crate) cuts: usize,
    /// How many stages are open at once.
    #[arg(long, default_value_t = 6)]
    pub(crate) stages: usize,
    /// The seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// How often each network is tried; times are medians.
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Only networks with this in their names.
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// The revision that is measured beside this one: before names were looked up by hickory-resolver.
    #[arg(long, default_value = "f22733fc")]
    pub(crate) before: String,
    /// Measures the older revision as well, and writes the table.
    #[arg(long)]
    pub(crate) write: bool,
}

impl Reach {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}
