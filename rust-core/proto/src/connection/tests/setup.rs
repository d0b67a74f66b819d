//! What a connection in a script starts from.

use super::peer::{Mode, Peer};
use super::proofs;
use crate::config::{Config, Identity};
use crate::connection::{EarlyData, TlsFacts};
use crate::jid::BareJid;
use crate::knowledge::Knowledge;
use crate::plan::{Purpose, Transport};
use crate::sasl::{ChannelBindings, ScramKeyId, ScramKeys, TlsVersion};
use crate::secret::Secret;
use crate::time::UnixTime;

pub(super) const EXPORTER: [u8; 32] = [7; 32];
pub(super) const END_POINT: [u8; 32] = [9; 32];
pub(super) const KEY: [u8; 32] = [5; 32];
/// 2026-11-22; the tokens of the scripts expire in 2030.
pub(super) const WALL: UnixTime = UnixTime(1_795_305_600);

/// What a connection starts from.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) transport: Transport,
    pub(super) knowledge: Knowledge,
    pub(super) derived_keys: Option<(ScramKeyId, ScramKeys)>,
    pub(super) token_refused: bool,
    pub(super) early_data_possible: bool,
    pub(super) purpose: Purpose,
    pub(super) active: bool,
    pub(super) facts: TlsFacts,
}

impl Setup {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            config: config(),
            transport,
            knowledge: Knowledge::default(),
            derived_keys: None,
            token_refused: false,
            early_data_possible: false,
            purpose: Purpose::Session,
            active: true,
            facts: facts(),
        }
    }

    pub(super) fn direct() -> Self {
        Self::new(Transport::DirectTls)
    }

    pub(super) fn starttls() -> Self {
        Self::new(Transport::StartTls)
    }

    pub(super) fn knowing(mut self, knowledge: Knowledge) -> Self {
        self.knowledge = knowledge;
        self
    }

    /// At an endpoint that was seen to take what follows a bind request before its answer.
    pub(super) fn with_pipelined_bind(self) -> Self {
        self.with(|setup| setup.knowledge.server.bind_pipelining_proven = true)
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn start(self) -> Peer {
        Peer::new(&self, Mode::Whole)
    }
}

pub(super) fn config() -> Config {
    let account = BareJid::try_from("juliet@example.org").expect("a JID");
    Config {
        password: Some(Secret::from(proofs::PASSWORD)),
        resource: "balcony".to_owned(),
        identity: Identity {
            node: "https://example.org/snapback".to_owned(),
            ..Identity::default()
        },
        ..Config::new(account, "d4565fa7-4d72-4749-b3d3-740edbf87770")
    }
}

pub(super) fn facts() -> TlsFacts {
    TlsFacts {
        version: TlsVersion::Tls13,
        bindings: ChannelBindings {
            tls_exporter: Some(EXPORTER.to_vec()),
            tls_server_end_point: Some(END_POINT.to_vec()),
        },
        key: KEY,
        by_authority: true,
        resumes_proven: false,
        early_data: EarlyData::NotSent,
    }
}
