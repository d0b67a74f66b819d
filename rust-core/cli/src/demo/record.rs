//! One connection as the demo shows it: what it cost, flight by flight.

use std::time::Duration;

use snapback_client::proto::part::Part;
use snapback_client::{Outcome, Plan, Timeline};

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

/// One flight.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) sent: Vec<String>,
    pub(crate) received: Vec<String>,
    /// When it left, counted from the first packet.
    pub(crate) starts: Duration,
    pub(crate) took: Duration,
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
    pub(crate) const ALL: [Self; 5] = [
        Self::Naive,
        Self::Cold,
        Self::Resumed,
        Self::Warm,
        Self::Early,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Cold => "cold",
            Self::Resumed => "resumed",
            Self::Warm => "warm",
            Self::Early => "early",
        }
    }
}

impl Record {
    pub(crate) fn new(kind: Kind, outcome: Outcome, plan: &Plan, timeline: &Timeline) -> Self {
        let flights = timeline.flights.iter().map(|flight| Bar {
            sent: names(&flight.sent),
            received: names(&flight.received),
            starts: flight.started.since(timeline.started),
            took: flight.took().unwrap_or_default(),
        });
        let local = timeline
            .local
            .iter()
            .map(|step| (step.part.to_string(), step.took.unwrap_or_default()));
        Self {
            kind,
            outcome: outcome_name(outcome),
            plan: plan.to_string(),
            flights: timeline.round_trips(),
            flights_on_link: 0,
            took: timeline.took().unwrap_or_default(),
            waterfall: flights.collect(),
            local: local.collect(),
            cut: None,
        }
    }
}

/// `bound` or `resumed`.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Bound => "bound",
        Outcome::Resumed => "resumed",
    }
}

fn names(parts: &[Part]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}
