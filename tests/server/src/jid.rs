//! JIDs as strings (RFC 7622), split into the parts that tests need.

/// Returns the part before the first slash.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// Returns the part after the first slash.
pub(crate) fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/').map(|(_, resource)| resource)
}

/// Returns the part before the `@`, if there is one.
pub(crate) fn local(jid: &str) -> Option<&str> {
    bare(jid).split_once('@').map(|(local, _)| local)
}
