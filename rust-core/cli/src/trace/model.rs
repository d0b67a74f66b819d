//! Connections and attempts at them, from the lines in their order.

use snapback_client::proto::peer_text::PeerText;

use super::input::{Flight, Line, Tls, is_time};

/// The maximum number of attempts that are kept.
const MAX_ATTEMPTS: usize = 1000;
/// The maximum number of flights of an attempt. A login has at most nine.
const MAX_FLIGHTS: usize = 64;
/// The maximum number of steps of an attempt.
const MAX_STEPS: usize = 64;
/// The maximum number of protocol messages in one direction of a flight.
const MAX_MESSAGES: usize = 32;
/// The maximum length of a text.
const MAX_TEXT: usize = 300;

/// What the lines say. All times are in milliseconds, on one clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace {
    /// In their order.
    pub(super) attempts: Vec<Attempt>,
    /// The times at which there was a session, and how each ended.
    pub(super) sessions: Vec<Span>,
    /// Moments at which the client went offline, and why.
    pub(super) offline: Vec<Span>,
    /// How many attempts are left out.
    pub(super) left_out: usize,
}

/// Something that took time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) at: f64,
    pub(super) took: f64,
}

/// An attempt at a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attempt {
    pub(super) at: f64,
    pub(super) until: f64,
    /// Resolving, transport, TLS, login.
    pub(super) steps: Vec<Span>,
    /// The flights, of one that succeeded.
    pub(super) flights: Vec<DrawnFlight>,
    pub(super) end: End,
}

/// A flight, by the clock of the attempts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DrawnFlight {
    pub(super) sent: String,
    pub(super) received: String,
    pub(super) at: f64,
    pub(super) took: f64,
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum End {
    /// The lines end before it does.
    #[default]
    Unfinished,
    /// There was a session.
    Online {
        outcome: String,
        jid: String,
        plan: String,
        /// From the first packet.
        took: f64,
        tls: String,
    },
    /// There was none.
    Failed {
        error: String,
        rule: Option<String>,
        plan: String,
    },
}

impl Trace {
    /// Returns what these lines say.
    pub(super) fn of(lines: &[Line]) -> Self {
        let mut trace = Self::default();
        let mut current: Option<Attempt> = None;
        let mut session: Option<f64> = None;
        let mut last = 0.0;
        for line in lines {
            // The clock of a machine that was started again begins anew; then a time would run backwards.
            let at = line.at_ms.max(last);
            last = at;
            match line.event.as_str() {
                "connecting" => {
                    let attempt = current.get_or_insert_with(|| Attempt {
                        at,
                        ..Attempt::default()
                    });
                    attempt.step(at, text(line.step.as_deref()));
                }
                "online" => {
                    let attempt = current.take().unwrap_or_else(|| Attempt {
                        at,
                        ..Attempt::default()
                    });
                    trace.push(attempt.online(at, line));
                    session = Some(at);
                }
                "ended" => match (current.take(), session.take()) {
                    (Some(attempt), _) => trace.push(attempt.failed(at, line)),
                    (None, Some(began)) => trace.end_session(began, at, line),
                    (None, None) => {}
                },
                _ if trace.offline.len() < MAX_ATTEMPTS => trace.offline.push(Span {
                    name: text(line.reason.as_deref()),
                    at,
                    took: 0.0,
                }),
                _ => {}
            }
        }
        if let Some(mut attempt) = current {
            attempt.close(last);
            trace.push(attempt);
        }
        if let Some(began) = session {
            trace.end_session(began, last, &Line::default());
        }
        trace
    }

    fn push(&mut self, attempt: Attempt) {
        if self.attempts.len() < MAX_ATTEMPTS {
            self.attempts.push(attempt);
        } else {
            self.left_out += 1;
        }
    }

    fn end_session(&mut self, began: f64, at: f64, line: &Line) {
        if self.sessions.len() < MAX_ATTEMPTS {
            self.sessions.push(Span {
                name: text(line.error.as_deref()),
                at: began,
                took: at - began,
            });
        }
    }
}

impl Attempt {
    fn step(&mut self, at: f64, name: String) {
        self.close(at);
        if self.steps.len() < MAX_STEPS {
            let took = 0.0;
            self.steps.push(Span { name, at, took });
        }
    }

    /// Ends the step in progress.
    fn close(&mut self, at: f64) {
        if let Some(step) = self.steps.last_mut() {
            step.took = at - step.at;
        }
        self.until = at;
    }

    fn online(mut self, at: f64, line: &Line) -> Self {
        self.close(at);
        let took = line.ms.unwrap_or_default();
        // The line was written when there was a session, and its flights count from the first packet.
        let first = (at - took).max(0.0);
        self.at = self.at.min(first);
        let flights = line.waterfall.iter().flatten().take(MAX_FLIGHTS);
        self.flights = flights
            .filter(|flight| is_time(flight.at_ms) && is_time(flight.ms))
            .map(|flight| drawn(flight, first))
            .collect();
        let ends = self.flights.iter().map(|flight| flight.at + flight.took);
        self.until = ends.fold(at, f64::max);
        self.end = End::Online {
            outcome: text(line.outcome.as_deref()),
            jid: text(line.jid.as_deref()),
            plan: text(line.plan.as_deref()),
            took,
            tls: line.tls.as_ref().map(tls).unwrap_or_default(),
        };
        self
    }

    fn failed(mut self, at: f64, line: &Line) -> Self {
        self.close(at);
        self.end = End::Failed {
            error: text(line.error.as_deref()),
            rule: line.rule.as_deref().map(|rule| text(Some(rule))),
            plan: text(line.plan.as_deref()),
        };
        self
    }

    /// Returns what became of it, in one line.
    pub(super) fn title(&self) -> String {
        match &self.end {
            End::Unfinished => "unfinished".to_owned(),
            End::Online {
                outcome,
                jid,
                took,
                tls,
                ..
            } => {
                let count = self.flights.len();
                format!("{outcome} after {took:.1} ms, {count} round trips, {tls}: {jid}")
            }
            End::Failed { error, rule, .. } => {
                let rule = rule.as_ref().map(|rule| format!(" (rule {rule})"));
                format!("failed: {error}{}", rule.unwrap_or_default())
            }
        }
    }

    /// Returns the plan, if there was one.
    pub(super) fn plan(&self) -> &str {
        match &self.end {
            End::Unfinished => "",
            End::Online { plan, .. } | End::Failed { plan, .. } => plan,
        }
    }
}

fn drawn(flight: &Flight, first: f64) -> DrawnFlight {
    DrawnFlight {
        sent: messages(&flight.sent),
        received: messages(&flight.received),
        at: first + flight.at_ms,
        took: flight.ms,
    }
}

fn messages(names: &[String]) -> String {
    let names = names.iter().take(MAX_MESSAGES).map(|name| text(Some(name)));
    let names: Vec<String> = names.collect();
    text(Some(&names.join(" + ")))
}

fn tls(tls: &Tls) -> String {
    let resumed = if tls.resumed { ", ticket" } else { "" };
    let early = if tls.early_data { ", early data" } else { "" };
    format!("{}{resumed}{early}", text(Some(&tls.version)))
}

/// Returns a text of the file as it may be shown: on one line, cut, without control characters.
fn text(text: Option<&str>) -> String {
    let shown = text.and_then(PeerText::new).map(String::from);
    shown.unwrap_or_default().chars().take(MAX_TEXT).collect()
}
