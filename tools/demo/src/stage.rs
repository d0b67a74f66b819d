//! Where the demo plays: the server, and a link to each of its ports.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{Timing, TlsContext, Trust, danger};
use snapback_netsim::{Link, LinkConfig};
use snapback_reference_server::{Config, ReferenceServer, Switches};

use crate::error::DemoError;
use crate::killed::KilledPhone;
use crate::naive;
use crate::phone::{Phone, Setup};

/// How often the link may be cut within the client's own limit of attempts: it also connects twice by itself.
pub(crate) const CUTS_WITHIN_LIMIT: u32 = 4;
/// The naive client has no timeouts of its own; this ends one that hangs.
const NAIVE_TIMEOUT: Duration = Duration::from_secs(60);

const DOMAIN: &str = "localhost";
const PHONE: Account = Account("juliet", "r0m30");
const EARLY_PHONE: Account = Account("nurse", "4ng3l1c4");
const NAIVE: Account = Account("paris", "c4pul3t");
const PEER: Account = Account("romeo", "jul13t");

/// Local part and password.
struct Account(&'static str, &'static str);

/// Server and links.
pub(crate) struct Stage {
    server: ReferenceServer,
    starttls: Arc<Link>,
    direct: Arc<Link>,
    rtt: Duration,
    reconnect: Timing,
}

impl Stage {
    pub(crate) async fn build(rtt: Duration, cuts: u32) -> Result<Self, DemoError> {
        let server = start_server().await?;
        Ok(Self {
            starttls: start_link(rtt, server.starttls_addr()).await?,
            direct: start_link(rtt, server.direct_addr()).await?,
            server,
            rtt,
            reconnect: reconnect(cuts),
        })
    }

    pub(crate) fn phone(&self) -> Result<Phone<'_>, DemoError> {
        self.phone_of(&PHONE, false)
    }

    pub(crate) fn early_phone(&self) -> Result<Phone<'_>, DemoError> {
        self.phone_of(&EARLY_PHONE, true)
    }

    pub(crate) fn killed_phone(&self) -> Result<KilledPhone<'_>, DemoError> {
        KilledPhone::start(self.setup_of(&PHONE, false))
    }

    fn phone_of(&self, account: &Account, early_data: bool) -> Result<Phone<'_>, DemoError> {
        Phone::new(self.setup_of(account, early_data))
    }

    fn setup_of(&self, account: &Account, early_data: bool) -> Setup<'_> {
        Setup {
            server: &self.server,
            link: &self.direct,
            rtt: self.rtt,
            user: account.0,
            password: account.1,
            early_data,
            reconnect: self.reconnect,
        }
    }

    pub(crate) async fn naive(&self) -> Result<naive::Outcome, DemoError> {
        let pem = self.server.ca_pem();
        let roots = danger::Roots::from_pem(pem.as_bytes()).map_err(DemoError::Trust)?;
        let context = TlsContext::new(Trust::Roots(roots)).map_err(DemoError::Trust)?;
        let account = naive::Account {
            user: NAIVE.0,
            password: NAIVE.1,
            domain: DOMAIN,
        };
        let login = naive::run(&self.starttls, context, &account);
        match tokio::time::timeout(NAIVE_TIMEOUT, login).await {
            Ok(outcome) => outcome.map_err(DemoError::Naive),
            Err(_) => Err(DemoError::TimedOut("the naive client")),
        }
    }
}

/// SASL2, Bind 2 and FAST, as servers have them today, and early data for the client that asks for it. What XEP-0305
/// adds is off: servers of today do not advertise it.
async fn start_server() -> Result<ReferenceServer, DemoError> {
    let switches = Switches {
        pipelining: false,
        unprompted_restart: false,
        sm_before_sasl: false,
        ..Switches::modern()
    };
    let accounts = [PHONE, EARLY_PHONE, NAIVE, PEER];
    let accounts = accounts.map(|Account(user, password)| (user.to_owned(), password.to_owned()));
    let config = Config {
        domain: DOMAIN.to_owned(),
        switches,
        accounts: accounts.to_vec(),
        ..Config::default()
    };
    ReferenceServer::start(config)
        .await
        .map_err(DemoError::Server)
}

async fn start_link(rtt: Duration, upstream: SocketAddr) -> Result<Arc<Link>, DemoError> {
    let link = Link::start(LinkConfig::with_rtt(rtt), upstream).await;
    link.map(Arc::new).map_err(DemoError::Link)
}

/// The client's own timing, unless it was asked for more cuts than that allows.
fn reconnect(cuts: u32) -> Timing {
    if cuts <= CUTS_WITHIN_LIMIT {
        return Timing::default();
    }
    Timing {
        window: Duration::ZERO,
        ..Timing::default()
    }
}
