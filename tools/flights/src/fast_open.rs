//! Logins with TCP Fast Open (RFC 7413), beside the same without it. They need real packets: a simulated link has no SYN.

use std::fmt::Write as _;
use std::time::Duration;

use snapback_client::Transport;
use snapback_interop::flaky::{Backend, Cell, RoundTrips, Setting, logins};
use snapback_interop::measure::Host;
use snapback_netsim::packets::Profile;
use snapback_reference_server::Switches;

/// A server and a kind of login.
struct Case {
    name: &'static str,
    host: Host,
    transport: Transport,
    early_data: bool,
    /// The flights of a warm or resumed login with Fast Open.
    flights: usize,
}

/// A case and its measurements.
pub(crate) struct Measured {
    case: Case,
    with: RoundTrips,
    without: RoundTrips,
}

fn cases() -> Vec<Case> {
    let everything = || Host::Reference(Box::new(Switches::modern()));
    let case = |name, host, transport, early_data| Case {
        name,
        host,
        transport,
        early_data,
        flights: if early_data { 1 } else { 2 },
    };
    let (direct, starttls) = (Transport::DirectTls, Transport::StartTls);
    vec![
        case(
            "Prosody with SASL2, Bind 2 and FAST, direct TLS",
            Backend::ProsodyModern.host(),
            direct,
            false,
        ),
        case(
            "ejabberd with FAST, direct TLS",
            Backend::Ejabberd.host(),
            direct,
            false,
        ),
        case(
            "XEP-0305 with FAST, STARTTLS",
            Backend::Reference.host(),
            starttls,
            false,
        ),
        case("early data, direct TLS", everything(), direct, true),
        case("early data, STARTTLS", everything(), starttls, true),
    ]
}

pub(crate) async fn measure(rtt: Duration, runs: usize) -> Result<Vec<Measured>, String> {
    let mut all = Vec::new();
    for case in cases() {
        println!("TCP Fast Open: {}", case.name);
        let setting = |fast_open| Setting {
            early_data: case.early_data,
            fast_open,
            // The connection was cut, and the test must not wait until the client notices.
            probe: Some(rtt * 2),
            ..Setting::new(case.host.clone(), case.transport, Profile::plain(rtt), 1)
        };
        let needed = || "real packets need root, /dev/net/tun and ip".to_owned();
        let with = logins(&setting(true), runs).await.ok_or_else(needed)?;
        let without = logins(&setting(false), runs).await.ok_or_else(needed)?;
        all.push(Measured {
            case,
            with,
            without,
        });
    }
    Ok(all)
}

impl Measured {
    /// Cells that took another number of flights than expected.
    pub(crate) fn missed(&self, rtt: Duration) -> Vec<String> {
        let Self { case, with, .. } = self;
        [("warm", &with.warm), ("resumed", &with.resumed)]
            .into_iter()
            .filter_map(|(kind, logins)| {
                let flights = Cell::of(logins, rtt)?.flights;
                let is_missed = flights != case.flights;
                is_missed.then(|| {
                    let (name, expected) = (case.name, case.flights);
                    format!("TCP Fast Open, {name}, {kind}: {flights} instead of {expected}")
                })
            })
            .collect()
    }
}

/// The section of the page.
pub(crate) fn section(rows: &[Measured], rtt: Duration) -> String {
    let mut text = format!(
        "## Measured with TCP Fast Open\n\nReal packets on a link of {} ms, both ends in network namespaces with \
         `tcp_fastopen` on, {} runs of each: **flights**,\n*wall time* in round trips, and the same without Fast Open. The \
         kernel fetches the cookie with the first connection\nand keeps it, also for later cold logins. Data that arrives \
         with the server's first answer and is read after it counts as a flight.\n\n",
        rtt.as_millis(),
        rows.first().map_or(0, |row| row.with.cold.len()),
    );
    text.push_str(
        "| server and transport | cold | warm, new session | without | warm, resumed | without |\n|---|---|---|---|---|---|\n",
    );
    for Measured {
        case,
        with,
        without,
    } in rows
    {
        let cells = [
            &with.cold,
            &with.warm,
            &without.warm,
            &with.resumed,
            &without.resumed,
        ];
        let cells = cells.map(|logins| match Cell::of(logins, rtt) {
            Some(Cell { flights, wall }) => format!("**{flights}**, *{wall:.1}*"),
            None => "-".to_owned(),
        });
        let _ = writeln!(text, "| {} | {} |", case.name, cells.join(" | "));
    }
    text
}
