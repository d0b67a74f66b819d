//! What Snapback reported, compared with what must hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use snapback_client::{
    ConnectionState, EndReason, Event, OfflineReason, Outcome, Stage, proto::ns,
};

use crate::case::{Holds, Report};

/// Everything that the client reported.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Sessions, new or resumed.
    pub sessions: usize,
    /// Reports by kind.
    reports: BTreeMap<Report, usize>,
    /// The bodies of messages and carbon copies, with duplicates.
    bodies: Vec<String>,
    /// The ids of messages that were acknowledged.
    acknowledged: Vec<String>,
    ends: Vec<String>,
    /// The reason for which the client stays offline.
    halted: Option<OfflineReason>,
    has_failed_inside: bool,
    /// A line for each event.
    pub log: String,
}

impl Observed {
    /// Adds an event.
    pub fn take(&mut self, event: &Event) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.log, "{}", shortened(&format!("{event:?}")));
        match event {
            Event::State(ConnectionState::Offline { reason, retry_at }) => {
                self.halted = retry_at.is_none().then_some(*reason);
            }
            Event::State(_) => self.halted = None,
            Event::Online { outcome, .. } => {
                self.sessions += 1;
                if *outcome == Outcome::Resumed {
                    self.count(Report::Resumed);
                }
            }
            Event::Ended { reason, .. } => {
                self.has_failed_inside |= matches!(reason, EndReason::Driver);
                self.ends.push(format!("{reason:?}"));
            }
            Event::Message { delivery } => {
                let body = delivery.stanza.child("body", ns::CLIENT);
                self.bodies.extend(body.map(|body| body.text()));
            }
            Event::Carbon { delivery, .. } => {
                self.count(Report::Carbon);
                let body = delivery.stanza.child("body", ns::CLIENT);
                self.bodies.extend(body.map(|body| body.text()));
            }
            Event::Presence { .. } => self.count(Report::Presence),
            Event::Stage { id, stage } => match stage {
                Stage::Acked => self.acknowledged.push(id.clone()),
                Stage::Failed(_) => self.count(Report::Failed),
                Stage::Queued | Stage::Sent => {}
            },
            Event::RosterChanged => self.count(Report::Roster),
            Event::StanzaRefused(_) => self.count(Report::Refused),
            Event::PossibleGap => self.count(Report::Gap),
            Event::PeerFault(_) => self.count(Report::PeerFault),
            Event::ServerFeatures(_)
            | Event::PushEnabled
            | Event::PushRefused(_)
            | Event::CaughtUp
            | Event::BlockListChanged(_)
            | Event::CertificateRefused { .. } => {}
        }
    }

    fn count(&mut self, report: Report) {
        *self.reports.entry(report).or_default() += 1;
    }

    fn reported(&self, report: Report) -> usize {
        self.reports.get(&report).copied().unwrap_or_default()
    }

    /// Returns how often the client has shown this body.
    pub fn shown(&self, body: &str) -> usize {
        self.bodies.iter().filter(|shown| *shown == body).count()
    }

    /// Returns whether the server has acknowledged the message with this id.
    pub fn has_acknowledged(&self, id: &String) -> bool {
        self.acknowledged.contains(id)
    }

    /// Returns what is still missing, a line each.
    pub fn missing(&self, holds: &Holds, sent: &[String]) -> Vec<String> {
        let mut missing = Vec::new();
        if self.sessions < holds.sessions && holds.halts.is_none() {
            missing.push(format!("{} of {} sessions", self.sessions, holds.sessions));
        }
        for (body, count) in counted(&holds.messages) {
            let shown = self.shown(body);
            if shown < count {
                missing.push(format!("the message {body:?}, shown {shown} times"));
            }
        }
        let acknowledged = sent.iter().filter(|id| self.has_acknowledged(id)).count();
        if acknowledged < holds.acknowledged {
            missing.push(format!(
                "{acknowledged} of {} acknowledgements",
                holds.acknowledged
            ));
        }
        for (report, least) in &holds.reports {
            let count = self.reported(*report);
            if count < *least {
                missing.push(format!("{count} of {least} reports {report:?}"));
            }
        }
        if let Some(word) = &holds.ends
            && !self.ends.iter().any(|end| end.contains(word))
        {
            missing.push(format!("an end with {word}, among {:?}", self.ends));
        }
        if let Some(word) = &holds.halts
            && self.halted.is_none_or(|why| format!("{why:?}") != *word)
        {
            missing.push(format!("offline for {word}, not {:?}", self.halted));
        }
        missing
    }

    /// Returns what should not have happened, a line each.
    pub fn excess(&self, holds: &Holds) -> Vec<String> {
        let mut excess = Vec::new();
        for (body, count) in counted(&holds.messages) {
            let shown = self.shown(body);
            if shown > count {
                excess.push(format!("the message {body:?} {shown} times"));
            }
        }
        for (report, most) in &holds.most {
            let count = self.reported(*report);
            if count > *most {
                excess.push(format!("{count} reports {report:?}"));
            }
        }
        let shown = holds.never.iter().filter(|body| self.shown(body) > 0);
        excess.extend(shown.map(|body| format!("the message {body:?}")));
        let reported = holds.no.iter().filter(|report| self.reported(**report) > 0);
        excess.extend(reported.map(|report| format!("a report {report:?}")));
        if self.has_failed_inside {
            excess.push("a failure of the driver".to_owned());
        }
        if let (None, Some(halted)) = (&holds.halts, self.halted) {
            excess.push(format!("offline for {halted:?}"));
        }
        excess
    }
}

/// Returns each body with the number of times that it is listed.
fn counted(bodies: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for body in bodies {
        *counts.entry(body.as_str()).or_default() += 1;
    }
    counts
}

/// Returns a line that is not longer than a screen.
fn shortened(line: &str) -> String {
    line.chars().take(400).collect()
}
