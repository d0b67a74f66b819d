//! Every failure in turn: a run without a fault counts its places (transactions, reads of the store, look-ups, connects,
//! reads and writes of the socket); then there is one run for each place and each way in which it can fail.

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{Options, Outcome, Script, Violation, run};

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A transaction of the store.
    Transaction,
    /// A call that opens, reads or closes the store.
    StoreRead,
    /// A look-up in the DNS.
    LookUp,
    /// A connection to an address.
    Connect,
    /// A read that returns bytes.
    Read,
    /// A write.
    Write,
}

impl Place {
    /// All of them, and their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Transaction, "transactions"),
        (Self::StoreRead, "store reads"),
        (Self::LookUp, "look-ups"),
        (Self::Connect, "connects"),
        (Self::Read, "reads"),
        (Self::Write, "writes"),
    ];

    /// Returns its position in [`Place::ALL`], which is in the order of the declarations.
    fn index(self) -> usize {
        self as usize
    }
}

/// How a place fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The transaction fails.
    Transaction,
    /// The process is killed before the transaction is committed.
    KilledBefore,
    /// The process is killed after the transaction was committed.
    KilledAfter,
    /// The store cannot be opened, read or closed.
    StoreRead,
    /// The DNS answers with an error.
    LookUpFails,
    /// The DNS does not answer.
    LookUpUnanswered,
    /// The connection is refused.
    Refused,
    /// The address does not answer.
    Unanswered,
    /// The connection is reset in place of the read.
    ReadReset,
    /// The server ends the connection in order in place of the read.
    ReadEnds,
    /// Nothing is written, and the connection is reset.
    WriteFails,
    /// Half is written, and the connection is reset.
    WriteBreaks,
    /// What is written is lost, with everything after it, and no side is notified.
    WriteLost,
}

impl Failing {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Transaction,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::StoreRead,
        Self::LookUpFails,
        Self::LookUpUnanswered,
        Self::Refused,
        Self::Unanswered,
        Self::ReadReset,
        Self::ReadEnds,
        Self::WriteFails,
        Self::WriteBreaks,
        Self::WriteLost,
    ];

    /// Returns what fails in this way.
    pub fn place(self) -> Place {
        match self {
            Self::Transaction | Self::KilledBefore | Self::KilledAfter => Place::Transaction,
            Self::StoreRead => Place::StoreRead,
            Self::LookUpFails | Self::LookUpUnanswered => Place::LookUp,
            Self::Refused | Self::Unanswered => Place::Connect,
            Self::ReadReset | Self::ReadEnds => Place::Read,
            Self::WriteFails | Self::WriteBreaks | Self::WriteLost => Place::Write,
        }
    }
}

/// The one failure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// How.
    pub failing: Failing,
    /// The number of the place among those of its kind, from 1.
    pub number: u32,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.failing, self.number)
    }
}

impl FromStr for Turn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (name, number) = text.split_once(' ')?;
            let mut all = Failing::ALL.into_iter();
            let failing = all.find(|failing| format!("{failing:?}") == name)?;
            let number = number.parse().ok()?;
            Some(Self { failing, number })
        };
        parse().ok_or_else(|| format!("{text}: no failure, such as ReadReset 3"))
    }
}

/// The places that a run has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many of each kind, in the order of [`Place::ALL`].
    pub places: [u32; Place::ALL.len()],
    /// Whether the one that had to fail was reached.
    pub has_failed: bool,
}

/// Counts the places of a run, and decides which fails.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    turn: Option<Turn>,
    passed: Cell<Passed>,
    /// The read of the store with this number, counted from here, fails as well.
    read_fails_in: Cell<Option<u32>>,
}

impl Turns {
    pub(crate) fn new(turn: Option<Turn>) -> Self {
        Self {
            turn,
            passed: Cell::default(),
            read_fails_in: Cell::default(),
        }
    }

    /// The run comes to a place; returns how it fails, if it does.
    pub(crate) fn pass(&self, place: Place) -> Option<Failing> {
        let mut passed = self.passed.get();
        let number = &mut passed.places[place.index()];
        *number += 1;
        let turn = self
            .turn
            .filter(|turn| turn.failing.place() == place && turn.number == *number);
        passed.has_failed |= turn.is_some();
        self.passed.set(passed);
        let is_unread = place == Place::StoreRead && self.is_unread();
        turn.map(|turn| turn.failing)
            .or(is_unread.then_some(Failing::StoreRead))
    }

