//! What can be improved: the rows of the table that apply, and what each saves.

use std::time::Duration;

use serde::Serialize;

use super::facts::{Facts, unreachable_first};
use super::report::{EndpointReport, Report};
use super::table::TABLE;
use crate::flights::milliseconds;

/// A row of the table: an advice, and when it applies.
pub(super) struct Advice {
    /// A stable name, for scripts.
    pub(super) id: &'static str,
    /// Whether it is of no use where it saves no round trip.
    pub(super) is_for_round_trips: bool,
    /// What was found, and what it costs.
    pub(super) text: &'static str,
    /// Whether it applies.
    pub(super) applies: fn(&Facts) -> bool,
    /// What is different once it is followed. What it saves is the difference between the plans.
    pub(super) follow: fn(&mut Facts),
    /// What to write into Prosody's configuration.
    pub(super) prosody: Setting,
    /// What to write into ejabberd's configuration.
    pub(super) ejabberd: Setting,
    /// The same for other servers, not tried.
    pub(super) not_tried: &'static [(&'static str, &'static str)],
}

/// What a server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// These lines of its configuration.
    Lines(&'static str),
    /// It has no setting for it; what helps instead.
    None(&'static str),
}

/// An advice that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name, which does not change.
    pub id: &'static str,
    /// What was found, and what it costs.
    pub text: &'static str,
    /// How many round trips it saves at each login of a client that knows the server, once what stands before it is
    /// followed.
    pub saves: usize,
    /// The same in milliseconds, by the time of the TCP handshake.
    #[serde(rename = "saves_ms", serialize_with = "milliseconds")]
    pub saves_time: Duration,
    /// Whether some server has a setting for it. What has none does not count for the exit code.
    pub has_setting: bool,
    /// The endpoints that it applies to, as `address transport`.
    pub endpoints: Vec<String>,
    /// What to write into Prosody's configuration.
    pub prosody: Setting,
    /// What to write into ejabberd's configuration.
    pub ejabberd: Setting,
    /// The same for other servers, by name. It was not tried.
    pub not_tried: &'static [(&'static str, &'static str)],
}

impl Finding {
    /// Returns whether it costs a round trip that a setting saves.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.saves > 0 && self.has_setting
    }
}

/// Adds the round trips of logins and the advice for what was found, in the order of the table.
pub(super) fn advise(report: &mut Report, allow_plain: bool) {
    let unreachable = unreachable_first(&report.endpoints);
    let mut findings: Vec<Option<Finding>> = TABLE.iter().map(|_| None).collect();
    let (dns, account) = (report.dns.as_ref(), &report.account);
    let usable = report
        .endpoints
        .iter_mut()
        .filter(|it| it.features.is_some());
    for (index, endpoint) in usable.enumerate() {
        let Some(mut facts) = Facts::of(endpoint, dns) else {
            continue;
        };
        facts.allow_plain = allow_plain;
        facts.account.clone_from(account);
        facts.unreachable_first = unreachable && index == 0;
        endpoint.login = facts.round_trips();
        for (advice, finding) in TABLE.iter().zip(&mut findings) {
            if let Some(saves) = saves(advice, &mut facts) {
                add(finding, advice, saves, endpoint);
            }
        }
    }
    report.advice = findings.into_iter().flatten().collect();
}

/// Returns what an advice saves, if it applies, and follows it. `None` if it is of no use.
fn saves(advice: &Advice, facts: &mut Facts) -> Option<usize> {
    if !(advice.applies)(facts) {
        return None;
    }
    let before = facts.round_trips();
    (advice.follow)(facts);
    let after = facts.round_trips();
    match before.zip(after) {
        Some((before, after)) => {
            let saved = after.saved_from(before);
            (saved > 0 || !advice.is_for_round_trips).then_some(saved)
        }
        // The project's client does not log in there; others may.
        None => Some(0),
    }
}

fn add(finding: &mut Option<Finding>, advice: &Advice, saves: usize, endpoint: &EndpointReport) {
    let lines = |setting| matches!(setting, Setting::Lines(_));
    let finding = finding.get_or_insert_with(|| Finding {
        id: advice.id,
        text: advice.text,
        saves: 0,
        saves_time: Duration::ZERO,
        has_setting: lines(advice.prosody) || lines(advice.ejabberd),
        endpoints: Vec::new(),
        prosody: advice.prosody,
        ejabberd: advice.ejabberd,
        not_tried: advice.not_tried,
    });
    let round_trip = endpoint.tcp.unwrap_or_default();
    let times = u32::try_from(saves).unwrap_or_default();
    finding.saves = finding.saves.max(saves);
    finding.saves_time = finding.saves_time.max(round_trip * times);
    let place = format!("{} {}", endpoint.address, endpoint.transport);
    finding.endpoints.push(place);
}

#[cfg(test)]
mod tests;
