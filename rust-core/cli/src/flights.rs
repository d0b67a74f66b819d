//! A timeline as words and durations, the same for the screen and for JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};
use snapback_client::Timeline;
pub use snapback_client::attempts::{ms, outcome};

/// One flight.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    /// What it carried: names of protocol messages.
    pub sent: Vec<String>,
    /// The protocol messages in its answer.
    pub received: Vec<String>,
    /// When it was sent, since the first packet.
    #[serde(rename = "at_ms", serialize_with = "milliseconds")]
    pub starts: Duration,
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    /// How long it took.
    pub took: Duration,
}

/// Returns the flights that led to a session.
pub fn bars(timeline: &Timeline) -> Vec<Bar> {
    let bar = |flight: &snapback_client::FlightReport| Bar {
        sent: flight.sent.iter().map(ToString::to_string).collect(),
        received: timeline.answers(flight).map(ToString::to_string).collect(),
        starts: flight.started.since(timeline.started),
        took: flight.took().unwrap_or_default(),
    };
    timeline.flights.iter().map(bar).collect()
}

/// Returns the steps of the escalation policy that failures of this connection have brought about, in words.
pub fn steps(timeline: &Timeline) -> Vec<&'static str> {
    timeline
        .escalated
        .iter()
        .map(|step| step.gives_up.text())
        .collect()
}

/// Serialises a duration as milliseconds.
pub fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(ms(*time))
}
