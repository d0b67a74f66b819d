//! What an error means if it occurred while the connection relied on a remembered fact (rule S2): the fact was wrong. It is
//! removed, and the next connection starts at once without it.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::{BindPipelining, Op};
use crate::stream::error::StreamCondition;
use crate::time::UnixTime;

use super::context::Context;
use super::timer::Timer;

impl Context {
    /// Returns what an error means if it occurred while the connection relied on a remembered fact: the fact was wrong, not the
    /// server.
    pub(super) fn blame(&mut self, error: ConnectionError) -> ConnectionError {
        let Some(assumption) = self.at_risk else {
            return error;
        };
        let evidence = match assumption {
            Assumption::Resumption => evidence_of_a_torn_stanza(&error),
            Assumption::PipelinedBind if error == ConnectionError::Timeout(Timer::Ack) => {
                Evidence::Silence
            }
            _ => evidence(&error),
        };
        match (assumption, evidence) {
            (_, Evidence::None) => return error,
            (Assumption::CombinedStartTls | Assumption::PipelinedRestart, evidence) => {
                let until = match evidence {
                    Evidence::Refusal => UnixTime::NEVER,
                    _ => self.env.now.wall.plus_seconds(PIPELINING_PAUSE_SECONDS),
                };
                self.env.persist(vec![Op::PipeliningFailed { until }]);
            }
            (Assumption::PipelinedBind, evidence) => {
                let refused = matches!(evidence, Evidence::Refusal);
                if !refused && self.is_bind_pipelining_proven() {
                    return error;
                }
                self.bind_pipelining_failed(refused);
                if !refused {
                    return error;
                }
            }
            (Assumption::Features, Evidence::Refusal) => {
                self.env.persist(vec![Op::ForgetServer]);
            }
            // The token was refused. Some servers close the connection after that, or instead of reporting it.
            (Assumption::FastToken, Evidence::Refusal) => {
                self.drop_token();
            }
            // The session has been dropped already: with a new one the server uses a new parser.
            (Assumption::Resumption, Evidence::Refusal) => {}
            (Assumption::Resumption, Evidence::Silence) => return error,
            // The path may have failed by itself. Facts and tokens cost round trips to regain, so they are kept.
            (Assumption::Features | Assumption::FastToken, Evidence::Silence) => return error,
        }
        ConnectionError::WrongAssumption(assumption)
    }
}

impl Context {
    /// Records that what followed the bind request was not accepted: it is not sent early again or, if the path may have
    /// failed, not for some time.
    pub(super) fn bind_pipelining_failed(&mut self, for_good: bool) {
        let until = if for_good {
            UnixTime::NEVER
        } else {
            self.env.now.wall.plus_seconds(PIPELINING_PAUSE_SECONDS)
        };
        self.env
            .persist(vec![Op::LearnBindPipelining(BindPipelining::OffUntil(
                until,
            ))]);
    }
}

/// A server that answers pipelining with silence, or by closing the transport, cannot be reported apart from a path that failed at
/// that moment. So pipelining is only paused, for a day: a phone connects often enough in a day to make another attempt worth
/// the lost round trip.
const PIPELINING_PAUSE_SECONDS: i64 = 86_400;

/// How strongly an error indicates that the server rejected what it was sent.
enum Evidence {
    /// The server reported an error, or ended the stream.
    Refusal,
    /// The transport ended, or a timeout expired: the path may have failed.
    Silence,
    /// It is unrelated.
    None,
}

fn evidence(error: &ConnectionError) -> Evidence {
    match error {
        ConnectionError::Stream(error) if may_answer_bad_input(error.condition) => {
            Evidence::Refusal
        }
        ConnectionError::Peer(PeerError::ErrorBeforeTls(condition))
            if may_answer_bad_input(*condition) =>
        {
            Evidence::Refusal
        }
        ConnectionError::StreamClosed | ConnectionError::Peer(PeerError::Xml(_)) => {
            Evidence::Refusal
        }
        ConnectionError::TransportClosed | ConnectionError::Timeout(Timer::Login) => {
            Evidence::Silence
        }
        _ => Evidence::None,
    }
}

/// Returns how strongly the error indicates that the server parsed a stanza as the continuation of one that was cut off.
fn evidence_of_a_torn_stanza(error: &ConnectionError) -> Evidence {
    match error {
        ConnectionError::Stream(error) if may_answer_a_torn_stanza(error.condition) => {
            Evidence::Refusal
        }
        _ => Evidence::None,
    }
}

/// Returns whether this is the error of a server that parses a stanza as the continuation of another.
pub(super) fn may_answer_a_torn_stanza(condition: StreamCondition) -> bool {
    matches!(
        condition,
        StreamCondition::BadFormat
            | StreamCondition::InvalidXml
            | StreamCondition::NotWellFormed
            | StreamCondition::PolicyViolation
            | StreamCondition::RestrictedXml
    )
}

/// Returns whether a server that does not understand what it was sent may answer with this condition.
pub(super) fn may_answer_bad_input(condition: StreamCondition) -> bool {
    !matches!(
        condition,
        StreamCondition::Conflict
            | StreamCondition::ConnectionTimeout
            | StreamCondition::HostGone
            | StreamCondition::HostUnknown
            | StreamCondition::RemoteConnectionFailed
            | StreamCondition::Reset
            | StreamCondition::ResourceConstraint
            | StreamCondition::SeeOtherHost
            | StreamCondition::SystemShutdown
            | StreamCondition::UnsupportedVersion
    )
}
