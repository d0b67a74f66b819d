//! Host names as DNS carries them: A-labels, lower case, no final dot (RFC 5890, RFC 1035 section 2.3).

/// The longest name that fits a DNS message, as text without its final dot.
const LONGEST: usize = 253;

/// Checks a host name and returns its canonical form. U-labels are no host name: the caller converts them to A-labels,
/// and the tables for that are not needed here.
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

/// Returns whether the name is that of an onion service, in the form of [`from_ascii`]: no resolver may see it (RFC 7686 section 2).
#[cfg(any(feature = "lookups", test))]
pub(crate) fn is_onion(name: &str) -> bool {
    name == "onion" || name.ends_with(".onion")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onion_services_are_known_by_their_last_label() {
        for name in ["a.ONION.", "onion", "b.a.onion"] {
            assert!(is_onion(&from_ascii(name).unwrap()), "{name}");
        }
        for name in ["onion.example", "a.onions", "aonion"] {
            assert!(!is_onion(&from_ascii(name).unwrap()), "{name}");
        }
    }

    #[test]
    fn host_names_have_one_form() {
        assert_eq!(from_ascii("Example.ORG."), Some("example.org".into()));
        assert_eq!(
            from_ascii("XN--bcher-kva.example"),
            Some("xn--bcher-kva.example".into())
        );
        for bad in [
            "bücher.example",
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
            assert_eq!(from_ascii(bad), None, "{bad:?}");
        }
    }
}
