//! JIDs as strings (RFC 7622), cut where tests need them cut.

/// The part before the first slash.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// The part behind the first slash.
pub(crate) fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/').map(|(_, resource)| resource)
}

/// The part before the `@`, if there is one.
pub(crate) fn local(jid: &str) -> Option<&str> {
    bare(jid).split_once('@').map(|(local, _)| local)
}
