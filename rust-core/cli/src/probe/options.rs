//! Options of `snapback probe`.

use std::path::PathBuf;
use std::time::Duration;

use snapback_client::proto::jid::{BareJid, JidError};
use snapback_client::{ConfigError, Trust};

use super::account::Account;
use super::dns::Names;
use crate::options::{self, Endpoint, How, OptionError};

/// Tell what a server lets a client save, and what to write into its configuration
///
/// Without --account nothing is logged in: the DNS, TLS and the features of the stream are looked at. The exit code is 0 if
/// no setting saves a round trip, 1 if one does, 2 if the options or the account cannot be used, and 3 if no server can be
/// reached or a certificate is refused. docs/cli.md describes the output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The domain of the server's accounts, such as example.org
    domain: String,

    /// Log in with this account as well, as user@domain. It sends no presence, and logs out at the end
    #[arg(long, value_name = "JID")]
    account: Option<String>,

    /// Read the account's password from this file; without it, from the environment variable SNAPBACK_PASSWORD
    #[arg(long, value_name = "FILE", requires = "account")]
    password_file: Option<PathBuf>,

    /// Allow the mechanism PLAIN, which shows the server the password [default: no]
    #[arg(long)]
    allow_plain: bool,

    /// Connect here instead of asking the DNS; the certificate must still be valid for the domain
    #[arg(long, value_name = "HOST:PORT", value_parser = options::endpoint)]
    endpoint: Option<Endpoint>,

    /// How TLS starts at --endpoint
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value = "direct",
        requires = "endpoint"
    )]
    transport: How,

    /// DANGER: trust certificates of the authorities in this PEM file, and of no others; for tests
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// End after this many seconds, 1 to 600, with what was found until then
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=600)
    )]
    deadline: u64,

    /// Print one JSON object instead of text [default: no]
    #[arg(long)]
    pub(super) json: bool,

    /// Write a page to this file as well, which needs no other file
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// What to probe.
#[derive(Debug)]
pub struct Settings {
    /// The domain.
    pub domain: BareJid,
    /// Who is asked for names.
    pub names: Names,
    /// The server, if the DNS is not asked for it.
    pub server: Option<snapback_client::ServerAddress>,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// The account to log in with, if any.
    pub account: Option<Account>,
    /// The maximum time for everything.
    pub deadline: Duration,
}

impl Settings {
    /// Returns what is needed to probe a domain without an account, with the system's name servers and authorities and a
    /// deadline of 30 s.
    ///
    /// # Errors
    /// If it is no domain.
    pub fn new(domain: &str) -> Result<Self, JidError> {
        let domain = BareJid::try_from(domain)?;
        if domain.node().is_some() {
            return Err(JidError::DomainLabel);
        }
        Ok(Self {
            domain,
            names: Names::System,
            server: None,
            trust: Trust::Platform,
            account: None,
            deadline: Duration::from_secs(30),
        })
    }
}

impl Args {
    pub(super) fn settings(&self) -> Result<Settings, OptionError> {
        let refused = |error| OptionError::Config(ConfigError::Jid(error));
        let mut settings = Settings::new(&self.domain).map_err(refused)?;
        settings.server = self.endpoint.clone().map(|it| it.server(self.transport));
        settings.trust = options::trust(self.ca.as_deref())?;
        settings.deadline = Duration::from_secs(self.deadline);
        if let Some(account) = &self.account {
            let jid = BareJid::try_from(account.as_str()).map_err(refused)?;
            if jid.domain() != settings.domain.domain() {
                return Err(OptionError::OtherDomain);
            }
            settings.account = Some(Account {
                jid,
                password: options::password(self.password_file.as_deref())?,
                allow_plain: self.allow_plain,
            });
        }
        Ok(settings)
    }
}
