//! The parameters of a new connection.

use std::sync::Arc;

use crate::config::Config;
use crate::knowledge::Knowledge;
use crate::plan::{Purpose, Transport};
use crate::sasl::{ScramKeyId, ScramKeys};

/// The parameters of a new connection.
#[derive(Debug)]
pub struct Start {
    /// The account and how it logs in.
    pub config: Arc<Config>,
    /// How the endpoint is reached.
    pub transport: Transport,
    /// What is remembered.
    pub knowledge: Knowledge,
    /// Keys that were derived from the password in `config` since the process began: the newest answer to
    /// [`crate::connection::Output::DeriveKeys`]. Those in `knowledge` may belong to an older password. They are used only
    /// where there is no password; where there is one they only predict which keys will be requested.
    pub derived_keys: Option<(ScramKeyId, ScramKeys)>,
    /// The server has refused the last bearer token, and accepted none since ([`Assumption::BearerToken`]).
    ///
    /// [`Assumption::BearerToken`]: crate::error::Assumption::BearerToken
    pub token_refused: bool,
    /// Early data may be tried. Whether a ticket that allows it is available is known when the handshake starts. Until then the
    /// plan assumes one; without one it is revised.
    pub early_data_possible: bool,
    /// The TCP handshake has not begun: it carries the first flight (RFC 7413).
    pub fast_open: bool,
    /// The purpose of the connection.
    pub purpose: Purpose,
    /// The app is in the foreground (XEP-0352).
    pub active: bool,
    /// 32 bytes from the platform's random source.
    pub seed: [u8; 32],
}
