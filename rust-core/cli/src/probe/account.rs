//! What a server does for an account: the project's own client logs in, loses its connection, resumes, and logs in
//! again.
//!
//! The client sends no presence, so nothing is delivered to it and no contact sees it. At the end it logs out, which
//! revokes its token.

use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use snapback_client::proto::jid::{BareJid, Jid};
use snapback_client::proto::ns;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::{
    Client, ClientConfig, ConfigError, ConnectionState, Dial, Dialing, Event, OfflineReason,
    Outcome, Plan, Secret, ServerAddress, TcpDial, Timeline, Trust,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::observed::{Learnt, ObservedStore, locked, observed};
use super::report::{AccountReport, LoginReport};
use crate::flights;

/// The namespace of push (XEP-0357).
const PUSH: &str = "urn:xmpp:push:0";
/// The maximum time for the client to end its session. The client's own is shorter.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum time for an answer to service discovery.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// The maximum number of features that an entity is believed to have.
const MAX_FEATURES: usize = 1000;

/// An account to log in with.
#[derive(Debug)]
pub struct Account {
    /// Its address.
    pub jid: BareJid,
    /// Its password.
    pub password: Secret<String>,
    /// Whether the server may see the password.
    pub allow_plain: bool,
}

/// Logs in at this server. The report has what was seen until the deadline.
pub(super) async fn measure(
    account: &Account,
    server: ServerAddress,
    trust: &Trust,
    deadline: Instant,
) -> AccountReport {
    let mut report = AccountReport {
        endpoint: format!("{}:{}", server.host, server.port),
        ..AccountReport::default()
    };
    let dial = CuttingDial::default();
    let (store, learnt) = observed();
    let config = config(account, server, trust, dial.clone(), store);
    let client = match config.and_then(Client::open) {
        Ok(client) => client,
        Err(error) => {
            report.error = Some(error.to_string());
            return report;
        }
    };
    let steps = Steps {
        client: &client,
        account,
        dial,
        learnt,
    };
    // The log-out is part of the time.
    let last = deadline.checked_sub(CLOSE_TIMEOUT).unwrap_or(deadline);
    match timeout_at(last, steps.run(&mut report)).await {
        Ok(Ok(())) => {}
        Ok(Err(ended)) => {
            report.error = Some(ended.error);
            report.refused = ended.refused;
        }
        Err(_) if report.logins.is_empty() => report.error = Some("no answer in time".to_owned()),
        Err(_) => {}
    }
    steps.keep(&mut report);
    let _ = timeout(CLOSE_TIMEOUT, client.log_out()).await;
    report
}

fn config(
    account: &Account,
    server: ServerAddress,
    trust: &Trust,
    dial: CuttingDial,
    store: ObservedStore,
) -> Result<ClientConfig, ConfigError> {
    let jid = account.jid.to_string();
    let mut config = ClientConfig::with_secret(&jid, account.password.clone())?;
    config.policy.allow_plain = account.allow_plain;
    config.resource = "snapback-probe".to_owned();
    config.trust = trust.clone();
    config.network.servers = vec![server];
    config.network.dial = Arc::new(dial);
    config.store = Box::new(store);
    config.presence = false;
    config.roster = false;
    config.carbons = false;
    Ok(config)
}

/// Why the steps ended early.
struct Ended {
    error: String,
    refused: bool,
}

struct Steps<'a> {
    client: &'a Client,
    account: &'a Account,
    dial: CuttingDial,
    learnt: Arc<Mutex<Learnt>>,
}

