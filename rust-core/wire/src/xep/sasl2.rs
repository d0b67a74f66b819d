//! XEP-0388: SASL2, on the wire, with what goes inline: XEP-0198, 0386, 0484, 0509.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ns;
use crate::secret::Secret;
use crate::xml::Element;

use super::bind2::Bound2;
use super::error::CodecError;
use super::fast::FastToken;
use crate::peer_text::PeerText;
use crate::sasl::SaslRefusal;

use super::sasl1;
use super::sm::{Failed, Resumed};

/// `<authenticate/>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticate {
    /// Name of the mechanism.
    pub mechanism: String,
    /// The mechanism's initial response; with PLAIN that is the password.
    pub initial_response: Option<Secret<Vec<u8>>>,
    /// The user agent.
    pub user_agent: Option<UserAgent>,
    /// `<resume/>`, `<bind/>`, `<fast/>`, `<request-token/>`, `<config-version/>`: in this order on the wire.
    pub inline: Vec<Element>,
}

/// `<user-agent/>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// A UUIDv4 that is stable for this installation (S4).
    pub id: Option<String>,
    /// Name of the software.
    pub software: Option<String>,
    /// Name of the device.
    pub device: Option<String>,
}

impl Authenticate {
    /// `<authenticate/>`
    pub fn into_element(self) -> Element {
        let mut authenticate =
            Element::new("authenticate", ns::SASL2).with_attr("mechanism", &self.mechanism);
        if let Some(data) = &self.initial_response {
            authenticate.push_child(
                Element::new("initial-response", ns::SASL2)
                    .with_text(STANDARD.encode(data.expose())),
            );
        }
        if let Some(agent) = &self.user_agent {
            authenticate.push_child(agent.to_element());
        }
        for child in self.inline {
            authenticate.push_child(child);
        }
        authenticate
    }
}

impl UserAgent {
    fn to_element(&self) -> Element {
        let mut agent = Element::new("user-agent", ns::SASL2);
        if let Some(id) = &self.id {
            agent.set_attr("id", id);
        }
        for (name, value) in [("software", &self.software), ("device", &self.device)] {
            if let Some(value) = value {
                agent.push_child(Element::new(name, ns::SASL2).with_text(value));
            }
        }
        agent
    }
}

/// `<response/>`
pub fn response(data: &[u8]) -> Element {
    let response = Element::new("response", ns::SASL2);
    if data.is_empty() {
        return response;
    }
    response.with_text(STANDARD.encode(data))
}

/// `<abort/>`
pub fn abort() -> Element {
    Element::new("abort", ns::SASL2)
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sasl2 {
    /// `<challenge/>`
    Challenge(Vec<u8>),
    /// `<success/>`
    Success(Box<Success>),
    /// `<failure/>`
    Failure(Failure),
    /// `<continue/>`
    Continue(Continue),
}

/// `<success/>`. Nothing in it may be trusted before the mechanism has verified `additional_data` (T4, I11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// The mechanism's last message.
    pub additional_data: Option<Vec<u8>>,
    /// The address of the client: a full JID if a resource was bound, or the stream resumed.
    pub authorization_identity: String,
    /// XEP-0386: a new session.
    pub bound: Option<Bound2>,
    /// XEP-0198: the old session is resumed. Never together with `bound` (I11).
    pub resumed: Option<Resumed>,
    /// XEP-0198: the old session no longer exists. Never together with `resumed`.
    pub resume_failed: Option<Failed>,
    /// XEP-0484: a token for the next login.
    pub token: Option<FastToken>,
}

/// `<failure/>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub refusal: SaslRefusal,
    /// XEP-0509: only the cached features were wrong (S7).
    pub config_version_mismatch: bool,
}

/// `<continue/>`: the mechanism succeeded, but the server requires more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continue {
    /// The mechanism's last message.
    pub additional_data: Option<Vec<u8>>,
    /// Any one of these is sufficient.
    pub tasks: Vec<String>,
    /// The server's own text.
    pub text: Option<PeerText>,
}

