//! Lexical forms that many specifications share. Strict: a value that the schema does not allow is `None`.

/// `xs:boolean`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Digits only: `str::parse` would take a sign as well.
pub(crate) fn u32_digits(text: &str) -> Option<u32> {
    digits(text)?.parse().ok()
}

/// Digits only: `str::parse` would take a sign as well.
pub(crate) fn u64_digits(text: &str) -> Option<u64> {
    digits(text)?.parse().ok()
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_in_range() {
        assert_eq!(u32_digits("0"), Some(0));
        assert_eq!(u32_digits("4294967295"), Some(u32::MAX));
        for bad in ["", "+1", "-1", " 1", "1 ", "0x1", "4294967296", "\u{0661}"] {
            assert_eq!(u32_digits(bad), None, "{bad}");
        }
        assert_eq!(u64_digits("18446744073709551615"), Some(u64::MAX));
        assert_eq!(u64_digits("18446744073709551616"), None);
    }

    #[test]
    fn booleans_have_four_spellings() {
        assert_eq!(boolean("true"), Some(true));
        assert_eq!(boolean("1"), Some(true));
        assert_eq!(boolean("false"), Some(false));
        assert_eq!(boolean("0"), Some(false));
        for bad in ["", "True", "yes", "2"] {
            assert_eq!(boolean(bad), None, "{bad}");
        }
    }
}
