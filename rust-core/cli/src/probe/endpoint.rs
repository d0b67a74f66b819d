//! What one endpoint does before a login, measured on at most nine connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use snapback_client::proto::ns;
use snapback_client::proto::stream::header;
use snapback_client::proto::xml::Element;
use snapback_client::resolver::{Endpoint, EndpointSource};
use snapback_client::{TlsContext, TlsVersions, Transport, Trust};
use snapback_tls::{Pins, SessionParams, TicketScope, TlsSession, TlsVersion};
use tokio::task::JoinSet;
use tokio::time::{Instant as Deadline, timeout_at};

use super::connection::{Acks, Connection, Handshake, unexpected};
use super::report::{EndpointError, EndpointReport, Second, StartTls, Tls};

/// The maximum number of addresses that are connected to.
const MAX_ADDRESSES: usize = 16;
/// The maximum number of endpoints at which more than the TCP handshake is measured.
const MAX_ENDPOINTS: usize = 6;
/// Acknowledgements are delayed by at least 40 ms on Linux; an answer that comes later than this waited for one.
const HELD: Duration = Duration::from_millis(35);
/// How much longer a held answer takes than where acknowledgements leave at once.
const HELD_LONGER: Duration = Duration::from_millis(25);

/// What is the same for all endpoints.
#[derive(Clone)]
pub(super) struct Target {
    /// The domain as A-labels: the name that the certificate must have.
    pub(super) domain: String,
    /// What the header on an encrypted stream says: some servers show SASL2 only to a client that names itself.
    pub(super) from: String,
    pub(super) trust: Trust,
    pub(super) deadline: Deadline,
}

/// Measures all endpoints, those of different names at the same time. Of the addresses of one name, the first one that
/// has a stream is measured in full.
pub(super) async fn measure_all(endpoints: Vec<Endpoint>, target: &Target) -> Vec<EndpointReport> {
    let mut groups: Vec<Vec<(usize, Endpoint)>> = Vec::new();
    for one in endpoints.into_iter().take(MAX_ADDRESSES).enumerate() {
        let key = one.1.server_key();
        let same = |group: &Vec<(usize, Endpoint)>| {
            group
                .first()
                .is_some_and(|(_, first)| first.server_key() == key)
        };
        let at = groups.iter().position(same).unwrap_or(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(one),
            None if at < MAX_ENDPOINTS => groups.push(vec![one]),
            None => {}
        }
    }
    let mut tasks = JoinSet::new();
    for group in groups {
        let target = target.clone();
        tasks.spawn(measure_group(group, target));
    }
    let mut reports: Vec<(usize, EndpointReport)> = tasks.join_all().await.concat();
    reports.sort_by_key(|(index, _)| *index);
    reports.into_iter().map(|(_, report)| report).collect()
}

async fn measure_group(
    group: Vec<(usize, Endpoint)>,
    target: Target,
) -> Vec<(usize, EndpointReport)> {
    let mut reports = Vec::new();
    let mut is_known = false;
    for (index, endpoint) in group {
        let address = endpoint.addr.to_string();
        let mut report = EndpointReport::new(&endpoint.host, address, endpoint.transport);
        report.priority = (endpoint.source == EndpointSource::Srv).then_some(endpoint.priority);
        let measuring = async {
            match is_known {
                true => connect_only(endpoint.addr, &mut report).await,
                false => measure(&endpoint, &target, &mut report).await,
            }
        };
        let ended = timeout_at(target.deadline, measuring).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => report.error = Some(error),
            Err(_) if report.features.is_none() => report.error = Some(EndpointError::NoAnswer),
            Err(_) => {}
        }
        is_known |= report.features.is_some();
        reports.push((index, report));
    }
    reports
}

async fn connect_only(addr: SocketAddr, report: &mut EndpointReport) -> Result<(), EndpointError> {
    let (_, took) = Connection::open(addr).await?;
    report.tcp = Some(took);
    Ok(())
}

async fn measure(
    endpoint: &Endpoint,
    target: &Target,
    report: &mut EndpointReport,
) -> Result<(), EndpointError> {
    let (connection, took) = Connection::open(endpoint.addr).await?;
    report.tcp = Some(took);
    let measurement = Measurement {
        endpoint,
        target,
        tls: TlsContext::new(target.trust.clone())?,
    };
    let mut connection = match endpoint.transport {
        Transport::DirectTls => connection,
        Transport::StartTls => measurement.starttls(connection, report).await?,
    };
    let session = measurement.session()?;
    let header = measurement.header();
    let handshake = connection.start_tls(session, &header, Acks::Usual).await?;
    report.tls = Some(tls_report(&handshake));
    let began = Instant::now();
    let features = connection.features().await;
    let took = began.elapsed();
    // Tickets stand before the features.
    if let Some(tls) = &mut report.tls {
        tls.tickets = measurement.tls.tickets().stored;
        tls.retried = connection.was_retried();
    }
    report.features = Some(features?.into());
    report.features_after = Some(took);
    connection.close().await;
    measurement.second(report).await;
    Ok(())
}

