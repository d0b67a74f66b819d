//! A timeline as words and durations, the same for the screen and for JSON.

use std::time::Duration;

use serde::{Serialize, Serializer};
use snapback_client::{Outcome, ProtocolMessage, Timeline};

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

/// Returns the flights that led to a session. Work on this device has no answer and is left out.
pub fn bars(timeline: &Timeline) -> Vec<Bar> {
    let is_local = |part: &ProtocolMessage| timeline.local.iter().any(|step| step.part == *part);
    let bar = |flight: &snapback_client::FlightReport| Bar {
        sent: flight.sent.iter().map(ToString::to_string).collect(),
        received: flight
            .received
            .iter()
            .filter(|part| !is_local(part))
            .map(ToString::to_string)
            .collect(),
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

/// Returns `bound` or `resumed`.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Bound => "bound",
        Outcome::Resumed => "resumed",
        Outcome::Unannounced => "bound without presence",
    }
}

/// Returns milliseconds, to the microsecond.
pub fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Serialises a duration as milliseconds.
pub fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(ms(*time))
}