    /// A step of the script: the read of the store with this number fails, in this process or the next one.
    pub(crate) fn fail_read(&self, call: u32) {
        self.read_fails_in.set(Some(call));
    }

    fn is_unread(&self) -> bool {
        let left = self.read_fails_in.get().map(|left| left.saturating_sub(1));
        self.read_fails_in.set(left.filter(|left| *left > 0));
        left == Some(0)
    }

    pub(crate) fn passed(&self) -> Passed {
        self.passed.get()
    }
}

/// A script under its name.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The script.
    pub script: Script,
    /// What the run without a failure has to reach: states of the connection, events, and the words of [`has_reached`].
    pub reaches: Vec<String>,
}

/// Returns the scenarios of `tests/simulation/scenarios`, by their names.
pub fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut scenarios: Vec<Scenario> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a script");
            let lines = text.lines();
            let lists = lines.filter_map(|line| line.strip_prefix("# reaches: "));
            Scenario {
                name: path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into(),
                script: text.parse().expect("a script"),
                reaches: lists
                    .flat_map(|list| list.split(", "))
                    .map(str::to_owned)
                    .collect(),
            }
        })
        .collect();
    scenarios.sort_by(|one, other| one.name.cmp(&other.name));
    scenarios
}

/// Returns whether a run did what a scenario is there for.
pub fn has_reached(outcome: &Outcome, what: &str) -> bool {
    match what {
        "resumed" => outcome.resumptions > 0,
        "session lost" => outcome.counts.sessions_lost > 0,
        what => {
            let coverage = &outcome.coverage;
            let mut entered = coverage.transitions.iter().map(|((_, to), _)| *to);
            coverage.events.contains_key(what) || entered.any(|state| state == what)
        }
    }
}

/// What was wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The failure; `None`: the run without one.
    pub turn: Option<Turn>,
    /// The violated rule, or `None` if the place was not reached: the run is not the one that was counted.
    pub violation: Option<Violation>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.turn {
            Some(turn) => write!(f, "--turn \"{turn}\": ")?,
            None => f.write_str("without a failure: ")?,
        }
        match &self.violation {
            Some(violation) => violation.fmt(f),
            None => f.write_str("the place was not reached"),
        }
    }
}

/// All runs of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The places of the run without a failure.
    pub places: [u32; Place::ALL.len()],
    /// How many runs there were with a failure.
    pub runs: usize,
    /// The runs in which something was wrong.
    pub wrong: Vec<Wrong>,
}

/// Runs a scenario without a failure, then with each.
pub fn every_failure(script: &Script, threads: usize) -> Table {
    let outcome = run(script, options(None));
    let places = outcome.passed.places;
    if outcome.violation.is_some() {
        return Table {
            places,
            runs: 0,
            wrong: vec![Wrong {
                turn: None,
                violation: outcome.violation,
            }],
        };
    }
    let total = Mutex::new(Table {
        places,
        ..Table::default()
    });
    let turns = all_turns(places);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(turn) = turns.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wrong = wrong(script, *turn);
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.runs += 1;
            total.wrong.extend(wrong);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(worker);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a scenario with one failure. Returns what is wrong with the run, if anything is.
pub fn wrong(script: &Script, turn: Turn) -> Option<Wrong> {
    let outcome = run(script, options(Some(turn)));
    let is_wrong = outcome.violation.is_some() || !outcome.passed.has_failed;
    is_wrong.then_some(Wrong {
        turn: Some(turn),
        violation: outcome.violation,
    })
}

fn all_turns(places: [u32; Place::ALL.len()]) -> Vec<Turn> {
    let of = |failing: Failing| {
        let count = places[failing.place().index()];
        (1..=count).map(move |number| Turn { failing, number })
    };
    Failing::ALL.into_iter().flat_map(of).collect()
}

/// Returns the options of a run with this failure.
pub fn options(turn: Option<Turn>) -> Options {
    Options {
        strict: true,
        turn,
        ..Options::default()
    }
}
