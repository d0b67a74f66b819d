//! Lines as `snapback watch` writes them, and lines that are hostile.

use serde_json::{Value, json};

use super::*;
use crate::trace::model::End;

/// An attempt that fails, one that succeeds, and the end of its session.
fn lines() -> Vec<Value> {
    let flight = |name: &str, at: f64| json!({ "sent": [name], "received": ["features"], "at_ms": at, "ms": 50.0 });
    vec![
        json!({ "at_ms": 1000.0, "event": "connecting", "step": "resolving" }),
        json!({ "at_ms": 1020.0, "event": "connecting", "step": "transport" }),
        json!({ "at_ms": 1100.0, "event": "ended", "error": "no address answered in time" }),
        json!({ "at_ms": 1100.0, "event": "offline", "reason": "failed, will be tried again" }),
        json!({ "at_ms": 2000.0, "event": "connecting", "step": "transport" }),
        json!({ "at_ms": 2050.0, "event": "connecting", "step": "tls" }),
        json!({
            "at_ms": 2150.0, "event": "online", "outcome": "resumed", "jid": "juliet@example.org/x", "plan": "3 round trips: ..",
            "flights": 3, "ms": 148.0, "bytes_sent": 1, "bytes_received": 2,
            "tls": { "version": "TLS 1.3", "resumed": true, "early_data": false },
            "waterfall": [flight("TCP", 0.0), flight("ClientHello", 50.0), flight("header + authenticate", 98.0)],
        }),
        json!({ "at_ms": 2200.0, "event": "stanza", "kind": "message", "delivery": "1", "from": "romeo@example.net", "body": "a secret" }),
        json!({ "at_ms": 9000.0, "event": "ended", "error": "the transport was closed" }),
    ]
}

fn joined(lines: &[Value]) -> Vec<u8> {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    lines.join("\n").into_bytes()
}

fn trace(lines: &[Value]) -> Trace {
    Trace::of(&input::lines(&joined(lines)))
}

#[test]
fn lines_become_attempts_and_sessions() {
    let trace = trace(&lines());
    let [failed, online] = trace.attempts.as_slice() else {
        panic!("{trace:#?}");
    };
    assert!(matches!(&failed.end, End::Failed { error, .. } if error.contains("no address")));
    assert_eq!(failed.steps.len(), 2);
    assert_eq!((failed.steps[0].took, failed.steps[1].took), (20.0, 80.0));
    assert!(matches!(&online.end, End::Online { outcome, .. } if outcome == "resumed"));
    assert_eq!(online.flights[0].at, 2002.0);
    assert_eq!(online.flights.len(), 3);
    assert_eq!(
        (trace.sessions[0].at, trace.sessions[0].took),
        (2150.0, 6850.0)
    );
    assert_eq!(trace.offline.len(), 1);
}

#[test]
fn a_trace_for_perfetto_is_in_microseconds() {
    let read: Value = serde_json::from_str(&perfetto::json(&trace(&lines()))).unwrap();
    let events = read["traceEvents"].as_array().unwrap();
    let flight = events
        .iter()
        .find(|it| it["name"] == "ClientHello")
        .unwrap();
    assert_eq!(
        (&flight["ph"], &flight["ts"], &flight["dur"]),
        (&json!("X"), &json!(2_052_000.0), &json!(50_000.0))
    );
    assert!(events.iter().any(|it| it["ph"] == "i"));
}

#[test]
fn messages_are_left_out() {
    let trace = trace(&lines());
    for form in [draw::page, draw::svg, perfetto::json, text::text] {
        let out = form(&trace);
        assert!(!out.contains("secret") && !out.contains("romeo"), "{out}");
        assert!(out.contains("juliet@example.org/x") || out.contains("ClientHello"));
    }
}

#[test]
fn a_script_in_any_text_remains_text() {
    let script = "</text></svg><script>alert(1)</script>\" onload=\"alert(2)\u{1b}[31m\u{0}";
    let mut hostile = lines();
    for line in &mut hostile {
        for value in line.as_object_mut().unwrap().iter_mut() {
            let (name, value) = value;
            match value {
                Value::String(text) if name != "event" => *text = script.to_owned(),
                Value::Array(flights) => {
                    for flight in flights {
                        flight["sent"] = json!([script, script]);
                        flight["received"] = json!([script]);
                    }
                }
                _ => {}
            }
        }
    }
    let trace = trace(&hostile);
    for (form, is_markup) in [
        (draw::page as fn(&Trace) -> String, true),
        (draw::svg, true),
        (text::text, false),
    ] {
        let out = form(&trace);
        assert!(!out.contains(['\u{1b}', '\u{0}']), "{out}");
        if is_markup {
            assert!(out.contains("&lt;script&gt;"), "{out}");
            assert!(!out.contains("<script"), "{out}");
            assert_eq!(out.matches("</svg>").count(), 1);
            assert!(!out.contains("\" onload"), "{out}");
        }
    }
    let read: Value = serde_json::from_str(&perfetto::json(&trace)).unwrap();
    assert!(read["traceEvents"].as_array().unwrap().len() > 5);
}

#[test]
fn input_is_bounded_whatever_it_is() {
    let connecting = json!({ "at_ms": 5.0, "event": "connecting", "step": "tls" });
    let ended = json!({ "at_ms": 6.0, "event": "ended", "error": "x".repeat(100_000) });
    let many: Vec<Value> = std::iter::repeat_n([connecting, ended], 3000)
        .flatten()
        .collect();
    let trace = trace(&many);
    assert_eq!((trace.attempts.len(), trace.left_out), (1000, 2000));
    assert!(draw::svg(&trace).len() < 1_000_000);
    assert!(draw::svg(&trace).contains("2800 more are left out"));

    let odd: [&[u8]; 6] = [
        b"",
        b"\n\n\xff\xfe\n{",
        br#"{"at_ms":-1,"event":"online"}"#,
        br#"{"at_ms":1e300,"event":"online"}"#,
        br#"{"at_ms":1,"event":"ended"}"#,
        br#"{"at_ms":1,"event":"online","ms":1e99}"#,
    ];
    for bytes in odd {
        assert_eq!(Trace::of(&input::lines(bytes)).attempts, []);
    }
    // Times that run backwards, and flights out of all proportion.
    let flight = json!({ "sent": [], "received": [], "at_ms": 1e11, "ms": 1e11 });
    let flights: Vec<Value> = std::iter::repeat_n(flight, 500).collect();
    let backwards = [
        json!({ "at_ms": 100.0, "event": "connecting", "step": "tls" }),
        json!({ "at_ms": 1.0, "event": "online", "ms": 5000.0, "waterfall": flights }),
    ];
    let trace = self::trace(&backwards);
    assert_eq!(trace.attempts[0].flights.len(), 64);
    for form in [draw::page, perfetto::json, text::text] {
        let out = form(&trace);
        assert!(!out.contains("NaN") && !out.contains("inf"), "{out}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_refused() {
    let args = |file: &str| Args {
        file: file.into(),
        svg: None,
        html: None,
        perfetto: None,
    };
    assert!(matches!(
        run(&args("/nonexistent")),
        Err(TraceError::Read(..))
    ));
    assert!(matches!(
        run(&args("/dev/null")),
        Err(TraceError::NoConnection)
    ));
    assert!(matches!(run(&args("/dev/zero")), Err(TraceError::TooLarge)));
}
