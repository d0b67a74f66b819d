//! Many cuts against each server, under each profile.

use std::sync::Arc;
use std::time::Instant;

use snapback_client::Transport;
use snapback_interop::flaky::{Backend, Cutting, MessageCounts, Pace, Recovery, Setting, Stage};
use snapback_netsim::packets::Profile;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::arguments::Cuts;
use crate::page;

/// For cuts in which sessions have to expire: longer than a compressed cut.
const SHORT_WINDOW_S: u32 = 8;

/// One server under one profile.
struct Run {
    backend: Backend,
    profile: Profile,
    cuts: usize,
    seed: u64,
}

pub(crate) async fn run(arguments: Cuts) -> Result<(), String> {
    let runs = runs(&arguments)?;
    let order: Vec<(Backend, String)> = runs
        .iter()
        .map(|run| (run.backend, run.profile.name.clone()))
        .collect();
    let stages = Arc::new(Semaphore::new(arguments.stages.max(1)));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, run) in runs.into_iter().enumerate() {
        let (stages, arguments) = (Arc::clone(&stages), arguments.clone());
        tasks.spawn(async move {
            let _permit = stages.acquire().await;
            // A panic reports which condition did not come true, and what was seen so far; the other runs continue.
            let work = tokio::spawn(async move { one(&run, &arguments).await });
            (index, work.await.ok())
        });
    }
    let mut found: Vec<Option<MessageCounts>> = order.iter().map(|_| None).collect();
    let mut failed = false;
    while let Some(done) = tasks.join_next().await {
        let (index, tally) = done.map_err(|error| error.to_string())?;
        let (Some((backend, profile)), Some(place)) = (order.get(index), found.get_mut(index))
        else {
            continue;
        };
        let Some(tally) = tally else {
            println!("{}, {profile}: FAILED", backend.name());
            failed = true;
            continue;
        };
        let tally = tally.ok_or("without the servers there is nothing to measure")?;
        println!("{}, {profile}: {tally}", backend.name());
        *place = Some(tally);
    }
    let took = start.elapsed().as_secs();
    println!("{took} s");
    let rows: Vec<Row> = order
        .iter()
        .zip(&found)
        .map(|((backend, profile), tally)| Row {
            backend: *backend,
            profile,
            tally: tally.as_ref(),
        })
        .collect();
    let text = text(&arguments, &rows, took);
    println!("\n{text}");
    if arguments.write {
        page::write("cuts.md", &text)?;
    }
    let is_clean = |tally: &MessageCounts| {
        tally.lost == 0 && tally.failed == 0 && tally.duplicates.unexplained == 0
    };
    match !failed && found.iter().flatten().all(is_clean) {
        true => Ok(()),
        false => Err("a message was lost, came twice, or did not come in time".to_owned()),
    }
}

/// The results of one server under one profile; `None` if that run did not finish.
struct Row<'a> {
    backend: Backend,
    profile: &'a str,
    tally: Option<&'a MessageCounts>,
}

fn runs(arguments: &Cuts) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    let count = arguments.profiles.len().max(1);
    for server in &arguments.servers {
        let backend = Backend::ALL
            .into_iter()
            .find(|backend| backend.name() == server)
            .ok_or_else(|| format!("there is no server {server}"))?;
        for (number, name) in arguments.profiles.iter().enumerate() {
            let profile = Profile::named(name).map_err(|error| error.to_string())?;
            if profile.cuts.is_empty() {
                return Err(format!("profile {name} has no cuts"));
            }
            runs.push(Run {
                backend,
                profile,
                // What does not divide goes to the first ones.
                cuts: arguments.cuts / count + usize::from(number < arguments.cuts % count),
                seed: arguments.seed.wrapping_mul(1000) + runs.len() as u64,
            });
        }
    }
    Ok(runs)
}

async fn one(run: &Run, arguments: &Cuts) -> Option<MessageCounts> {
    // Both transports have their turn.
    let transport = match run.seed % 2 {
        0 => Transport::DirectTls,
        _ => Transport::StartTls,
    };
    let mut setting = Setting::new(run.backend.host(), transport, run.profile.clone(), run.seed);
    if arguments.expire_sessions_every > 0 {
        setting.resume_window_s = SHORT_WINDOW_S;
    }
    let mut stage = Stage::set(&setting).await?;
    let cutting = Cutting {
        profile: run.profile.clone(),
        cuts: run.cuts,
        pace: match arguments.real_pace {
            true => Pace::Real,
            false => Pace::Compressed,
        },
        lose_sessions_every: arguments.lose_sessions_every,
        expire_sessions_every: arguments.expire_sessions_every,
        seed: run.seed,
    };
    Some(stage.cut_again_and_again(&cutting).await)
}

fn unfinished(name: String, columns: usize) -> Vec<String> {
    let rest = std::iter::repeat_n("did not finish".to_owned(), columns.saturating_sub(1));
    std::iter::once(name).chain(rest).collect()
}

/// What makes the same page again.
fn command(arguments: &Cuts) -> String {
    format!(
        "cargo xtask flaky cuts --write --cuts {} --stages {} --seed {} --lose-sessions-every {} --expire-sessions-every {}{} \\\n    --servers {} \\\n    --profiles {}",
        arguments.cuts,
        arguments.stages,
        arguments.seed,
        arguments.lose_sessions_every,
        arguments.expire_sessions_every,
        if arguments.real_pace {
            " --real-pace"
        } else {
            ""
        },
        arguments.servers.join(","),
        arguments.profiles.join(","),
    )
}

fn text(arguments: &Cuts, rows: &[Row<'_>], took: u64) -> String {
    let header = [
        "server, network",
        "cuts",
        "survived",
        "resumed",
        "new session",
        "messages",
        "lost",
        "twice: session lost",
        "twice: by the server",
        "twice: unexplained",
    ];
    let cells = |name: String, tally: &MessageCounts| {
        let counts = [
            tally.back.len(),
            tally.count(Recovery::Survived),
            tally.count(Recovery::Resumed),
            tally.count(Recovery::NewSession),
            tally.sent,
            tally.lost,
            tally.duplicates.session_lost,
            tally.duplicates.taken_twice_by_server,
            tally.duplicates.unexplained,
        ];
        std::iter::once(name)
            .chain(counts.iter().map(usize::to_string))
            .collect::<Vec<String>>()
    };
    let mut table = Vec::new();
    for backend in Backend::ALL {
        let mut sum = MessageCounts::default();
        for row in rows.iter().filter(|row| row.backend == backend) {
            let name = format!("{}, {}", backend.name(), row.profile);
            match row.tally {
                Some(tally) => {
                    table.push(cells(name, tally));
                    sum.add(tally.clone());
                }
                None => table.push(unfinished(name, header.len())),
            }
        }
        if !sum.back.is_empty() {
            table.push(cells(format!("**{}, all**", backend.name()), &sum));
        }
    }
    format!(
        "# Cuts\n\nMade in {took} s by\n\n```\n{}\n```\n\n{}",
        command(arguments),
        page::table(&header, &table)
    )
}
