//! The time until a phone is back, under each profile.

use std::sync::Arc;
use std::time::Duration;

use snapback_client::Transport;
use snapback_interop::flaky::{Backend, Cutting, MessageCounts, Pace, Setting, Stage};
use snapback_netsim::packets::{Cut, CutKind, Profile};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::arguments::BackOnline;
use crate::page;
use crate::plot::{self, Spread, Strip};

/// What is measured on.
const BACKEND: Backend = Backend::ProsodyModern;

pub(crate) async fn run(arguments: &BackOnline) -> Result<(), String> {
    let profiles = Profile::all().map_err(|error| error.to_string())?;
    let stages = Arc::new(Semaphore::new(arguments.stages.max(1)));
    let mut tasks = JoinSet::new();
    for (index, profile) in profiles.into_iter().enumerate() {
        let (stages, arguments) = (Arc::clone(&stages), arguments.clone());
        tasks.spawn(async move {
            let _permit = stages.acquire().await;
            let tally = one(&profile, &arguments).await;
            (index, profile, tally)
        });
    }
    let mut strips = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (index, profile, tally) = done.map_err(|error| error.to_string())?;
        let tally = tally.ok_or("without the servers there is nothing to measure")?;
        println!("{}: {tally}", profile.name);
        strips.push((index, strip(&profile, &tally)));
    }
    strips.sort_by_key(|(index, _)| *index);
    let strips: Vec<Strip> = strips.into_iter().filter_map(|(_, strip)| strip).collect();
    page::write("back-online.svg", &plot::svg(&strips))?;
    page::write("back-online.md", &text(arguments, &strips))
}

async fn one(profile: &Profile, arguments: &BackOnline) -> Option<MessageCounts> {
    let mut profile = profile.clone();
    if profile.cuts.is_empty() {
        // A network that does not break by itself is left and entered again.
        profile.cuts = vec![Cut {
            kind: CutKind::LinkDownNewAddress,
            every_s: [1.0, 1.0],
            for_s: [1.0, 1.0],
        }];
    }
    let setting = Setting::new(
        BACKEND.host(),
        Transport::DirectTls,
        profile.clone(),
        arguments.seed,
    );
    let mut stage = Stage::set(&setting).await?;
    let cutting = Cutting {
        profile,
        cuts: arguments.cuts,
        pace: Pace::Compressed,
        lose_sessions_every: 0,
        expire_sessions_every: 0,
        seed: arguments.seed,
    };
    Some(stage.cut_again_and_again(&cutting).await)
}

/// `None` if nothing was measured.
fn strip(profile: &Profile, tally: &MessageCounts) -> Option<Strip> {
    let logins: Vec<_> = tally.back.iter().filter_map(|back| back.login).collect();
    let planned = logins.iter().map(|login| login.planned).max();
    let rtt = profile.rtt();
    Some(Strip {
        name: profile.name.clone(),
        rtt,
        planned: planned
            .and_then(|planned| u32::try_from(planned).ok())
            .map(|planned| (planned, rtt * planned)),
        reconnected: (logins.len(), tally.back.len()),
        login: Spread::of(logins.iter().map(|login| login.took)),
        back: Spread::of(tally.back.iter().map(|back| back.after))?,
    })
}

fn text(arguments: &BackOnline, strips: &[Strip]) -> String {
    let header = [
        "network",
        "round trip",
        "planned",
        "cuts",
        "new connections",
        "login: p10",
        "median",
        "p90",
        "back: p10",
        "median",
        "p90",
    ];
    let time = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let spread = |spread: Option<Spread>| match spread {
        Some(spread) => [spread.p10, spread.median, spread.p90].map(time),
        None => ["-", "-", "-"].map(str::to_owned),
    };
    let rows: Vec<Vec<String>> = strips
        .iter()
        .map(|strip| {
            let (new, all) = strip.reconnected;
            let planned = strip.planned.map_or_else(
                || "-".to_owned(),
                |(flights, ideal)| format!("{flights} = {}", time(ideal)),
            );
            let mut row = vec![
                strip.name.clone(),
                format!("{} ms", strip.rtt.as_millis()),
                planned,
                all.to_string(),
                new.to_string(),
            ];
            row.extend(spread(strip.login));
            row.extend(spread(Some(strip.back)));
            row
        })
        .collect();
    format!(
        "# Back online\n\nMade by `cargo xtask flaky back-online --cuts {}`: Prosody with SASL2, Bind 2 and FAST, direct TLS, \
         Nagle off. *Login* is the time from the first packet of a new connection to its session, *back* the time from the \
         moment when the network works again to the server's first word.\n\n![the same as a plot](back-online.svg)\n\n{}",
        arguments.cuts,
        page::table(&header, &rows)
    )
}
