//! What an error means if it struck while a remembered fact was relied on (rule S2): the fact was wrong, is forgotten, and
//! the next connection does without it, at once.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::{BindPipelining, Op};
use crate::stream::error::StreamCondition;
use crate::time::UnixTime;

use super::context::Context;
use super::timer::Timer;

impl Context {
    /// What an error means if it struck while a remembered fact was relied on: the fact was wrong, not the server.
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
            // The token was refused, and some servers hang up after that, or instead of saying so.
            (Assumption::FastToken, Evidence::Refusal) => {
                self.drop_token();
            }
            // The session is dropped already: with a new one the server reads with a new parser.
            (Assumption::Resumption, Evidence::Refusal) => {}
            (Assumption::Resumption, Evidence::Silence) => return error,
            // The path may have broken by itself; facts and tokens are too dear to be dropped for that.
            (Assumption::Features | Assumption::FastToken, Evidence::Silence) => return error,
        }
        ConnectionError::WrongAssumption(assumption)
    }
}

impl Context {
    /// What followed the bind request was not taken: not again, or, if it may have been the path, not for a while.
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

/// A server that answers pipelining with silence, or by hanging up, looks like a path that broke just then. So it is
/// only a pause: a day, in which a phone connects often enough for the lost round trip to be worth another try.
const PIPELINING_PAUSE_SECONDS: i64 = 86_400;

/// How strongly an error says that the server did not like what it was sent.
enum Evidence {
    /// It said so, or ended the stream.
    Refusal,
    /// The path ended, or nothing came: it may have been the path.
    Silence,
    /// It has nothing to do with it.
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

/// What a server says that reads a stanza of ours as the rest of one that the cut has torn.
fn evidence_of_a_torn_stanza(error: &ConnectionError) -> Evidence {
    match error {
        ConnectionError::Stream(error) if may_answer_a_torn_stanza(error.condition) => {
            Evidence::Refusal
        }
        _ => Evidence::None,
    }
}

/// Whether a server that reads a stanza of ours as the rest of another says this.
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

/// Whether a server that does not understand what it was sent may say so with this condition.
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
