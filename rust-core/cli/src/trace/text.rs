//! The trace as text.

use std::fmt::{self, Write as _};

use super::model::Trace;

/// The width of the drawing, in characters.
const WIDTH: usize = 40;

/// Returns the attempts, with a bar for each flight.
pub(super) fn text(trace: &Trace) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write(&mut out, trace);
    out
}

fn write(out: &mut String, trace: &Trace) -> fmt::Result {
    let start = trace.attempts.first().map_or(0.0, |first| first.at);
    for attempt in &trace.attempts {
        writeln!(out, "{:>10.1} ms  {}", attempt.at - start, attempt.title())?;
        let whole = attempt.until - attempt.at;
        for step in &attempt.steps {
            let bar = bar(step.at - attempt.at, step.took, whole, '.');
            writeln!(out, "  {bar} {:>8.1} ms  {}", step.took, step.name)?;
        }
        for flight in &attempt.flights {
            let bar = bar(flight.at - attempt.at, flight.took, whole, '#');
            let (sent, received) = (&flight.sent, &flight.received);
            writeln!(out, "  {bar} {:>8.1} ms  {sent} -> {received}", flight.took)?;
        }
    }
    match trace.left_out {
        0 => Ok(()),
        more => writeln!(out, "{more} more are left out"),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place between 0 and the width of the drawing"
)]
fn bar(at: f64, took: f64, whole: f64, mark: char) -> String {
    let place = |time: f64| {
        let share = if whole > 0.0 { time / whole } else { 0.0 };
        (share.clamp(0.0, 1.0) * WIDTH as f64) as usize
    };
    let (from, to) = (place(at).min(WIDTH - 1), place(at + took));
    let length = to.saturating_sub(from).max(1);
    let mut bar = " ".repeat(from);
    bar.extend(std::iter::repeat_n(mark, length));
    format!("{bar:<WIDTH$}")
}
