//! The flights of one connection, a line each, with a bar that shows when it was under way.

use std::io;
use std::time::Duration;

use super::record::{Bar, Record};
use super::screen::{Ink, Screen};

const SENT: usize = 27;
const RECEIVED: usize = 22;
const BAR: usize = 20;

/// Prints plan, flights and outcome.
pub(super) fn show(screen: &mut Screen, record: &Record) -> io::Result<()> {
    for (index, line) in wrap(&plan_words(&record.plan), 72).into_iter().enumerate() {
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
    let local = local(record);
    screen.line(format_args!("  {summary}{local}"))
}

fn flight(screen: &mut Screen, bar: &Bar, total: Duration) -> io::Result<()> {
    let sent = wrap(&joined(&bar.sent), SENT);
    let received = wrap(&joined(&bar.received), RECEIVED);
    for row in 0..sent.len().max(received.len()) {
        let sent = sent.get(row).map_or("", String::as_str);
        let received = received.get(row).map_or("", String::as_str);
        if row > 0 {
            screen.line(format_args!("    {sent:w$} {received}", w = SENT - 2))?;
            continue;
        }
        let block = "=".repeat(block_length(bar.took, total));
        let block = screen.ink(Ink::Good, &block).to_string();
        let indent = " ".repeat(columns(bar.starts, total).min(BAR - 1));
        let took = bar.took.as_millis();
        screen.line(format_args!(
            "  {sent:SENT$} {received:RECEIVED$} {took:>4} {indent}{block}"
        ))?;
    }
    Ok(())
}

fn local(record: &Record) -> String {
    let steps: Vec<String> = record
        .local
        .iter()
        .map(|(what, took)| format!("{what} {} ms", took.as_millis()))
        .collect();
    if steps.is_empty() {
        return String::new();
    }
    format!(" (on this device: {})", steps.join(", "))
}

fn joined(parts: &[String]) -> Vec<String> {
    let last = parts.len().saturating_sub(1);
    let with_plus = |(index, part): (usize, &String)| {
        if index < last {
            format!("{part} +")
        } else {
            part.clone()
        }
    };
    parts.iter().enumerate().map(with_plus).collect()
}

/// A plan may be broken behind each `|` and each word.
fn plan_words(plan: &str) -> Vec<String> {
    plan.split(' ').map(str::to_owned).collect()
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
        let pieces = ["header +".to_owned(), "authenticate +".to_owned(), "resume".to_owned()];
        assert_eq!(wrap(&pieces, 23), ["header + authenticate +", "resume"]);
        assert_eq!(wrap(&pieces, 3), ["header +", "authenticate +", "resume"]);
        assert!(wrap(&[], 3).is_empty());
    }

    #[test]
    fn bars_stay_within_their_columns() {
        let total = Duration::from_millis(300);
        for (time, expected) in [(0, 0), (150, 10), (300, 20), (900, 20)] {
            assert_eq!(columns(Duration::from_millis(time), total), expected);
        }
        assert_eq!(block_length(Duration::ZERO, total), 1);
        assert_eq!(columns(total, Duration::ZERO), BAR);
    }
}
