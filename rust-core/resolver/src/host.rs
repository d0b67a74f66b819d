//! Host names as DNS carries them: A-labels, lower case, no final dot (RFC 5890, RFC 1035 section 2.3).

use hickory_resolver::proto::rr::Name;

/// The longest name that fits a DNS message, as text without its final dot.
const LONGEST: usize = 253;

/// Turns a JID's domain (which may hold U-labels) into a host name.
pub(crate) fn from_domain(domain: &str) -> Option<String> {
    // hickory reads master files' escapes, which no domain has.
    if domain.contains('\\') {
        return None;
    }
    let name = Name::from_utf8(domain).ok()?;
    from_ascii(&name.to_ascii())
}

/// Checks a host name that came from DNS or the platform.
pub(crate) fn from_ascii(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    (name.len() <= LONGEST && name.split('.').all(is_label)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_become_a_labels() {
        assert_eq!(from_domain("Example.ORG."), Some("example.org".into()));
        assert_eq!(
            from_domain("bücher.example"),
            Some("xn--bcher-kva.example".into())
        );
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "exa\\mple",
            "user@example",
            "\u{0}.org",
            &"a".repeat(64),
            &"a.".repeat(200),
        ] {
            assert_eq!(from_domain(bad), None, "{bad:?}");
        }
    }
}
