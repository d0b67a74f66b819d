//! Which keys the server may show (rule T13), as people compare them.

use serde::Serialize;
use snapback_client::fingerprint;
use snapback_types::key_trust::KeyTrust;

#[derive(Serialize)]
pub(super) struct Keys {
    /// Whether an authority has issued the certificate of a proven login.
    proven_by_authority: bool,
    trusted: Vec<String>,
    required: Vec<String>,
}

impl Keys {
    pub(super) fn of(trust: &KeyTrust) -> Self {
        let texts = |keys: &[_]| keys.iter().map(fingerprint).collect();
        Self {
            proven_by_authority: trust.proven_by_authority,
            trusted: texts(trust.pins.trusted()),
            required: texts(trust.pins.required()),
        }
    }

    /// Returns the lines of the summary: a name and a value each.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let proven = self.proven_by_authority;
        let trusted = self.trusted.iter().map(|key| ("trusted", key.as_str()));
        let required = self.required.iter().map(|key| ("required", key.as_str()));
        proven
            .then_some(("certificate", "an authority has issued it"))
            .into_iter()
            .chain(trusted)
            .chain(required)
    }
}
