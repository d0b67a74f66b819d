//! The examples' account and server.
//!
//! The password is in `SNAPBACK_PASSWORD`. The server is found through the DNS, unless `SNAPBACK_SERVER` names an
//! address (`127.0.0.1:5223`, direct TLS) and `SNAPBACK_CA` a PEM file with the authorities to trust there. This is how
//! they run against the reference server, `cargo run -p snapback-reference-server -- --account juliet:secret --ca-out
//! ca.pem`.

use std::env;
use std::error::Error;

use snapback_client::{ClientConfig, ServerAddress, Transport, Trust, danger};

/// Returns the configuration of this account.
///
/// # Errors
///
/// If a variable or the account cannot be used.
pub(crate) fn config(account: &str) -> Result<ClientConfig, Box<dyn Error>> {
    let password = env::var("SNAPBACK_PASSWORD").map_err(|_| "SNAPBACK_PASSWORD is not set")?;
    let mut config = ClientConfig::new(account, &password)?;
    if let Ok(address) = env::var("SNAPBACK_SERVER") {
        let address = ServerAddress::at(address.parse()?, Transport::DirectTls);
        config.network.servers = vec![address];
    }
    if let Ok(file) = env::var("SNAPBACK_CA") {
        config.trust = Trust::Roots(danger::Roots::from_pem(&std::fs::read(file)?)?);
    }
    Ok(config)
}

/// Returns the arguments of the command line.
///
/// # Errors
///
/// If there are more or fewer than `N`; `usage` names them.
pub(crate) fn arguments<const N: usize>(usage: &str) -> Result<[String; N], Box<dyn Error>> {
    let given: Vec<String> = env::args().skip(1).collect();
    given
        .try_into()
        .map_err(|_| format!("usage: {usage}").into())
}
