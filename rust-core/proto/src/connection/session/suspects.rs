//! Stanzas that the server cannot process (rule W1): to which stanza the end of a stream is attributed, and how it is sent
//! after that.

use crate::error::{Assumption, ConnectionError};
use crate::escalation::{Evidence, Remedy, Subject};
use crate::knowledge::{Op, OutboundKind, OutboundStanza};
use crate::stream::error::StreamCondition;

use crate::connection::output::{Failure, Stage};
use crate::connection::remote::Remote;
use crate::connection::session::queued::stage_event;
use crate::connection::session::state::{Session, SessionStage};

impl Session {
    /// Attributes the end of the stream to what the server had not answered, if it may have ended it because of that.
    pub(in crate::connection) fn suspect(&mut self, error: &ConnectionError, remote: &mut Remote) {
        if matches!(
            remote.at_risk,
            Some(Assumption::PipelinedBind | Assumption::Features)
        ) {
            // Something was sent too early, or by features that are not offered any more.
            return;
        }
        if remote.at_risk == Some(Assumption::Resumption) && Evidence::is_of_torn_stanza(error) {
            // The server parses the resumed session with the old parser; no stanza is the cause.
            return self.give_up(remote);
        }
        if let Some(evidence) = Evidence::of_sent(error, remote.stream.tls_closed) {
            self.suspect_requests(evidence, remote);
            self.suspect_stanza(error, evidence, remote);
        }
    }

    /// Attributes it to the first unacknowledged stanza of the app. The first time this is a suspicion; after that the stanza is
    /// sent alone. Where only the transport ends, the server may read nothing of this session, so the session is given up first.
    fn suspect_stanza(&mut self, error: &ConnectionError, evidence: Evidence, remote: &mut Remote) {
        let Some((at, seq)) = self.first_of_app() else {
            return;
        };
        let stanza = Subject::Stanza(seq);
        let is_alone = remote.gives_up(stanza, Remedy::StanzaAlone);
        let is_first = at == 0;
        let has_reason = matches!(error, ConnectionError::Stream(_));
        // A path that failed says nothing, and neither does a stream that ended before the stanza was reached.
        let is_excused = if has_reason {
            is_alone && !is_first
        } else {
            let path_works = evidence == Evidence::Refusal || remote.resumption.path_works();
            !is_first || self.stage != SessionStage::Online || !path_works
        };
        if is_excused {
            return;
        }
        remote.note_failure(stanza, evidence);
        if remote.gives_up(stanza, Remedy::FailStanza) {
            self.fail_stanza(at, error, remote);
        } else if remote.gives_up(stanza, Remedy::NewSession) {
            self.give_up(remote);
        }
    }

    fn first_of_app(&self) -> Option<(usize, u64)> {
        let is_of_app = |(_, stanza): &(usize, &OutboundStanza)| stanza.kind != OutboundKind::Core;
        let (at, stanza) = self.unacked.iter().enumerate().find(is_of_app)?;
        Some((at, stanza.seq))
    }

    fn fail_stanza(&mut self, at: usize, error: &ConnectionError, remote: &mut Remote) {
        let Some(stanza) = self.unacked.remove(at) else {
            return;
        };
        let seq = remote.env.persist(vec![Op::Failed(vec![stanza.seq])]);
        let condition = match error {
            ConnectionError::Stream(error) => error.condition,
            _ => StreamCondition::UndefinedCondition,
        };
        let stage = Stage::Failed(Failure::StreamEnded(condition));
        if let Some(event) = stage_event(&stanza, stage) {
            remote.env.event_after(Some(seq), event);
        }
        // The server's count refers to it.
        self.give_up(remote);
    }
}

/// Returns whether the stanza is sent alone, so that the cause is known if the stream ends again.
pub(super) fn is_suspect(stanza: &OutboundStanza, remote: &Remote) -> bool {
    remote.gives_up(Subject::Stanza(stanza.seq), Remedy::StanzaAlone)
}
