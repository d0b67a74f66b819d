//! The flights of one connection, a line each, with a bar that shows when it was under way.

use std::io;
use std::time::Duration;

use crate::record::Record;
use crate::screen::{Ink, Screen};
use snapback_cli::flights::Bar;

const SENT: usize = 33;
const RECEIVED: usize = 23;
const BAR: usize = 14;

/// Prints plan, flights and outcome.
pub(crate) fn show(screen: &mut Screen, record: &Record) -> io::Result<()> {
    for (index, line) in wrap(&signed(record.plan.split(" | "), "|"), 72)
        .into_iter()
        .enumerate()
    {
        let label = if index == 0 { "plan" } else { "" };
        screen.line(format_args!("  {label:4}  {line}"))?;
    }
    let head = format!("  {:SENT$} {:RECEIVED$} {:>4}", "sent", "came back", "ms");
    let head = screen.ink(Ink::Dim, &head).to_string();
    screen.line(format_args!("{head}"))?;
    for bar in &record.waterfall {
        flight(screen, bar, record.took)?;
    }
    let summary = format!(
        "{} after {} round trips, {} ms",
        record.outcome,
        record.flights,
        record.took.as_millis()
    );
    let summary = screen.ink(Ink::Bold, &summary).to_string();
    screen.line(format_args!("  {summary}"))?;
    if record.local.is_empty() {
        return Ok(());
    }
    let steps: Vec<String> = record.local.iter().map(step).collect();
    screen.line(format_args!(
        "  of which on this device: {}",
        steps.join(", ")
    ))
}

fn flight(screen: &mut Screen, bar: &Bar, total: Duration) -> io::Result<()> {
    let sent = wrap(&signed(bar.sent.iter().map(String::as_str), "+"), SENT - 2);
    let received = wrap(
        &signed(bar.received.iter().map(String::as_str), "+"),
        RECEIVED,
    );
    for row in 0..sent.len().max(received.len()) {
        let sent = sent.get(row).map_or("", String::as_str);
        let received = received.get(row).map_or("", String::as_str);
        if row > 0 {
            screen.line(format_args!("    {sent:w$} {received}", w = SENT - 2))?;
            continue;
        }
        let block = "#".repeat(block_length(bar.took, total));
        let block = screen.ink(Ink::Good, &block).to_string();
        let indent = " ".repeat(columns(bar.starts, total).min(BAR - 1));
        let took = bar.took.as_millis();
        screen.line(format_args!(
            "  {sent:SENT$} {received:RECEIVED$} {took:>4} {indent}{block}"
        ))?;
    }
    Ok(())
}

fn step((what, took): &(String, Duration)) -> String {
    format!("{what} {:.1} ms", took.as_secs_f64() * 1e3)
}

/// Returns pieces for [`wrap`]: each but the last is followed by this sign.
fn signed<'a>(pieces: impl IntoIterator<Item = &'a str>, sign: &str) -> Vec<String> {
    let mut signed: Vec<String> = pieces
        .into_iter()
        .map(|piece| format!("{piece} {sign}"))
        .collect();
    if let Some(last) = signed.last_mut() {
        last.truncate(last.len() - sign.len() - 1);
    }
    signed
}

/// Fills lines up to this width; a piece that is longer gets a line of its own.
fn wrap(pieces: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + piece.chars().count() <= width => {
                line.push(' ');
                line.push_str(piece);
            }
            _ => lines.push(piece.clone()),
        }
    }
    lines
}

fn columns(time: Duration, total: Duration) -> usize {
    let share = time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
    // At most BAR, since no flight ends after the connection is there.
    (share * BAR as f64).round().clamp(0.0, BAR as f64) as usize
}

fn block_length(took: Duration, total: Duration) -> usize {
    columns(took, total).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_pieces() {
        let pieces = [
            "header +".to_owned(),
            "authenticate +".to_owned(),
            "resume".to_owned(),
        ];
        assert_eq!(wrap(&pieces, 23), ["header + authenticate +", "resume"]);
        assert_eq!(wrap(&pieces, 3), ["header +", "authenticate +", "resume"]);
        assert!(wrap(&[], 3).is_empty());
    }

    #[test]
    fn bars_stay_within_their_columns() {
        let total = Duration::from_millis(300);
        for (time, expected) in [(0, 0), (150, 7), (300, 14), (900, 14)] {
            assert_eq!(columns(Duration::from_millis(time), total), expected);
        }
        assert_eq!(block_length(Duration::ZERO, total), 1);
        assert_eq!(columns(total, Duration::ZERO), BAR);
    }
}
