//! Carries out the faults of a connection.

use super::{Connection, Cx};
use crate::faults::{ArchiveFault, CertificateFault, Direction, Fault, Layer, ResumeFault};

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
