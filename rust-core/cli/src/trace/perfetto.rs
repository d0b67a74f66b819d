//! The Trace Event Format of Chrome, which Perfetto opens: `X` is something that took time, `i` a moment, `M` a name.

use serde_json::{Value, json};

use super::model::{Span, Trace};

/// The rows, by their number.
const ROWS: [(u32, &str); 5] = [
    (1, "attempts"),
    (2, "steps"),
    (3, "flights"),
    (4, "sessions"),
    (5, "offline"),
];

/// Returns the trace. Names are JSON strings, whatever they contain.
pub(super) fn json(trace: &Trace) -> String {
    let mut events: Vec<Value> = ROWS.iter().map(row_name).collect();
    for attempt in &trace.attempts {
        let plan = json!({ "plan": attempt.plan() });
        events.push(slice(
            1,
            &attempt.title(),
            attempt.at,
            attempt.until - attempt.at,
            plan,
        ));
        events.extend(attempt.steps.iter().map(|step| span(2, step)));
        for flight in &attempt.flights {
            let details = json!({ "sent": flight.sent, "received": flight.received });
            events.push(slice(3, &flight.sent, flight.at, flight.took, details));
        }
    }
    events.extend(trace.sessions.iter().map(|session| {
        let details = json!({ "ended": session.name });
        slice(4, "session", session.at, session.took, details)
    }));
    events.extend(trace.offline.iter().map(moment));
    let trace = json!({ "traceEvents": events, "displayTimeUnit": "ms" });
    format!("{trace}\n")
}

fn row_name((row, name): &(u32, &str)) -> Value {
    json!({ "ph": "M", "name": "thread_name", "pid": 1, "tid": row, "args": { "name": name } })
}

fn span(row: u32, span: &Span) -> Value {
    slice(row, &span.name, span.at, span.took, json!({}))
}

/// Times are in microseconds.
fn slice(row: u32, name: &str, at: f64, took: f64, args: Value) -> Value {
    json!({
        "ph": "X", "name": name, "cat": "snapback", "pid": 1, "tid": row,
        "ts": at * 1e3, "dur": took.max(0.0) * 1e3, "args": args,
    })
}

fn moment(span: &Span) -> Value {
    json!({
        "ph": "i", "s": "t", "name": span.name, "cat": "snapback", "pid": 1, "tid": 5,
        "ts": span.at * 1e3,
    })
}
