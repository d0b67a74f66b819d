//! What an error means if it occurred while the connection relied on a remembered fact (rule S2): the fact was wrong. It is
//! removed, and the next connection starts at once without it.

use crate::error::{Assumption, ConnectionError};
use crate::escalation::{Evidence, Subject};
use crate::knowledge::Op;

use super::remote::Remote;
use super::timer::Timer;

impl Remote {
    /// Returns what an error means if it occurred while the connection relied on a remembered fact: the fact was wrong, not the
    /// server.
    pub(super) fn weigh_assumption(&mut self, error: ConnectionError) -> ConnectionError {
        let Some(assumption) = self.at_risk else {
            return error;
        };
        let evidence = match assumption {
            Assumption::Resumption => {
                Evidence::is_of_torn_stanza(&error).then_some(Evidence::Refusal)
            }
            Assumption::PipelinedBind if error == ConnectionError::Timeout(Timer::Ack) => {
                Some(Evidence::Silence)
            }
            _ => Evidence::of_flight(&error),
        };
        match (assumption, evidence) {
            (_, None) => return error,
            (Assumption::CombinedStartTls | Assumption::PipelinedRestart, Some(evidence)) => {
                self.note_failure(Subject::PipelinedStart, evidence);
            }
            (Assumption::PipelinedBind, Some(evidence)) => {
                let is_refused = evidence == Evidence::Refusal;
                if !is_refused && self.knowledge.server.bind_pipelining_proven {
                    return error;
                }
                self.note_failure(Subject::PipelinedBind, evidence);
                if !is_refused {
                    return error;
                }
            }
            (Assumption::Features, Some(Evidence::Refusal)) => {
                self.env.persist(vec![Op::ForgetServer]);
            }
            // The token was refused. Some servers close the connection after that, or instead of reporting it.
            (Assumption::FastToken, Some(Evidence::Refusal)) => {
                self.drop_token();
            }
            // The session has been dropped already: with a new one the server uses a new parser.
            (Assumption::Resumption, Some(Evidence::Refusal)) => {}
            (Assumption::Resumption, Some(Evidence::Silence)) => return error,
            // Never at risk: only the server's own refusal is about the token.
            (Assumption::BearerToken, Some(_)) => return error,
            // The path may have failed by itself. Facts and tokens cost round trips to regain, so they are kept.
            (Assumption::Features | Assumption::FastToken, Some(Evidence::Silence)) => {
                return error;
            }
        }
        ConnectionError::WrongAssumption(assumption)
    }
}
