//! For the fuzzer: reads any bytes as every kind of record.

use snapback_proto::knowledge::{Delivery, FastToken, KnownCaps, OutboundStanza, SmSession};
use snapback_proto::sasl::{Floor, ScramKeyId, ScramKeys};
use snapback_proto::stream::features::StreamFeatures;
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::Item;

use crate::KnownEndpoints;

use super::record::{Epochs, Ledger, Record};

/// Reads `plain` as each kind of record. A record that can be read must have exactly one encoding, and decode to the
/// same value.
///
/// # Panics
///
/// If it does not.
pub fn check_all(plain: &[u8]) {
    check::<String>(plain);
    check::<UnixTime>(plain);
    check::<[u8; 32]>(plain);
    check::<StreamFeatures>(plain);
    check::<KnownCaps>(plain);
    check::<KnownEndpoints>(plain);
    check::<Floor>(plain);
    check::<(ScramKeyId, ScramKeys)>(plain);
    check::<FastToken>(plain);
    check::<SmSession>(plain);
    check::<OutboundStanza>(plain);
    check::<Delivery>(plain);
    check::<Item>(plain);
    check::<Ledger>(plain);
    check::<Epochs>(plain);
}

fn check<T: Record>(plain: &[u8]) {
    let Ok(record) = T::from_plain(plain) else {
        return;
    };
    let written = record.to_plain();
    let again = T::from_plain(written.as_bytes());
    let again = again.map(|record| record.to_plain().as_bytes().to_vec());
    assert_eq!(again.ok().as_deref(), Some(written.as_bytes()));
}
