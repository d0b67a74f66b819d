//! An address that another entity wrote.

use super::Jid;

/// The sender or the recipient of a stanza.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Address {
    /// The stanza has no such attribute. A stanza without `from` comes from the user's own account, on whose behalf the server sends
    /// it (RFC 6120 section 8.1.2.1); no contact can send one.
    #[default]
    Absent,
    /// A valid address.
    Named(Jid),
    /// A text that is not an address according to RFC 7622, which some servers do not enforce. Any contact can send this, and nothing
    /// about it may be trusted.
    Unreadable(String),
}

impl Address {
    /// Parses an attribute of a stanza.
    pub fn of(attribute: Option<&str>) -> Self {
        match attribute.map(|text| (text, Jid::try_from(text))) {
            None => Self::Absent,
            Some((_, Ok(jid))) => Self::Named(jid),
            Some((text, Err(_))) => Self::Unreadable(text.to_owned()),
        }
    }

    /// Returns the address; `None` if there is none, and if it cannot be read.
    pub fn jid(&self) -> Option<&Jid> {
        match self {
            Self::Named(jid) => Some(jid),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w4_an_unreadable_address_differs_from_an_absent_one() {
        assert_eq!(Address::of(None), Address::Absent);
        let romeo = "romeo@example.net/o".parse().unwrap();
        assert_eq!(
            Address::of(Some("Romeo@Example.NET/o")),
            Address::Named(romeo)
        );
        let long = format!("{}@example.net", "a".repeat(1024));
        for text in ["", " ", "@", "@example.net", "a@", "a b@example.net", &long] {
            let address = Address::of(Some(text));
            assert_eq!(address, Address::Unreadable(text.to_owned()));
            assert_eq!(address.jid(), None);
        }
    }
}
