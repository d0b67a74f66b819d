//! The two ways in which a password is prepared before keys are derived from it.
//!
//! RFC 5802 section 2.2 names SASLprep (RFC 4013), which RFC 8265 replaced by OpaqueString. Both leave ASCII unchanged. SASLprep also
//! replaces compatibility characters (an ellipsis becomes three full stops) and removes invisible ones.

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::precis_core::{DerivedPropertyValue, FreeformClass, StringClass};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::sasl::error::SaslError;
use crate::secret::Secret;

/// How a password is prepared. Which one a server applied when the password was set shows only in a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Preparation {
    /// OpaqueString (RFC 8265 section 4.2).
    #[default]
    OpaqueString,
    /// SASLprep (RFC 4013).
    SaslPrep,
}

impl Preparation {
    /// Returns the other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::OpaqueString => Self::SaslPrep,
            Self::SaslPrep => Self::OpaqueString,
        }
    }

    /// Returns this one if it allows the password, else the other one.
    #[must_use]
    pub fn or_other(self, password: &Secret<String>) -> Self {
        match self.prepare(password) {
            Ok(_) => self,
            Err(_) => self.other(),
        }
    }

    /// Returns whether both allow the password, and their results differ.
    pub fn results_differ(password: &Secret<String>) -> bool {
        let opaque = Self::OpaqueString.prepare(password);
        let mapped = Self::SaslPrep.prepare(password);
        matches!((opaque, mapped), (Ok(opaque), Ok(mapped)) if opaque != mapped)
    }

    /// Prepares the password.
    ///
    /// # Errors
    ///
    /// Fails with [`SaslError::PasswordNotAllowed`] if the result is empty, or contains characters that this profile forbids.
    pub fn prepare(self, password: &Secret<String>) -> Result<Zeroizing<String>, SaslError> {
        let password = password.expose().as_str();
        let prepared = match self {
            Self::OpaqueString => opaque_string(password)?,
            Self::SaslPrep => sasl_prep(password)?,
        };
        if prepared.is_empty() {
            return Err(SaslError::PasswordNotAllowed);
        }
        Ok(prepared)
    }
}

/// The registered PRECIS tables end with Unicode 6.3, of 2013. Characters that were assigned later pass unchanged, and only the text
/// between them goes through the profile.
fn opaque_string(password: &str) -> Result<Zeroizing<String>, SaslError> {
    let class = FreeformClass::default();
    let newer = |c: char| class.get_value_from_char(c) == DerivedPropertyValue::Unassigned;
    // As long as the profile's result can become: growing would leave copies of the password in memory.
    let mut prepared = Zeroizing::new(String::with_capacity(4 * password.len()));
    for piece in password.split_inclusive(newer) {
        let known = piece.trim_end_matches(newer);
        if !known.is_empty() {
            let enforced =
                OpaqueString::enforce(known).map_err(|_| SaslError::PasswordNotAllowed)?;
            prepared.push_str(&Zeroizing::new(enforced.into_owned()));
        }
        prepared.extend(piece.chars().next_back().filter(|c| newer(*c)));
    }
    Ok(prepared)
}

/// Characters that are unassigned in Unicode 3.2 are allowed, as in queries (RFC 3454 section 7).
fn sasl_prep(password: &str) -> Result<Zeroizing<String>, SaslError> {
    let mapped = password
        .chars()
        .filter_map(|c| match c {
            _ if is_space(c) => Some(' '),
            _ if is_mapped_to_nothing(c) => None,
            _ => Some(c),
        })
        .nfkc();
    // NFKC makes eighteen characters of one at most.
    let mut prepared = Zeroizing::new(String::with_capacity(18 * password.len()));
    prepared.extend(mapped);
    if prepared.contains(is_prohibited) {
        return Err(SaslError::PasswordNotAllowed);
    }
    Ok(prepared)
}

/// RFC 3454, table C.1.2.
fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// RFC 3454, table B.1.
fn is_mapped_to_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{1806}'
            | '\u{180b}'..='\u{180d}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

/// RFC 4013 section 2.3: tables C.2 to C.9 of RFC 3454.
fn is_prohibited(c: char) -> bool {
    let code = u32::from(c);
    let is_control = c.is_control()
        || matches!(
            code,
            0x6dd | 0x70f | 0x180e | 0x2028 | 0x2029 | 0x2061..=0x2063 | 0x206a..=0x206f
                | 0xfff9..=0xfffc | 0x1d173..=0x1d17a
        );
    let is_private = matches!(code, 0xe000..=0xf8ff | 0xf_0000..=0x10_ffff);
    let is_no_character = matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe;
    let is_inappropriate = matches!(
        code,
        0x340 | 0x341 | 0x200e | 0x200f | 0x202a..=0x202e | 0x2ff0..=0x2ffb | 0xfffd
            | 0xe0001 | 0xe0020..=0xe007f
    );
    is_control || is_private || is_no_character || is_inappropriate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(how: Preparation, password: &str) -> Option<String> {
        let prepared = how.prepare(&Secret::from(password)).ok();
        prepared.map(|text| text.to_string())
    }

    #[test]
    fn w7_sasl_prep_replaces_what_phones_type() {
        for (typed, stored) in [
            ("wait\u{2026}", "wait..."),
            ("\u{bd} pint", "1\u{2044}2 pint"),
            ("E=mc\u{b2}", "E=mc2"),
            ("\u{ff41}\u{ff11}", "a1"),
            ("\u{fb01}sh", "fish"),
            // The examples of RFC 4013 section 3.
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
        ] {
            let mapped = prepared(Preparation::SaslPrep, typed);
            assert_eq!(mapped.as_deref(), Some(stored), "{typed}");
        }
        assert_eq!(prepared(Preparation::SaslPrep, "\u{7}"), None);
        assert_eq!(prepared(Preparation::SaslPrep, "\u{ad}"), None);
    }

    #[test]
    fn w7_passwords_of_which_both_forms_are_equal_need_no_second_try() {
        let differ = |password: &str| Preparation::results_differ(&Secret::from(password));
        for same in [
            "pencil",
            "caf\u{e9}",
            "cafe\u{301}",
            "a\u{a0}b",
            "bell\u{7}",
            "",
            "\u{44f}",
        ] {
            assert!(!differ(same), "{same:?}");
        }
        for other in ["wait\u{2026}", "\u{ff41}", "x\u{b2}", "\u{fb01}sh"] {
            assert!(differ(other), "{other:?}");
        }
    }

    /// Emoji of 2018 and 2020, and one with a variation selector, which OpaqueString forbids.
    #[test]
    fn w7_characters_that_are_newer_than_the_tables_are_allowed() {
        for newer in ["\u{1f9a0}", "pass\u{1fae0}word", "\u{1f9a0}\u{1f9a0}"] {
            let opaque = prepared(Preparation::OpaqueString, newer);
            assert_eq!(opaque.as_deref(), Some(newer));
            assert_eq!(prepared(Preparation::SaslPrep, newer), opaque);
        }
        let heart = Secret::from("\u{2764}\u{fe0f}");
        let first = Preparation::default().or_other(&heart);
        assert_eq!(first, Preparation::SaslPrep);
        assert!(!Preparation::results_differ(&heart));
    }
}
