//! The last attempts to connect as lines of JSON, which `snapback trace` reads (`docs/cli.md`).

use std::fmt::Write as _;
use std::time::Duration;

use snapback_engine::link::{FlightReport, Timeline};
use snapback_engine::recorder::{AttemptRecord, ConnectionQuality};
use snapback_proto::connection::Outcome;
use snapback_proto::protocol_message::ProtocolMessage;

use crate::client::Client;

impl Client {
    /// Returns what the last attempts to connect did, failed ones too, the newest last: at most
    /// [`MAX_ATTEMPTS`](snapback_engine::recorder::MAX_ATTEMPTS), in memory. [`to_json_lines`] exports them.
    pub fn recent_attempts(&self) -> Vec<AttemptRecord> {
        self.events.recorder().attempts().cloned().collect()
    }

    /// Returns how good the connection was in the last seven days, as far as this client knows.
    pub fn connection_quality(&self) -> ConnectionQuality {
        self.events.recorder().quality()
    }
}

/// Returns a line for each session and for each end of a connection, oldest first, each ending with a line break.
///
/// There is no content of stanzas in it, no address of a person or a contact, and no secret. An error may contain what the server
/// said, and the addresses of servers.
pub fn to_json_lines<'a>(attempts: impl IntoIterator<Item = &'a AttemptRecord>) -> String {
    let mut text = String::new();
    for attempt in attempts {
        let at = Duration::from_secs(u64::try_from(attempt.at.0).unwrap_or_default());
        if let Some(outcome) = attempt.outcome {
            online(&mut text, at, outcome, attempt.timeline.as_ref());
        }
        if let Some(reason) = &attempt.ended {
            let at = at + attempt.lasted.unwrap_or_default();
            let _ = write!(
                text,
                "{{\"at_ms\":{},\"event\":\"ended\",\"error\":",
                ms(at)
            );
            string(&mut text, &reason.to_string());
            text.push_str("}\n");
        }
    }
    text
}

fn online(text: &mut String, at: Duration, outcome: Outcome, timeline: Option<&Timeline>) {
    let _ = write!(
        text,
        "{{\"at_ms\":{},\"event\":\"online\",\"outcome\":\"{}\"",
        ms(at),
        self::outcome(outcome)
    );
    if let Some(timeline) = timeline {
        session(text, timeline);
    }
    text.push_str("}\n");
}

fn session(text: &mut String, timeline: &Timeline) {
    let _ = write!(
        text,
        ",\"flights\":{},\"ms\":{},\"bytes_sent\":{},\"bytes_received\":{}",
        timeline.round_trips(),
        ms(timeline.took().unwrap_or_default()),
        timeline.bytes_sent,
        timeline.bytes_received
    );
    if let Some(tls) = &timeline.tls {
        text.push_str(",\"tls\":{\"version\":");
        string(text, tls.version);
        if let Some(group) = tls.key_exchange {
            text.push_str(",\"key_exchange\":");
            string(text, group);
        }
        let _ = write!(
            text,
            ",\"resumed\":{},\"early_data\":{}}}",
            tls.resumed, tls.early_data
        );
    }
    text.push_str(",\"waterfall\":[");
    for (index, flight) in timeline.flights.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        bar(text, timeline, flight);
    }
    text.push(']');
}

fn bar(text: &mut String, timeline: &Timeline, flight: &FlightReport) {
    text.push_str("{\"sent\":");
    strings(text, flight.sent.iter());
    text.push_str(",\"received\":");
    strings(text, timeline.answers(flight));
    let _ = write!(
        text,
        ",\"at_ms\":{},\"ms\":{}}}",
        ms(flight.started.since(timeline.started)),
        ms(flight.took().unwrap_or_default())
    );
}

fn strings<'a>(text: &mut String, all: impl Iterator<Item = &'a ProtocolMessage>) {
    text.push('[');
    for (index, one) in all.enumerate() {
        if index > 0 {
            text.push(',');
        }
        string(text, &one.to_string());
    }
    text.push(']');
}

/// Returns the value of the field `outcome`.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Bound => "bound",
        Outcome::Resumed => "resumed",
        Outcome::Unannounced => "bound without presence",
    }
}

/// Returns milliseconds, to the microsecond, as the lines have them.
pub fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// RFC 8259 section 7.
fn string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_escaped() {
        let mut text = String::new();
        string(&mut text, "a\"b\\c\n\u{7f}ü");
        assert_eq!(text, "\"a\\\"b\\\\c\\u000a\u{7f}ü\"");
    }
}
