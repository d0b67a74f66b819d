//! The drawing: one waterfall for each attempt, from top to bottom. It runs no script, loads nothing, and everything
//! in it is escaped.

use std::fmt::{self, Write as _};

use super::model::{Attempt, Trace};
use crate::escape::Escaped;

/// The width of the drawing, and of its parts.
const WIDTH: f64 = 1000.0;
const LABEL: f64 = 420.0;
const MARGIN: f64 = 12.0;
/// The height of a row.
const ROW: f64 = 22.0;
/// The maximum number of attempts in a drawing. Browsers draw more of them, and no reader looks at more.
const MAX_DRAWN: usize = 200;
/// The maximum length of a label, in characters.
const MAX_LABEL: usize = 55;
/// The maximum length of a title.
const MAX_TITLE: usize = 130;

const STYLE: &str = "<style>text { font: 12px ui-monospace, monospace; fill: #1c1c1c } .title { font-weight: bold } \
    .back { fill: #fff } .grid { stroke: #e3e3e3 } .step { fill: #b9bec6 } .flight { fill: #3b76c4 } .time { fill: #5a5f66 }</style>";

const PAGE_HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Connections</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff } svg { max-width: 100%; height: auto } td { padding-right: 1rem; vertical-align: top; overflow-wrap: anywhere }</style>
<h1>Connections</h1>
"#;

/// Returns the drawing.
pub(super) fn svg(trace: &Trace) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write_svg(&mut out, trace);
    out
}

/// Returns a page with the drawing, and with the times without a connection.
pub(super) fn page(trace: &Trace) -> String {
    let mut out = String::from(PAGE_HEAD);
    let _ = write_svg(&mut out, trace);
    let _ = write_table(&mut out, trace);
    out
}

fn write_svg(out: &mut String, trace: &Trace) -> fmt::Result {
    let drawn = trace.attempts.get(..MAX_DRAWN).unwrap_or(&trace.attempts);
    let left_out = trace.left_out + trace.attempts.len() - drawn.len();
    let rows: f64 = drawn.iter().map(rows).sum();
    let height = (rows + f64::from(u8::from(left_out > 0))) * ROW + 2.0 * MARGIN;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         {STYLE}<rect class=\"back\" width=\"100%\" height=\"100%\"/>"
    )?;
    let start = drawn.first().map_or(0.0, |first| first.at);
    let mut y = MARGIN;
    for attempt in drawn {
        write_attempt(out, attempt, start, y)?;
        y += rows_height(attempt);
    }
    if left_out > 0 {
        write_text(
            out,
            MARGIN,
            y,
            "time",
            &format!("{left_out} more are left out"),
        )?;
    }
    writeln!(out, "</svg>")
}

/// Returns the rows of an attempt: the title, one for the time, steps, flights, and a space.
#[allow(clippy::cast_precision_loss, reason = "at most a hundred rows")]
fn rows(attempt: &Attempt) -> f64 {
    (attempt.steps.len() + attempt.flights.len() + 2) as f64
}

fn rows_height(attempt: &Attempt) -> f64 {
    rows(attempt) * ROW
}

fn write_attempt(out: &mut String, attempt: &Attempt, start: f64, mut y: f64) -> fmt::Result {
    let at = attempt.at - start;
    let title = cut(&format!("{at:.0} ms: {}", attempt.title()), MAX_TITLE);
    write_text(out, MARGIN, y, "title", &title)?;
    y += ROW;
    let whole = (attempt.until - attempt.at).max(0.001);
    let scale = (WIDTH - LABEL - 90.0 - MARGIN) / whole;
    for step in &attempt.steps {
        let place = (LABEL + (step.at - attempt.at) * scale, step.took * scale);
        write_bar(out, "step", &step.name, place, step.took, y)?;
        y += ROW;
    }
    for flight in &attempt.flights {
        let name = format!("{} -> {}", flight.sent, flight.received);
        let place = (
            LABEL + (flight.at - attempt.at) * scale,
            flight.took * scale,
        );
        write_bar(out, "flight", &name, place, flight.took, y)?;
        y += ROW;
    }
    writeln!(
        out,
        "<line class=\"grid\" x1=\"{MARGIN}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
        WIDTH - MARGIN
    )
}

fn write_bar(
    out: &mut String,
    class: &str,
    name: &str,
    (x, width): (f64, f64),
    took: f64,
    y: f64,
) -> fmt::Result {
    write_text(out, MARGIN, y, "name", &cut(name, MAX_LABEL))?;
    let (width, top, height) = (width.max(1.0), y + 4.0, ROW - 8.0);
    writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height}\"><title>{}</title></rect>",
        Escaped(name)
    )?;
    write_text(out, x + width + 6.0, y, "time", &format!("{took:.1} ms"))
}

fn write_text(out: &mut String, x: f64, y: f64, class: &str, text: &str) -> fmt::Result {
    let base = y + ROW - 7.0;
    let text = Escaped(text);
    writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{base:.1}\">{text}</text>"
    )
}

fn write_table(out: &mut String, trace: &Trace) -> fmt::Result {
    let start = trace.attempts.first().map_or(0.0, |first| first.at);
    writeln!(out, "<h2>Sessions</h2>\n<table>")?;
    for session in trace.sessions.iter().take(MAX_DRAWN) {
        let (at, took) = (session.at - start, session.took);
        let end = Escaped(&session.name);
        writeln!(out, "<tr><td>{at:.0} ms<td>for {took:.0} ms<td>{end}")?;
    }
    writeln!(out, "</table>\n<h2>Offline</h2>\n<table>")?;
    for moment in trace.offline.iter().take(MAX_DRAWN) {
        let (at, reason) = (moment.at - start, Escaped(&moment.name));
        writeln!(out, "<tr><td>{at:.0} ms<td>{reason}")?;
    }
    writeln!(out, "</table>\n</html>")
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
    }
}
