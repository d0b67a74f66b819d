//! Structured log records for the app, without content, addresses or secrets (rule T9).

use std::panic;
use std::sync::{Arc, Once, PoisonError, RwLock};

use crate::event::Event;
use crate::runtime;
use crate::state::{ConnectionState, SessionOutcome};
use crate::timeline::Timeline;

/// The severity of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Normal operation.
    Info,
    /// A condition to examine if it occurs often.
    Warning,
    /// A fault of this library, or a broken device.
    Fault,
}

/// A log record.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogRecord {
    /// The severity.
    pub level: LogLevel,
    /// The kind of event, as a fixed word such as `online`.
    pub name: String,
    /// Details of the event.
    pub fields: Vec<LogField>,
}

/// A detail.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LogField {
    /// The name of the detail.
    pub name: String,
    /// The value of the detail. It is safe to write to any log.
    pub value: String,
}

/// Receives log records. It is called from any thread, should not block, and must not call back into a client.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Receives one record.
    fn log(&self, record: LogRecord);
}

static SINK: RwLock<Option<Arc<dyn LogSink>>> = RwLock::new(None);
static PANICS: Once = Once::new();

/// Sets the receiver of log records. Without one they are discarded.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>) {
    *SINK.write().unwrap_or_else(PoisonError::into_inner) = sink;
}

/// Logs where a panic of this library occurred; the panic itself is caught and becomes an error (rule T10). The panic's
/// message is not logged, since it may contain data that must not be logged.
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

/// Logs an event, as far as it may be logged.
pub(crate) fn event(event: &Event) {
    use LogLevel::{Fault, Info, Warning};
    match event {
        Event::StateChanged { state } => emit(Info, "state", [("state", name_of(state))]),
        Event::Online {
            outcome, timeline, ..
        } => emit(Info, "online", online_fields(*outcome, timeline)),
        Event::ConnectionEnded { ending } => {
            let reason = ending.description.clone();
            let retryable = ending.retryable.to_string();
            emit(
                Info,
                "ended",
                [("reason", reason), ("retryable", retryable)],
            );
        }
        Event::StanzaRefused { bytes, limit } => {
            let (limit, bytes) = (limit.clone(), bytes.to_string());
            emit(
                Warning,
                "stanza_refused",
                [("limit", limit), ("bytes", bytes)],
            );
        }
        Event::CertificateRefused { refused } => {
            let problem = format!("{:?}", refused.problem);
            emit(Warning, "certificate_refused", [("problem", problem)]);
        }
        Event::PushEnabled => emit(Info, "push_enabled", []),
        Event::PushRefused { condition, .. } => {
            emit(Warning, "push_refused", [("condition", condition.clone())])
        }
        Event::PossibleGap => emit(Warning, "possible_gap", []),
        Event::CaughtUp => emit(Info, "caught_up", []),
        Event::PeerFault { what } => emit(Warning, "peer_fault", [("what", what.clone())]),
        Event::InternalFault => emit(Fault, "driver_ended", []),
        Event::Message { .. }
        | Event::Carbon { .. }
        | Event::Presence { .. }
        | Event::StanzaStage { .. }
        | Event::ServerFeatures { .. }
        | Event::RosterChanged
        | Event::BlockListChanged { .. } => {}
    }
}

fn online_fields(outcome: SessionOutcome, timeline: &Timeline) -> [(&'static str, String); 3] {
    let ms = timeline.took_ms.map(|ms| ms.to_string());
    [
        ("outcome", format!("{outcome:?}")),
        ("round_trips", timeline.flights.len().to_string()),
        ("ms", ms.unwrap_or_default()),
    ]
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

/// Returns a clone of the sink, so that it is called without a lock.
fn sink() -> Option<Arc<dyn LogSink>> {
    SINK.read().unwrap_or_else(PoisonError::into_inner).clone()
}
