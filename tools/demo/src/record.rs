//! One connection as the demo shows it: what it cost, flight by flight.

use std::time::Duration;

use snapback_client::{Outcome, Plan, Timeline};

use snapback_cli::flights::{self, Bar};

/// What a connection stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client that waits after each request.
    Naive,
    /// Nothing is remembered about the server.
    Cold,
    /// The interrupted session goes on.
    Resumed,
    /// A new session on a server that is known.
    Warm,
    /// The interrupted session goes on, asked for in TLS 1.3 early data.
    Early,
    /// The session of a process that was killed goes on in a new one.
    Killed,
}

/// One connection, measured.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) outcome: &'static str,
    pub(crate) plan: String,
    /// Round trips until the session, the TCP handshake included, as the client counted them.
    pub(crate) flights: usize,
    /// The same, as the link counted them from outside.
    pub(crate) flights_on_link: usize,
    /// From the first packet to the session.
    pub(crate) took: Duration,
    pub(crate) waterfall: Vec<Bar>,
    /// What took time on this device.
    pub(crate) local: Vec<(String, Duration)>,
    /// For a connection that follows a cut.
    pub(crate) cut: Option<Cut>,
}

/// What a cut interrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// Stanzas of ours that the server had not acknowledged.
    pub(crate) ours: usize,
    /// Those of them that the server had received all the same.
    pub(crate) ours_arrived: usize,
    /// Stanzas of the server's that had not reached the app.
    pub(crate) theirs: usize,
    /// From the cut to the session.
    pub(crate) dark: Duration,
    /// Messages written while there was no connection.
    pub(crate) meanwhile: usize,
}

impl Kind {
    /// Those that a run shows.
    pub(crate) const SHOWN: [Self; 5] = [
        Self::Naive,
        Self::Cold,
        Self::Resumed,
        Self::Warm,
        Self::Early,
    ];
    /// Those that a run shows in which the client is killed. TLS tickets end with it, so there is no early data.
    pub(crate) const SHOWN_WITH_KILLS: [Self; 3] = [Self::Naive, Self::Cold, Self::Killed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Cold => "cold",
            Self::Resumed => "resumed",
            Self::Warm => "warm",
            Self::Early => "early",
            Self::Killed => "killed",
        }
    }
}

impl Record {
    /// Of a session that has just begun. What kind it is follows from what happened, not from what was hoped for.
    pub(crate) fn new(is_first: bool, outcome: Outcome, plan: &Plan, timeline: &Timeline) -> Self {
        let is_early = timeline.tls.as_ref().is_some_and(|tls| tls.early_data);
        let kind = match outcome {
            Outcome::Resumed if is_early => Kind::Early,
            Outcome::Resumed => Kind::Resumed,
            Outcome::Bound | Outcome::Unannounced if is_first => Kind::Cold,
            Outcome::Bound | Outcome::Unannounced => Kind::Warm,
        };
        let local = timeline
            .local
            .iter()
            .map(|step| (step.part.to_string(), step.took.unwrap_or_default()));
        Self {
            kind,
            outcome: flights::outcome(outcome),
            plan: plan.to_string(),
            flights: timeline.round_trips(),
            flights_on_link: 0,
            took: timeline.took().unwrap_or_default(),
            waterfall: flights::bars(timeline),
            local: local.collect(),
            cut: None,
        }
    }
}
