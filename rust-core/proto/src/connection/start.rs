//! What a connection starts from.

use std::sync::Arc;

use crate::config::Config;
use crate::knowledge::Knowledge;
use crate::plan::{Purpose, Transport};
use crate::sasl::{ScramKeyId, ScramKeys};

/// What a connection starts from.
#[derive(Debug)]
pub struct Start {
    /// The account and how it logs in.
    pub config: Arc<Config>,
    /// How the endpoint is reached.
    pub transport: Transport,
    /// What is remembered.
    pub knowledge: Knowledge,
    /// Keys that were derived from the password in `config` since the process began: the newest answer to
    /// [`crate::connection::Output::DeriveKeys`]. Those in `knowledge` may belong to an older password. They are used only where there is no password;
    /// where there is one they only tell early which keys will be asked for.
    pub derived_keys: Option<(ScramKeyId, ScramKeys)>,
    /// Early data may be tried. Whether a ticket is at hand that allows it shows when the handshake starts; until then
    /// the plan hopes, and without one it is revised.
    pub early_data_possible: bool,
    /// What the connection is made for.
    pub purpose: Purpose,
    /// The app is in the foreground (XEP-0352).
    pub active: bool,
    /// 32 bytes from the platform's random source.
    pub seed: [u8; 32],
}
