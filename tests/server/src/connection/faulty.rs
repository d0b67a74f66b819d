//! Carries out the faults of a connection.

use super::{Connection, Cx, Phase, StreamCondition};
use crate::faults::{
    ArchiveFault, CertificateFault, ConnectionEnd, Direction, Fault, Layer, ResumeFault,
    SessionPart,
};
use crate::ns;
use crate::xml::Element;

/// The number of bytes that passed so far.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    wire_in: u64,
    wire_out: u64,
    plain_in: u64,
    plain_out: u64,
}

impl Connection {
    pub(super) fn faults_in_force<'a>(&'a self, cx: &'a Cx<'_>) -> impl Iterator<Item = &'a Fault> {
        self.faults
            .iter()
            .chain(cx.world.account_faults(self.account_hint.as_deref()))
    }

    pub(super) fn has_fault(&self, cx: &Cx<'_>, fault: &Fault) -> bool {
        self.faults_in_force(cx).any(|other| other == fault)
    }

    pub(super) fn archive_fault(&self, cx: &Cx<'_>) -> Option<ArchiveFault> {
        self.faults_in_force(cx).find_map(|fault| match fault {
            Fault::Archive(archive) => Some(*archive),
            _ => None,
        })
    }

    pub(super) fn resume_fault(&self, cx: &Cx<'_>) -> Option<ResumeFault> {
        self.faults_in_force(cx).find_map(|fault| match fault {
            Fault::Resume(resume) => Some(resume.clone()),
            _ => None,
        })
    }

    /// Ends the connection if it does not handle this part of a session's start. Returns whether it does not.
    pub(super) fn rejects_part(&mut self, cx: &mut Cx<'_>, element: &Element) -> bool {
        let end = self.faults_in_force(cx).find_map(|fault| match fault {
            Fault::RejectedPart(part, end) if is_part(*part, element) => Some(*end),
            _ => None,
        });
        if let Some(end) = end {
            self.end_connection(cx, end);
        }
        end.is_some()
    }

    /// Ends the connection. A client did not close it, so its session waits to be resumed.
    pub(super) fn end_connection(&mut self, cx: &mut Cx<'_>, end: ConnectionEnd) {
        match end {
            ConnectionEnd::Error => self.stream_error(cx, StreamCondition::InternalServerError),
            ConnectionEnd::Close => {
                self.detach(cx);
                self.phase = Phase::Closed;
                self.finish(cx);
            }
            ConnectionEnd::Reset => self.reset(cx),
        }
    }

    pub(super) fn certificate_fault(&self, cx: &Cx<'_>) -> Option<CertificateFault> {
        self.faults_in_force(cx).find_map(|fault| match fault {
            Fault::Certificate(certificate) => Some(*certificate),
            _ => None,
        })
    }

    pub(super) fn delay_answer(&mut self, cx: &mut Cx<'_>, name: &str) {
        let delay = self.faults_in_force(cx).find_map(|fault| match fault {
            Fault::DelayAnswer { element, by } if element == name => Some(*by),
            _ => None,
        });
        if let Some(by) = delay
            && self.hold.is_none()
        {
            self.flush(cx);
            self.hold = Some((cx.now + by, self.out.len()));
        }
    }

    fn limit(&self, cx: &Cx<'_>, direction: Direction, layer: Layer) -> Option<u64> {
        self.faults_in_force(cx)
            .filter_map(|fault| match fault {
                Fault::Cut {
                    direction: d,
                    layer: l,
                    after,
                } if *d == direction && *l == layer => Some(*after),
                _ => None,
            })
            .min()
    }

    pub(super) fn budget_wire_in<'b>(&mut self, cx: &Cx<'_>, bytes: &'b [u8]) -> (&'b [u8], bool) {
        let limit = self.limit(cx, Direction::ToServer, Layer::Wire);
        let (keep, cut) = spend(&mut self.budgets.wire_in, bytes.len(), limit);
        (bytes.get(..keep).unwrap_or(bytes), cut)
    }

    pub(super) fn budget_plain_in<'b>(&mut self, cx: &Cx<'_>, bytes: &'b [u8]) -> (&'b [u8], bool) {
        let limit = self.limit(cx, Direction::ToServer, Layer::Plaintext);
        let (keep, cut) = spend(&mut self.budgets.plain_in, bytes.len(), limit);
        (bytes.get(..keep).unwrap_or(bytes), cut)
    }

    pub(super) fn budget_plain_out(&mut self, cx: &Cx<'_>, len: usize) -> (usize, bool) {
        let limit = self.limit(cx, Direction::ToClient, Layer::Plaintext);
        spend(&mut self.budgets.plain_out, len, limit)
    }

    pub(super) fn budget_wire_out(&mut self, cx: &Cx<'_>, len: usize) -> (usize, bool) {
        let limit = self.limit(cx, Direction::ToClient, Layer::Wire);
        spend(&mut self.budgets.wire_out, len, limit)
    }
}

fn is_part(part: SessionPart, element: &Element) -> bool {
    let is_iq = |ns: &str, name: &str| &*element.name == "iq" && element.find(ns, name).is_some();
    match part {
        SessionPart::Enable => &*element.ns == ns::SM && &*element.name == "enable",
        SessionPart::Roster => is_iq(ns::ROSTER, "query"),
        SessionPart::Disco => is_iq(ns::DISCO_INFO, "query"),
        SessionPart::Carbons => is_iq(ns::CARBONS, "enable"),
        SessionPart::Presence => &*element.name == "presence" && element.attribute("to").is_none(),
        SessionPart::Archive => is_iq(ns::MAM, "query"),
        SessionPart::ClientState => &*element.ns == ns::CSI,
    }
}

/// Returns how many of `len` bytes still pass, and whether the limit is reached.
fn spend(used: &mut u64, len: usize, limit: Option<u64>) -> (usize, bool) {
    let len64 = u64::try_from(len).unwrap_or(u64::MAX);
    let Some(limit) = limit else {
        *used = used.saturating_add(len64);
        return (len, false);
    };
    let keep = limit.saturating_sub(*used).min(len64);
    *used = used.saturating_add(keep);
    (usize::try_from(keep).unwrap_or(len), *used >= limit)
}
