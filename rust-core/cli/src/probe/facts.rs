//! What one endpoint costs, in round trips: the plan of the project's own client for what the server offers, and what
//! the plan does not know of, such as an answer that is held.

use std::sync::Arc;

use serde::Serialize;
use snapback_client::proto::knowledge::{FastToken, Greeting, Knowledge, SmSession};
use snapback_client::proto::plan::{Inputs, TlsOutlook, plan};
use snapback_client::proto::sasl::{HtBinding, Mechanism};
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::proto::time::UnixTime;
use snapback_client::{Policy, Purpose, Transport};

use super::report::{AccountReport, Dns, EndpointError, EndpointReport, Service};

/// What was found out about direct TLS in the DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DirectTls {
    /// The DNS was not asked.
    Unknown,
    /// There are no records for it.
    Absent,
    /// STARTTLS has a lower priority value, so clients try that first.
    Later,
    /// It is tried first.
    First,
}

/// What is known of an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) transport: Transport,
    pub(super) direct_tls: DirectTls,
    /// Whether the hosts have IPv6 addresses; true if that is not known.
    pub(super) ipv6: bool,
    /// Whether clients connect in vain before they reach a server.
    pub(super) unreachable_first: bool,
    pub(super) starttls_pipelined: bool,
    pub(super) tls13: bool,
    pub(super) retried: bool,
    /// Whether a ticket was accepted; `None` if that is not known.
    pub(super) ticket_accepted: Option<bool>,
    pub(super) early_data: bool,
    pub(super) answer_held: bool,
    pub(super) features: StreamFeatures,
    pub(super) allow_plain: bool,
    pub(super) account: Option<AccountReport>,
}

/// The round trips of a client that knows the server, from the TCP handshake to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrips {
    /// Of a new session.
    pub new: usize,
    /// Of a session that is resumed.
    pub resumed: usize,
}

impl Facts {
    /// Returns what is known of this endpoint; `None` if no stream was opened there.
    pub(super) fn of(endpoint: &EndpointReport, dns: Option<&Dns>) -> Option<Self> {
        let tls = endpoint.tls.as_ref()?;
        let second = endpoint.second.as_ref();
        Some(Self {
            transport: endpoint.transport.into(),
            direct_tls: dns.map_or(DirectTls::Unknown, direct_tls),
            ipv6: dns.is_none_or(|dns| dns.ipv6 > 0),
            unreachable_first: false,
            starttls_pipelined: endpoint.starttls.is_none_or(|it| it.pipelined),
            tls13: tls.version == "TLS 1.3",
            retried: tls.retried,
            ticket_accepted: second.map(|second| second.accepted),
            early_data: second.is_some_and(|second| second.early_data > 0),
            answer_held: endpoint.answer_held == Some(true),
            features: endpoint.features.as_ref()?.parsed.clone(),
            allow_plain: false,
            account: None,
        })
    }

    /// Returns the round trips; `None` if the project's client does not log in there.
    pub(super) fn round_trips(&self) -> Option<RoundTrips> {
        let beside = [
            self.unreachable_first,
            self.transport == Transport::StartTls && !self.starttls_pipelined,
            !self.tls13,
            self.retried,
            self.answer_held,
        ];
        let beside = beside.into_iter().filter(|it| *it).count();
        let new = self.planned(false)? + beside;
        let resumed = match self.is(|account| !account.stream_management) {
            // Without stream management each connection begins a new session.
            true => new,
            false => self.planned(true)? + beside,
        };
        Some(RoundTrips { new, resumed })
    }

    /// Returns whether this holds for the account; not without one.
    pub(super) fn is(&self, holds: impl Fn(&AccountReport) -> bool) -> bool {
        let account = self.account.as_ref();
        account.is_some_and(|account| account.error.is_none() && holds(account))
    }

    /// Returns the FAST mechanism that the project's client would use.
    pub(super) fn token(&self) -> Option<HtBinding> {
        let offered = &self.features.sasl2.as_ref()?.fast.as_ref()?.mechanisms;
        let is_offered = |binding: &HtBinding| {
            let name = Mechanism::Ht(*binding);
            offered.iter().any(|it| it == name.as_str())
        };
        let mut bindings = [HtBinding::Exporter, HtBinding::EndPoint].into_iter();
        bindings.find(is_offered)
    }

    fn planned(&self, resumes: bool) -> Option<usize> {
        let mut knowledge = Knowledge::default();
        knowledge.server.secured = Some(Arc::new(self.features.clone()));
        knowledge.server.authenticated = Some(Arc::new(StreamFeatures {
            bind: true,
            sm: true,
            ..StreamFeatures::default()
        }));
        knowledge.server.bind_pipelining_proven = true;
        // The key of a server whose login was proven: any will do for a plan.
        knowledge.server.sm_before_sasl = self.features.sm.then_some([0; 32]);
        knowledge.fast = self.token().map(|binding| FastToken {
            binding,
            token: "token".into(),
            expires: None,
            count: 0,
        });
        knowledge.sm = resumes.then(|| SmSession {
            id: "session".to_owned(),
            jid: "user@domain/resource".to_owned(),
            h: 0,
            base: 0,
            max: None,
            location: None,
            alive_at: UnixTime(0),
            pending: Vec::new(),
            hand_over: None,
            greeting: Greeting::Sent,
        });
        let policy = Policy {
            allow_plain: self.allow_plain,
            ..Policy::default()
        };
        let plan = plan(Inputs {
            transport: self.transport,
            policy: &policy,
            only: None,
            knowledge: &knowledge,
            tls: &TlsOutlook::Expected { early_data: false },
            purpose: Purpose::Session,
            wall: UnixTime(0),
        });
        plan.is_complete().then(|| plan.round_trips())
    }
}

impl RoundTrips {
    /// Returns how many this is less than another one, for the kind of login that saves most.
    pub(super) fn saved_from(self, before: Self) -> usize {
        let new = before.new.saturating_sub(self.new);
        let resumed = before.resumed.saturating_sub(self.resumed);
        new.max(resumed)
    }
}

fn direct_tls(dns: &Dns) -> DirectTls {
    match (
        dns.direct_tls.first_priority(),
        dns.starttls.first_priority(),
    ) {
        (Some(direct), Some(starttls)) if direct > starttls => DirectTls::Later,
        (Some(_), _) => DirectTls::First,
        // Without an answer nothing is known.
        (None, _) if matches!(dns.direct_tls, Service::Failed { .. } | Service::NotAsked) => {
            DirectTls::Unknown
        }
        (None, _) => DirectTls::Absent,
    }
}

/// Returns whether an endpoint that clients try before a usable one accepts no connection.
pub(super) fn unreachable_first(endpoints: &[EndpointReport]) -> bool {
    let before = endpoints.iter().take_while(|it| it.features.is_none());
    let mut failed = before.filter(|it| !matches!(it.error, None | Some(EndpointError::NoRoute)));
    failed.next().is_some() && endpoints.iter().any(|it| it.features.is_some())
}