impl Sasl2 {
    /// Reads an answer. None if the element is none of those.
    pub fn parse(element: &Element) -> Option<Result<Self, CodecError>> {
        if element.ns() != ns::SASL2 {
            return None;
        }
        match element.name() {
            "challenge" => Some(decode(element, "challenge").map(Self::Challenge)),
            "success" => Some(Success::parse(element).map(|s| Self::Success(Box::new(s)))),
            "failure" => Some(Ok(Self::Failure(Failure::parse(element)))),
            "continue" => Some(Continue::parse(element).map(Self::Continue)),
            _ => None,
        }
    }
}

impl Success {
    fn parse(element: &Element) -> Result<Self, CodecError> {
        let bound = element.child("bound", ns::BIND2);
        let resumed = element.child("resumed", ns::SM);
        let failed = element.child("failed", ns::SM);
        let conflicting = |a, b| CodecError::Conflicting {
            element: "success",
            parts: (a, b),
        };
        if resumed.is_some() && bound.is_some() {
            return Err(conflicting("resumed", "bound"));
        }
        if resumed.is_some() && failed.is_some() {
            return Err(conflicting("resumed", "failed"));
        }
        Ok(Self {
            additional_data: additional_data(element)?,
            authorization_identity: authorization_identity(element)?,
            bound: bound.map(Bound2::parse).transpose()?,
            resumed: resumed.map(Resumed::parse).transpose()?,
            resume_failed: failed.map(Failed::parse).transpose()?,
            token: element.child("token", ns::FAST).and_then(FastToken::parse),
        })
    }
}

impl Failure {
    fn parse(element: &Element) -> Self {
        Self {
            refusal: SaslRefusal {
                condition: sasl1::condition(element),
                text: text(element),
            },
            config_version_mismatch: element.has_child("config-version-mismatch", ns::IAP),
        }
    }
}

impl Continue {
    fn parse(element: &Element) -> Result<Self, CodecError> {
        let missing = CodecError::Missing {
            element: "continue",
            part: "task",
        };
        let tasks: Vec<String> = element
            .child("tasks", ns::SASL2)
            .ok_or(missing)?
            .children()
            .filter(|task| task.is("task", ns::SASL2))
            .map(|task| task.text().trim().to_owned())
            .filter(|task| !task.is_empty())
            .collect();
        if tasks.is_empty() {
            return Err(missing);
        }
        Ok(Self {
            additional_data: additional_data(element)?,
            tasks,
            text: text(element),
        })
    }
}

/// XEP-0388 has it in its own namespace, as its conditions are not; either is read.
fn text(element: &Element) -> Option<PeerText> {
    let text = element
        .child("text", ns::SASL2)
        .or_else(|| element.child("text", ns::SASL))?;
    PeerText::new(&text.text())
}

/// XEP-0388 names it `authorization-identifier`; the examples of XEP-0484 and 0509 say `authorization-identity`, so
/// that is read as well.
fn authorization_identity(success: &Element) -> Result<String, CodecError> {
    ["authorization-identifier", "authorization-identity"]
        .iter()
        .find_map(|name| success.child(name, ns::SASL2))
        .map(|identity| identity.text().trim().to_owned())
        .filter(|identity| !identity.is_empty())
        .ok_or(CodecError::Missing {
            element: "success",
            part: "authorization-identifier",
        })
}

fn additional_data(element: &Element) -> Result<Option<Vec<u8>>, CodecError> {
    element
        .child("additional-data", ns::SASL2)
        .map(|data| decode(data, "additional-data"))
        .transpose()
}

