//! The demo: a server, a high-latency link and a client in one process; everything that it prints was measured in this
//! run.

use std::process::ExitCode;
use std::time::Duration;

use snapback_netsim::CutMode;

use crate::error::DemoError;
use crate::ledger::Totals;
use crate::phone::Phone;
use crate::record::{Kind, Record};
use crate::screen::Screen;
use crate::stage::{CUTS_WITHIN_LIMIT, Stage};
use crate::{json, table, waterfall};

/// Connect, cut and reconnect on a simulated link, and show what each round trip was spent on
///
/// Needs nothing else: the server, the link and the client all run in this process. Fails if a message was lost or
/// came twice, or if a kind of connection could not be shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Round trip time of the link, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..=2000))]
    rtt: u64,

    /// How often the link is cut in the middle of a conversation
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    cuts: u32,

    /// Run the client in a process of its own, and kill that instead of cutting the link; --cuts says how often
    #[arg(long)]
    kill: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rtt: Duration,
    /// What it has to show, in order.
    pub(crate) kinds: &'static [Kind],
    pub(crate) records: Vec<Record>,
    /// Of the naive client: round trips until Stream Management and roster are there too.
    pub(crate) naive_until_ready: usize,
    pub(crate) totals: Totals,
}

/// Runs the demo. Fails if a message was lost or came twice.
pub(crate) async fn run(args: Args) -> Result<ExitCode, DemoError> {
    let mut screen = if args.json {
        Screen::silent()
    } else {
        Screen::stdout()
    };
    let run = play(&args, &mut screen).await?;
    if args.json {
        json::print(&run).map_err(DemoError::Output)?;
    } else {
        table::show(&mut screen, &run)?;
    }
    Ok(if run.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Run {
    pub(crate) fn is_good(&self) -> bool {
        self.totals.lost == 0 && self.totals.duplicated == 0 && self.missing().next().is_none()
    }

    /// Kinds of connection that the run was to show and did not, because a session was not resumed for example.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Kind> {
        let has = |kind: &Kind| self.records.iter().any(|record| record.kind == *kind);
        self.kinds.iter().copied().filter(move |kind| !has(kind))
    }
}

async fn play(args: &Args, screen: &mut Screen) -> Result<Run, DemoError> {
    let rtt = Duration::from_millis(args.rtt);
    let kinds: &[Kind] = if args.kill {
        &Kind::SHOWN_WITH_KILLS
    } else {
        &Kind::SHOWN
    };
    let stage = Stage::build(rtt, args.cuts).await?;
    screen.opening(rtt, kinds)?;

    screen.scene(Kind::Naive)?;
    let naive = stage.naive().await?;
    waterfall::show(screen, &naive.record)?;
    screen.naive_until_ready(naive.flights_until_ready)?;

    screen.scene(Kind::Cold)?;
    let (mut records, totals) = if args.kill {
        play_with_kills(args, &stage, screen).await?
    } else {
        play_with_cuts(args, &stage, screen).await?
    };
    records.insert(0, naive.record);
    Ok(Run {
        rtt,
        kinds,
        records,
        naive_until_ready: naive.flights_until_ready,
        totals,
    })
}

async fn play_with_cuts(
    args: &Args,
    stage: &Stage,
    screen: &mut Screen,
) -> Result<(Vec<Record>, Totals), DemoError> {
    let mut records = Vec::new();
    let mut phone = stage.phone()?;
    let cold = phone.connect().await?;
    waterfall::show(screen, &cold)?;
    records.push(cold);

    screen.scene(Kind::Resumed)?;
    if args.cuts > CUTS_WITHIN_LIMIT {
        screen.limit_lifted()?;
    }
    let modes = [CutMode::ResetClient, CutMode::ResetBoth, CutMode::CloseBoth];
    for (number, mode) in (1..=args.cuts).zip(modes.into_iter().cycle()) {
        records.push(cut(screen, &mut phone, number, mode).await?);
    }

    screen.scene(Kind::Warm)?;
    phone.disconnect().await?;
    let warm = phone.connect().await?;
    waterfall::show(screen, &warm)?;
    records.push(warm);
    let totals = phone.settle().await?;
    phone.disconnect().await?;

    screen.scene(Kind::Early)?;
    let mut early_phone = stage.early_phone()?;
    early_phone.connect().await?;
    let number = args.cuts + 1;
    records.push(cut(screen, &mut early_phone, number, CutMode::ResetClient).await?);
    let early_totals = early_phone.settle().await?;
    early_phone.disconnect().await?;
    Ok((records, totals + early_totals))
}

async fn play_with_kills(
    args: &Args,
    stage: &Stage,
    screen: &mut Screen,
) -> Result<(Vec<Record>, Totals), DemoError> {
    let mut phone = stage.killed_phone()?;
    let cold = phone.online().await?;
    waterfall::show(screen, &cold)?;
    let mut records = vec![cold];
    let mut totals = Totals::default();

    screen.scene(Kind::Killed)?;
    let cuts = [None, Some(CutMode::ResetClient)];
    for (number, cut) in (1..=args.cuts).zip(cuts.into_iter().cycle()) {
        phone.chat().await?;
        let record = phone.kill(cut).await?;
        totals = phone.settle().await?;
        screen.kill(&record, cut, number)?;
        waterfall::show(screen, &record)?;
        screen.books(totals)?;
        records.push(record);
    }
    Ok((records, totals))
}

/// A conversation, a cut in the middle of it, and what became of it.
async fn cut(
    screen: &mut Screen,
    phone: &mut Phone<'_>,
    number: u32,
    mode: CutMode,
) -> Result<Record, DemoError> {
    phone.chat().await?;
    let record = phone.cut(mode).await?;
    let totals = phone.settle().await?;
    screen.cut(&record, mode, number)?;
    waterfall::show(screen, &record)?;
    screen.books(totals)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_good_if_it_shows_every_kind_and_loses_nothing() {
        let good = || run(&Kind::SHOWN);
        assert!(good().is_good());
        let lost = Totals {
            lost: 1,
            ..Totals::default()
        };
        assert!(
            !Run {
                totals: lost,
                ..good()
            }
            .is_good()
        );
        let duplicated = Totals {
            duplicated: 1,
            ..Totals::default()
        };
        assert!(
            !Run {
                totals: duplicated,
                ..good()
            }
            .is_good()
        );
        // A cut whose session was not resumed shows up as one more warm login.
        let not_resumed = run(&[Kind::Naive, Kind::Cold, Kind::Warm, Kind::Warm, Kind::Early]);
        assert!(!not_resumed.is_good());
        assert_eq!(not_resumed.missing().collect::<Vec<_>>(), [Kind::Resumed]);
    }

    fn run(kinds: &[Kind]) -> Run {
        let record = |kind: &Kind| Record {
            kind: *kind,
            outcome: "bound",
            plan: String::new(),
            flights: 3,
            flights_on_link: 3,
            took: Duration::ZERO,
            waterfall: Vec::new(),
            local: Vec::new(),
            cut: None,
        };
        Run {
            rtt: Duration::from_millis(1),
            kinds: &Kind::SHOWN,
            records: kinds.iter().map(record).collect(),
            naive_until_ready: 11,
            totals: Totals::default(),
        }
    }
}
