//! XEP-0484: FAST, its part of a SASL2 login.

use crate::ns;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::xml::Element;

use super::datetime;

/// `<token/>`: what the next login may use instead of the password, with the mechanism it was requested for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastToken {
    /// The token.
    pub token: Secret<String>,
    /// Until when it is valid, where the server stated it in a readable form.
    pub expiry: Option<UnixTime>,
}

impl FastToken {
    /// Reads `<token/>`. An unreadable one only costs a round trip, so the result is none rather than an error.
    pub fn parse(element: &Element) -> Option<Self> {
        let token = element.attr("token").filter(|token| !token.is_empty())?;
        Some(Self {
            token: token.into(),
            expiry: element.attr("expiry").and_then(datetime::parse),
        })
    }
}

/// Returns `<fast/>`: this login uses a token. `count` where early data may carry it (S6), `invalidate` to log out.
pub fn fast(count: Option<u32>, invalidate: bool) -> Element {
    let mut fast = Element::new("fast", ns::FAST);
    if let Some(count) = count {
        fast.set_attr("count", count.to_string());
    }
    if invalidate {
        fast.set_attr("invalidate", "true");
    }
    fast
}

/// Returns `<request-token/>`, which requests a token for that mechanism.
pub fn request_token(mechanism: &str) -> Element {
    Element::new("request-token", ns::FAST).with_attr("mechanism", mechanism)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn t9_a_token_does_not_print() {
        let token = FastToken::parse(&element(
            "<token xmlns='urn:xmpp:fast:0' expiry='2020-03-12T14:36:15Z' token='WXZzciBwYmFm'/>",
        ))
        .unwrap();
        assert_eq!(token.token.expose(), "WXZzciBwYmFm");
        assert_eq!(token.expiry, Some(UnixTime(1_584_023_775)));
        assert!(!format!("{token:?}").contains("WXZz"));
    }

    #[test]
    fn an_unreadable_token_is_none() {
        for xml in [
            "<token xmlns='urn:xmpp:fast:0' expiry='2020-03-12T14:36:15Z'/>",
            "<token xmlns='urn:xmpp:fast:0' token=''/>",
        ] {
            assert_eq!(FastToken::parse(&element(xml)), None, "{xml}");
        }
        let odd = "<token xmlns='urn:xmpp:fast:0' expiry='soon' token='x'/>";
        assert_eq!(FastToken::parse(&element(odd)).unwrap().expiry, None);
    }

    #[test]
    fn s6_count_and_invalidate() {
        assert_eq!(
            fast(None, false).to_xml(),
            "<fast xmlns='urn:xmpp:fast:0'/>"
        );
        assert_eq!(
            fast(Some(123), true).to_xml(),
            "<fast xmlns='urn:xmpp:fast:0' count='123' invalidate='true'/>"
        );
        assert_eq!(
            request_token("HT-SHA-256-ENDP").attr("mechanism"),
            Some("HT-SHA-256-ENDP")
        );
    }
}