/// Canonical base64. White space around it is what `xs:base64Binary` and the examples allow; within it is refused.
fn decode(element: &Element, name: &'static str) -> Result<Vec<u8>, CodecError> {
    STANDARD
        .decode(element.text().trim_matches([' ', '\t', '\r', '\n']))
        .map_err(|_| CodecError::Malformed {
            element: name,
            part: "base64",
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::SaslCondition;
    use crate::stanza::StanzaCondition;
    use crate::stream::features::ConfigVersion;
    use crate::xep::testing::element;
    use crate::xep::{bind2, fast, sm};

    fn parse(inner: &str) -> Result<Sasl2, CodecError> {
        Sasl2::parse(&element(inner)).expect("an answer")
    }

    fn success(inner: &str) -> Result<Success, CodecError> {
        let xml = format!("<success xmlns='urn:xmpp:sasl:2'>{inner}</success>");
        match parse(&xml)? {
            Sasl2::Success(success) => Ok(*success),
            other => panic!("{other:?}"),
        }
    }

    const JULIET: &str =
        "<authorization-identifier>juliet@montague.example</authorization-identifier>";

    #[test]
    fn s4_authenticate_carries_everything_in_one_element() {
        let config = ConfigVersion {
            scheme: Some("opaque".to_owned()),
            value: "VGhpcw==".to_owned(),
        };
        let authenticate = Authenticate {
            mechanism: "HT-SHA-256-ENDP".to_owned(),
            initial_response: Some(Secret::new(b"biws".to_vec())),
            user_agent: Some(UserAgent {
                id: Some("d4565fa7-4d72-4749-b3d3-740edbf87770".to_owned()),
                software: Some("AwesomeXMPP".to_owned()),
                device: Some("Kiva's Phone".to_owned()),
            }),
            inline: vec![
                sm::resume("old", 7),
                bind2::Bind2::default().to_element(),
                fast::fast(Some(3), false),
                fast::request_token("HT-SHA-256-EXPR"),
                config.to_element(),
            ],
        };
        assert!(!format!("{authenticate:?}").contains("98, 105, 119, 115"));
        assert_eq!(
            authenticate.into_element().to_xml(),
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-ENDP'>\
             <initial-response>Yml3cw==</initial-response>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>AwesomeXMPP</software><device>Kiva's Phone</device></user-agent>\
             <resume xmlns='urn:xmpp:sm:3' h='7' previd='old'/>\
             <bind xmlns='urn:xmpp:bind:0'/>\
             <fast xmlns='urn:xmpp:fast:0' count='3'/>\
             <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>\
             <config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='VGhpcw=='/>\
             </authenticate>"
        );
    }

    #[test]
    fn an_empty_initial_response_is_an_empty_element() {
        let with = |initial_response| {
            Authenticate {
                mechanism: "X".to_owned(),
                initial_response,
                user_agent: None,
                inline: Vec::new(),
            }
            .into_element()
            .to_xml()
        };
        assert!(!with(None).contains("initial-response"));
        assert!(with(Some(Secret::new(Vec::new()))).contains("initial-response"));
    }

    #[test]
    fn success_of_a_new_session() {
        let success = success(
            "<additional-data>\n  dj1tc1ZIcy9CeklPSERxWGVWSDdFbW1EdTlpZDg9\n</additional-data>
             <authorization-identifier>user@example.com/AwesomeXMPP.4232f4d4</authorization-identifier>
             <failed xmlns='urn:xmpp:sm:3' h='5'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>
             <bound xmlns='urn:xmpp:bind:0'/>
             <token xmlns='urn:xmpp:fast:0' expiry='2020-03-12T14:36:15Z' token='t0k3n'/>",
        )
        .unwrap();
        assert_eq!(
            success.additional_data.as_deref(),
            Some(b"v=msVHs/BzIOHDqXeVH7EmmDu9id8=".as_slice())
        );
        assert_eq!(
            success.authorization_identity,
            "user@example.com/AwesomeXMPP.4232f4d4"
        );
        assert_eq!(success.bound, Some(Bound2::default()));
        assert_eq!(success.resumed, None);
        assert_eq!(
            success.resume_failed,
            Some(Failed {
                h: Some(5),
                condition: StanzaCondition::ItemNotFound
            })
        );
        assert_eq!(success.token.unwrap().token.expose(), "t0k3n");
    }

    #[test]
    fn success_of_a_resumed_session() {
        let success = success(&format!(
            "{JULIET}<resumed xmlns='urn:xmpp:sm:3' h='345' previd='124'/>"
        ))
        .unwrap();
        assert_eq!(
            success.resumed,
            Some(Resumed {
                previd: "124".to_owned(),
                h: 345
            })
        );
        assert_eq!(success.additional_data, None);
    }

    #[test]
    fn i11_bound_and_resumed_exclude_each_other() {
        let resumed = "<resumed xmlns='urn:xmpp:sm:3' h='345' previd='124'/>";
        for (inner, parts) in [
            ("<bound xmlns='urn:xmpp:bind:0'/>", ("resumed", "bound")),
            ("<failed xmlns='urn:xmpp:sm:3'/>", ("resumed", "failed")),
        ] {
            assert_eq!(
                success(&format!("{JULIET}{resumed}{inner}")),
                Err(CodecError::Conflicting {
                    element: "success",
                    parts
                })
            );
        }
    }

    #[test]
    fn a_malformed_success_is_a_typed_error() {
        for inner in [
            "",
            "<authorization-identifier/>",
            "<authorization-identifier xmlns='urn:example'>a@b.example</authorization-identifier>",
        ] {
            assert_eq!(
                success(inner),
                Err(CodecError::Missing {
                    element: "success",
                    part: "authorization-identifier"
                }),
                "{inner}"
            );
        }
        for inner in [
            "<additional-data>a b=</additional-data>",
            "<additional-data>=</additional-data>",
            "<resumed xmlns='urn:xmpp:sm:3' previd='124'/>",
            "<resumed xmlns='urn:xmpp:sm:3' h='-1' previd='124'/>",
            "<failed xmlns='urn:xmpp:sm:3' h=''/>",
        ] {
            assert!(success(&format!("{JULIET}{inner}")).is_err(), "{inner}");
        }
    }

    #[test]
    fn s7_a_version_mismatch_is_told_apart() {
        let failure = |inner: &str| match parse(&format!(
            "<failure xmlns='urn:xmpp:sasl:2'>{inner}</failure>"
        ))
        .unwrap()
        {
            Sasl2::Failure(failure) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            failure(
                "<aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><config-version-mismatch xmlns='urn:xmpp:iap:0'/><text>Configuration version mismatch</text>"
            ),
            Failure {
                refusal: SaslRefusal {
                    condition: SaslCondition::Aborted,
                    text: PeerText::new("Configuration version mismatch"),
                },
                config_version_mismatch: true,
            }
        );
        let plain = failure("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        assert_eq!(plain.refusal.condition, SaslCondition::NotAuthorized);
        assert!(!plain.config_version_mismatch);
        let vague = failure("<text xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Later.</text>").refusal;
        assert_eq!(vague.condition, SaslCondition::Unknown(String::new()));
        assert_eq!(vague.text, PeerText::new("Later."));
    }

    #[test]
    fn continue_names_its_tasks() {
        let xml = "<continue xmlns='urn:xmpp:sasl:2'><additional-data>SSdtIGJvcmVkIG5vdy4=</additional-data><tasks><task>HOTP-EXAMPLE</task><task>TOTP-EXAMPLE</task></tasks><text>This account requires 2FA</text></continue>";
        assert_eq!(
            parse(xml),
            Ok(Sasl2::Continue(Continue {
                additional_data: Some(b"I'm bored now.".to_vec()),
                tasks: vec!["HOTP-EXAMPLE".to_owned(), "TOTP-EXAMPLE".to_owned()],
                text: PeerText::new("This account requires 2FA"),
            }))
        );
        for inner in ["", "<tasks/>", "<tasks><task/></tasks>"] {
            let xml = format!("<continue xmlns='urn:xmpp:sasl:2'>{inner}</continue>");
            assert!(parse(&xml).is_err(), "{inner}");
        }
    }

    #[test]
    fn challenge_response_abort() {
        assert_eq!(
            parse("<challenge xmlns='urn:xmpp:sasl:2'>Yml3cw==</challenge>"),
            Ok(Sasl2::Challenge(b"biws".to_vec()))
        );
        assert!(parse("<challenge xmlns='urn:xmpp:sasl:2'>Yml3cw</challenge>").is_err());
        assert_eq!(response(b"biws").text(), "Yml3cw==");
        assert!(abort().is("abort", ns::SASL2));
        assert_eq!(Sasl2::parse(&Element::new("success", ns::SASL)), None);
        assert_eq!(Sasl2::parse(&Element::new("authenticate", ns::SASL2)), None);
    }
}