impl Steps<'_> {
    async fn run(&self, report: &mut AccountReport) -> Result<(), Ended> {
        self.client.connect();
        self.log_in("cold", report).await?;
        self.discover(report).await;
        if self.keep(report) {
            report.resumed = Some(false);
            self.dial.cut();
            let outcome = self.log_in("resumed", report).await?;
            report.resumed = Some(outcome == Outcome::Resumed);
        }
        self.client.disconnect().await;
        self.client.connect();
        self.log_in("warm", report).await?;
        // The answer to this ends the wait for what was sent with the bind request.
        self.discover(report).await;
        Ok(())
    }

    /// Waits for the session.
    async fn log_in(
        &self,
        kind: &'static str,
        report: &mut AccountReport,
    ) -> Result<Outcome, Ended> {
        let mut last = String::new();
        while let Some(event) = self.client.next_event().await {
            match event {
                Event::Online {
                    outcome,
                    plan,
                    timeline,
                    ..
                } => {
                    report.logins.push(login(kind, outcome, &plan, &timeline));
                    return Ok(outcome);
                }
                Event::Ended { reason, .. } => last = reason.to_string(),
                Event::State(ConnectionState::Offline { reason, .. }) => {
                    let refused = matches!(
                        reason,
                        OfflineReason::NeedsCredentials | OfflineReason::Refused
                    );
                    if refused || reason == OfflineReason::Conflict {
                        return Err(Ended {
                            error: last,
                            refused,
                        });
                    }
                }
                _ => {}
            }
        }
        Err(Ended {
            error: last,
            refused: false,
        })
    }

    /// Asks the server and the account for their features. What has no answer is not there.
    async fn discover(&self, report: &mut AccountReport) {
        let account = Jid::from(self.account.jid.clone());
        let server = Jid::try_from(self.account.jid.domain());
        let features = self.features_of(&account).await;
        let has = |features: &[String], ns: &str| features.iter().any(|it| it == ns);
        report.archive |= has(&features, ns::MAM);
        report.push |= has(&features, PUSH);
        let Ok(server) = server else { return };
        let features = self.features_of(&server).await;
        report.push |= has(&features, PUSH);
        report.carbons |= has(&features, ns::CARBONS);
        report.blocking |= has(&features, ns::BLOCKING);
        report.csi |= has(&features, ns::CSI);
    }

    async fn features_of(&self, entity: &Jid) -> Vec<String> {
        let asking = timeout(ANSWER_TIMEOUT, self.client.disco_info(entity, None)).await;
        let mut features = match asking {
            Ok(Ok(info)) => info.features,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        features.truncate(MAX_FEATURES);
        features
    }

    /// Copies what the client has learnt, and returns whether there is a session to resume.
    fn keep(&self, report: &mut AccountReport) -> bool {
        let learnt = locked(&self.learnt);
        report.stream_management |= learnt.stream_management;
        report.max = report.max.or(learnt.max);
        report.pipelined_bind = learnt.pipelined_bind;
        report.token |= learnt.token;
        let authenticated = learnt.authenticated.as_deref();
        report.features = authenticated.map(names);
        let has = |feature: fn(&StreamFeatures) -> bool| authenticated.is_some_and(feature);
        report.csi |= has(|it| it.csi);
        report.roster_versions |= has(|it| it.roster_version);
        let sasl2 = learnt.secured.as_deref().and_then(|it| it.sasl2.as_ref());
        let inline = sasl2.and_then(|it| it.bind2.as_ref()).map(|it| &it.inline);
        let inline = |ns: &str| inline.is_some_and(|inline| inline.iter().any(|it| it == ns));
        report.csi |= inline(ns::CSI);
        report.carbons |= inline(ns::CARBONS);
        learnt.stream_management
    }
}

/// Returns the features that the client knows, by the names of their elements.
fn names(features: &StreamFeatures) -> Vec<String> {
    let element = features.to_element();
    element.children().map(|it| it.name().to_owned()).collect()
}

fn login(kind: &'static str, outcome: Outcome, plan: &Plan, timeline: &Timeline) -> LoginReport {
    LoginReport {
        kind,
        outcome: flights::outcome(outcome),
        round_trips: timeline.round_trips(),
        took: timeline.took().unwrap_or_default(),
        plan: plan.to_string(),
    }
}

/// Opens sockets, and can break the last one as a network would.
#[derive(Clone, Default)]
struct CuttingDial(Arc<Mutex<Option<std::net::TcpStream>>>);

impl CuttingDial {
    fn cut(&self) {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = last {
            // If it is broken already, that is what was wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Dial for CuttingDial {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        let last = Arc::clone(&self.0);
        Box::pin(async move {
            let socket = TcpDial.dial(addr).await?.into_std()?;
            let copy = socket.try_clone()?;
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
            tokio::net::TcpStream::from_std(socket)
        })
    }
}
