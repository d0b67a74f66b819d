//! RFC 6120 section 6: the first SASL profile, on the wire. The mechanism interprets the bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ns;
use crate::peer_text::PeerText;
use crate::sasl::{SaslCondition, SaslRefusal};
use crate::xml::Element;

use super::error::CodecError;

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sasl1 {
    /// `<challenge/>`
    Challenge(Vec<u8>),
    /// `<success/>`, possibly with the mechanism's last message.
    Success(Option<Vec<u8>>),
    /// `<failure/>`
    Failure(SaslRefusal),
}

impl Sasl1 {
    /// Reads an answer. None if the element is none of those.
    pub fn parse(element: &Element) -> Option<Result<Self, CodecError>> {
        if element.ns() != ns::SASL {
            return None;
        }
        match element.name() {
            "challenge" => Some(
                data(element, "challenge").map(|data| Self::Challenge(data.unwrap_or_default())),
            ),
            "success" => Some(data(element, "success").map(Self::Success)),
            "failure" => {
                let text = element.child("text", ns::SASL);
                Some(Ok(Self::Failure(SaslRefusal {
                    condition: condition(element),
                    text: text.and_then(|text| PeerText::new(&text.text())),
                })))
            }
            _ => None,
        }
    }
}

/// The condition among the children of a failure, of either profile (RFC 6120 section 6.5).
pub(super) fn condition(failure: &Element) -> SaslCondition {
    let child = failure
        .children()
        .find(|child| child.ns() == ns::SASL && child.name() != "text");
    SaslCondition::parse(child.map_or("", Element::name))
}

/// `<auth/>`. An initial response that is there but empty is `=`.
pub fn auth(mechanism: &str, initial_response: Option<&[u8]>) -> Element {
    let auth = Element::new("auth", ns::SASL).with_attr("mechanism", mechanism);
    match initial_response {
        None => auth,
        Some([]) => auth.with_text("="),
        Some(data) => auth.with_text(STANDARD.encode(data)),
    }
}

/// `<response/>`
pub fn response(data: &[u8]) -> Element {
    let response = Element::new("response", ns::SASL);
    if data.is_empty() {
        return response;
    }
    response.with_text(STANDARD.encode(data))
}

/// `<abort/>`
pub fn abort() -> Element {
    Element::new("abort", ns::SASL)
}

/// No text is no data, `=` is data of length zero. Only canonical base64 is accepted (RFC 6120 section 13.9.1).
fn data(element: &Element, name: &'static str) -> Result<Option<Vec<u8>>, CodecError> {
    match element.text().as_str() {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        text => STANDARD
            .decode(text)
            .map(Some)
            .map_err(|_| CodecError::Malformed {
                element: name,
                part: "base64",
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn parse(xml: &str) -> Option<Result<Sasl1, CodecError>> {
        Sasl1::parse(&element(xml))
    }

    #[test]
    fn writes_the_clients_side() {
        assert_eq!(
            auth("PLAIN", Some(b"\0juliet\0r0m30myr0m30")).to_xml(),
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMG15cjBtMzA=</auth>"
        );
        assert_eq!(auth("X", Some(b"")).text(), "=");
        assert_eq!(auth("X", None).text(), "");
        assert_eq!(response(b"").text(), "");
        assert_eq!(response(b"biws").text(), "Yml3cw==");
        assert!(abort().is("abort", ns::SASL));
    }

    #[test]
    fn reads_the_servers_side() {
        let sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
        let failure = |condition, text: Option<&str>| {
            Sasl1::Failure(SaslRefusal {
                condition,
                text: text.and_then(PeerText::new),
            })
        };
        for (xml, expected) in [
            (
                format!("<challenge {sasl}>Yml3cw==</challenge>"),
                Sasl1::Challenge(b"biws".to_vec()),
            ),
            (format!("<challenge {sasl}/>"), Sasl1::Challenge(Vec::new())),
            (
                format!("<challenge {sasl}>=</challenge>"),
                Sasl1::Challenge(Vec::new()),
            ),
            (format!("<success {sasl}/>"), Sasl1::Success(None)),
            (
                format!("<success {sasl}>=</success>"),
                Sasl1::Success(Some(Vec::new())),
            ),
            (
                format!("<success {sasl}>dj1wTk5ERlZFUXh1WHhDb1NFaVc4R0VaKzFSU289</success>"),
                Sasl1::Success(Some(b"v=pNNDFVEQxuXxCoSEiW8GEZ+1RSo=".to_vec())),
            ),
            (
                format!(
                    "<failure {sasl}><account-disabled/><text xml:lang='en'>Call 212-555-1212.</text></failure>"
                ),
                failure(SaslCondition::AccountDisabled, Some("Call 212-555-1212.")),
            ),
            (
                format!("<failure {sasl}><odd/></failure>"),
                failure(SaslCondition::Unknown("odd".to_owned()), None),
            ),
            (
                format!("<failure {sasl}/>"),
                failure(SaslCondition::Unknown(String::new()), None),
            ),
        ] {
            assert_eq!(parse(&xml), Some(Ok(expected)), "{xml}");
        }
    }

    #[test]
    fn base64_is_strict() {
        for text in [
            "Yml3cw",
            "Yml3cw=",
            "Yml3cx==",
            "Yml3 cw==",
            " Yml3cw==",
            "Yml3cw==\n",
            "Yml3-w==",
            "==",
            "%",
        ] {
            let challenge = Element::new("challenge", ns::SASL).with_text(text);
            assert_eq!(
                Sasl1::parse(&challenge),
                Some(Err(CodecError::Malformed {
                    element: "challenge",
                    part: "base64"
                })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_an_answer_is_left_alone() {
        assert_eq!(
            parse("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            None
        );
        assert_eq!(parse("<success xmlns='urn:xmpp:sasl:2'/>"), None);
    }
}
