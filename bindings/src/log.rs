//! What happened, for the app's log: structured, and without content, addresses or secrets (rule T9).

use std::panic;
use std::sync::{Arc, Once, PoisonError, RwLock};

use crate::event::Event;
use crate::runtime;
use crate::state::ConnectionState;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// The ordinary course of things.
    Info,
    /// Something to look at if it comes often.
    Warning,
    /// A bug, or a broken device.
    Fault,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogRecord {
    /// How much it matters.
    pub level: LogLevel,
    /// What happened, as a fixed word such as `online`.
    pub name: String,
    /// What more there is to say.
    pub fields: Vec<LogField>,
}

/// A detail.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogField {
    /// Its name.
    pub name: String,
    /// Its value, safe to write anywhere.
    pub value: String,
}

/// Takes records. Called from any thread; it should not block, and must not call back into a client.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Takes a record.
    fn log(&self, record: LogRecord);
}

static SINK: RwLock<Option<Arc<dyn LogSink>>> = RwLock::new(None);
static PANICS: Once = Once::new();

/// Where records go from now on; nowhere without a sink.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>) {
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
}

/// A panic of ours is caught and becomes an error (rule T10); where it was is worth a record. What it said is not: it may
/// quote what must not be logged.
pub(crate) fn report_panics() {
    PANICS.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_ours = std::thread::current().name() == Some(runtime::THREAD_NAME);
            if !is_ours || sink().is_none() {
                return before(info);
            }
            let place = info.location().map_or_else(String::new, |location| {
                format!("{}:{}", location.file(), location.line())
            });
            emit(LogLevel::Fault, "panic", [("at", place)]);
        }));
    });
}

/// Whatever of an event belongs into a log.
pub(crate) fn event(event: &Event) {
    use LogLevel::{Fault, Info, Warning};
    match event {
        Event::StateChanged { state } => emit(Info, "state", [("state", name_of(state))]),
        Event::Online {
            outcome, timeline, ..
        } => emit(
            Info,
            "online",
            [
                ("outcome", format!("{outcome:?}")),
                ("round_trips", timeline.flights.len().to_string()),
                (
                    "ms",
                    timeline
                        .took_ms
                        .map_or_else(String::new, |ms| ms.to_string()),
                ),
            ],
        ),
        Event::ConnectionEnded { ending } => emit(
            Info,
            "ended",
            [
                ("reason", ending.description.clone()),
                ("retryable", ending.retryable.to_string()),
            ],
        ),
        Event::StanzaRefused { bytes, limit } => emit(
            Warning,
            "stanza_refused",
            [("limit", limit.clone()), ("bytes", bytes.to_string())],
        ),
        Event::PossibleGap => emit(Warning, "possible_gap", []),
        Event::PeerFault { what } => emit(Warning, "peer_fault", [("what", what.clone())]),
        Event::InternalFault => emit(Fault, "driver_ended", []),
        Event::Message { .. }
        | Event::Carbon { .. }
        | Event::Presence { .. }
        | Event::StanzaStage { .. }
        | Event::ServerFeatures { .. }
        | Event::RosterChanged => {}
    }
}

fn name_of(state: &ConnectionState) -> String {
    match state {
        ConnectionState::Offline { reason, .. } => format!("Offline {reason:?}"),
        ConnectionState::Connecting { step } => format!("Connecting {step:?}"),
        ConnectionState::Online { outcome, .. } => format!("Online {outcome:?}"),
    }
}

fn emit<const N: usize>(level: LogLevel, name: &str, fields: [(&str, String); N]) {
    if let Some(sink) = sink() {
        let fields = fields.into_iter().map(|(name, value)| LogField {
            name: name.to_owned(),
            value,
        });
        sink.log(LogRecord {
            level,
            name: name.to_owned(),
            fields: fields.collect(),
        });
    }
}

/// Cloned, so that it is called without a lock.
fn sink() -> Option<Arc<dyn LogSink>> {
    SINK.read().unwrap_or_else(PoisonError::into_inner).clone()
}