/// The connections to one endpoint, which share their tickets.
struct Measurement<'a> {
    endpoint: &'a Endpoint,
    target: &'a Target,
    tls: TlsContext,
}

impl Measurement<'_> {
    /// Upgrades with header and `<starttls/>` in one write or, if that is not answered, in two on a new connection.
    async fn starttls(
        &self,
        mut connection: Connection,
        report: &mut EndpointReport,
    ) -> Result<Connection, EndpointError> {
        let began = Instant::now();
        let pipelined = self.upgrade(&mut connection, true).await;
        if pipelined.is_ok() {
            report.starttls = Some(StartTls {
                pipelined: true,
                took: began.elapsed(),
            });
            return Ok(connection);
        }
        let (mut connection, _) = Connection::open(self.endpoint.addr).await?;
        let began = Instant::now();
        self.upgrade(&mut connection, false).await?;
        report.starttls = Some(StartTls {
            pipelined: false,
            took: began.elapsed(),
        });
        Ok(connection)
    }

    async fn upgrade(
        &self,
        connection: &mut Connection,
        in_one_write: bool,
    ) -> Result<(), EndpointError> {
        let request = Element::new("starttls", ns::TLS).to_xml();
        let header = header::open(&self.target.domain, None, None, true);
        if in_one_write {
            connection.send(&format!("{header}{request}")).await?;
        } else {
            connection.send(&header).await?;
        }
        connection.features().await?;
        if !in_one_write {
            connection.send(&request).await?;
        }
        let answer = connection.element().await?;
        match answer.is("proceed", ns::TLS) {
            true => Ok(()),
            false => Err(unexpected(&answer)),
        }
    }

    /// Connects again with a ticket, and looks for an answer that waits for an acknowledgement: it comes later if those
    /// are delayed. An endpoint at which only this fails can be used.
    async fn second(&self, report: &mut EndpointReport) {
        let Ok((second, at_once)) = self.again(report, Acks::AtOnce).await else {
            return;
        };
        report.second = Some(second);
        if cfg!(target_os = "linux") {
            report.answer_held = self.is_answer_held(report, at_once).await.ok();
        }
    }

    /// Measures until two results agree: on a busy machine one of them may be wrong.
    async fn is_answer_held(
        &self,
        report: &EndpointReport,
        mut at_once: Duration,
    ) -> Result<bool, EndpointError> {
        let (mut held, mut not_held) = (0, 0);
        while held < 2 && not_held < 2 {
            let (_, delayed) = self.again(report, Acks::Delayed).await?;
            if delayed >= HELD {
                let (_, again) = self.again(report, Acks::AtOnce).await?;
                at_once = at_once.min(again);
            }
            match delayed >= HELD && delayed >= at_once + HELD_LONGER {
                true => held += 1,
                false => not_held += 1,
            }
        }
        Ok(held >= 2)
    }

    /// Connects and reads to the features. Returns how long after the first packet of the answer the last one came.
    async fn again(
        &self,
        report: &EndpointReport,
        acks: Acks,
    ) -> Result<(Second, Duration), EndpointError> {
        let (mut connection, _) = Connection::open(self.endpoint.addr).await?;
        if let Some(starttls) = &report.starttls {
            self.upgrade(&mut connection, starttls.pipelined).await?;
        }
        let session = self.session()?;
        let ticket = session.ticket().cloned();
        let header = self.header();
        let handshake = connection.start_tls(session, &header, acks).await?;
        connection.features().await?;
        let gap = connection.gap();
        connection.close().await;
        let second = Second {
            offered: ticket.is_some(),
            accepted: handshake.established.resumed,
            early_data: ticket.map_or(0, |ticket| ticket.max_early_data),
            took: handshake.took,
        };
        Ok((second, gap))
    }

    fn session(&self) -> Result<TlsSession, EndpointError> {
        let domain = self.target.domain.clone();
        let params = SessionParams {
            server_name: domain.clone(),
            direct: self.endpoint.transport == Transport::DirectTls,
            scope: TicketScope {
                account: String::new(),
                domain,
                transport: self.endpoint.transport,
                pins: Pins::default(),
            },
            early_data: false,
            post_quantum: false,
            versions: TlsVersions::Default,
        };
        Ok(self.tls.session(params)?)
    }

    fn header(&self) -> String {
        let Target { domain, from, .. } = self.target;
        header::open(domain, Some(from), None, true)
    }
}

fn tls_report(handshake: &Handshake) -> Tls {
    let established = &handshake.established;
    Tls {
        version: match established.version {
            TlsVersion::Tls13 => "TLS 1.3",
            TlsVersion::Tls12 => "TLS 1.2",
        },
        cipher_suite: established.cipher_suite,
        group: established.key_exchange,
        retried: false,
        alpn: established.alpn_ok,
        took: handshake.took,
        verified_in: handshake.verified_in,
        tickets: 0,
    }
}
