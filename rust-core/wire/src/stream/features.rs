//! Stream features (RFC 6120 section 4.3.2) as plain values, with what XEP-0388, 0386, 0484, 0440, 0198, 0352, 0305,
//! 0115, 0478 and 0509 advertise in them.
//!
//! Input of a plan. Unknown children are ignored, and a malformed known one counts as absent: a feature that cannot be read
//! cannot be relied on.

use crate::ns;
use crate::xep::value::{boolean, u32_digits, u64_digits};
use crate::xml::Element;

pub use crate::xep::caps::Caps;

/// What a server advertises at one point of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamFeatures {
    /// RFC 6120 section 5: STARTTLS.
    pub starttls: bool,
    /// RFC 6120 section 6: mechanisms of the first SASL profile.
    pub sasl1: Option<Vec<String>>,
    /// XEP-0440: channel-binding types. An empty list states that there are none, which differs from an absent list.
    pub channel_bindings: Option<Vec<String>>,
    /// XEP-0388: SASL2 and what goes inline.
    pub sasl2: Option<Sasl2Features>,
    /// RFC 6120 section 7: resource binding.
    pub bind: bool,
    /// RFC 3921 section 3: a session must be established, as there is no `<optional/>`.
    pub session_required: bool,
    /// XEP-0198: stream management, version 3.
    pub sm: bool,
    /// RFC 6121 section 2.6: roster versioning.
    pub roster_version: bool,
    /// XEP-0352: client state indication.
    pub csi: bool,
    /// XEP-0305: pipelining.
    pub pipelining: bool,
    /// XEP-0115 section 6.3: the server's own capabilities.
    pub caps: Option<Caps>,
    /// XEP-0509: the version of the server's configuration.
    pub config_version: Option<ConfigVersion>,
    /// XEP-0478: limits of this stream.
    pub limits: Option<StreamLimits>,
}

/// `<authentication/>` of XEP-0388.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sasl2Features {
    /// Mechanisms, in the server's order.
    pub mechanisms: Vec<String>,
    /// XEP-0386: Bind 2 may go inline.
    pub bind2: Option<Bind2Features>,
    /// XEP-0198 section 9: `<resume/>` may go inline.
    pub sm: bool,
    /// XEP-0484: FAST.
    pub fast: Option<FastFeatures>,
}

/// `<bind/>` of XEP-0386 within `<inline/>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind2Features {
    /// The `var` of each feature that may be enabled while binding.
    pub inline: Vec<String>,
}

/// `<fast/>` of XEP-0484 within `<inline/>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FastFeatures {
    /// Mechanisms for which a token may be requested.
    pub mechanisms: Vec<String>,
    /// Whether a FAST login is accepted in TLS early data.
    pub tls_0rtt: bool,
}

/// `<config-version/>` of XEP-0509.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigVersion {
    /// `opaque` where present; echoed as it came.
    pub scheme: Option<String>,
    /// The version itself.
    pub value: String,
}

/// `<limits/>` of XEP-0478.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamLimits {
    /// Largest top-level element that the server accepts.
    pub max_bytes: Option<u64>,
    /// The idle time after which the server may close the stream.
    pub idle_seconds: Option<u32>,
}

impl StreamFeatures {
    /// Reads `<stream:features/>`.
    pub fn parse(element: &Element) -> Self {
        Self {
            starttls: element.has_child("starttls", ns::TLS),
            sasl1: element
                .child("mechanisms", ns::SASL)
                .map(|m| texts(m, "mechanism"))
                .filter(|mechanisms| !mechanisms.is_empty()),
            channel_bindings: element
                .child("sasl-channel-binding", ns::CHANNEL_BINDING)
                .map(|cb| attributes(cb, "channel-binding", "type")),
            sasl2: element
                .child("authentication", ns::SASL2)
                .and_then(Sasl2Features::parse),
            bind: element.has_child("bind", ns::BIND),
            session_required: element
                .child("session", ns::SESSION)
                .is_some_and(|session| !session.has_child("optional", ns::SESSION)),
            sm: element.has_child("sm", ns::SM),
            roster_version: element.has_child("ver", ns::ROSTER_VERSION),
            csi: element.has_child("csi", ns::CSI),
            pipelining: element.has_child("pipelining", ns::PIPELINING),
            caps: element.child("c", ns::CAPS).and_then(Caps::parse),
            config_version: element
                .child("config-version", ns::IAP)
                .and_then(ConfigVersion::parse),
            limits: element.child("limits", ns::LIMITS).map(StreamLimits::parse),
        }
    }

    /// Returns the same features as an element, in a fixed order: the form that a cache stores. Reading it returns the same
    /// value.
    pub fn to_element(&self) -> Element {
        let mut features = Element::new("features", ns::STREAM);
        push_flag(&mut features, self.starttls, "starttls", ns::TLS);
        if let Some(mechanisms) = &self.sasl1 {
            features.push_child(with_texts(
                Element::new("mechanisms", ns::SASL),
                "mechanism",
                mechanisms,
            ));
        }
        if let Some(types) = &self.channel_bindings {
            features.push_child(with_attributes(
                Element::new("sasl-channel-binding", ns::CHANNEL_BINDING),
                "channel-binding",
                "type",
                types,
            ));
        }
        if let Some(sasl2) = &self.sasl2 {
            features.push_child(sasl2.to_element());
        }
        push_flag(&mut features, self.bind, "bind", ns::BIND);
        push_flag(&mut features, self.session_required, "session", ns::SESSION);
        push_flag(&mut features, self.sm, "sm", ns::SM);
        push_flag(
            &mut features,
            self.roster_version,
            "ver",
            ns::ROSTER_VERSION,
        );
        push_flag(&mut features, self.csi, "csi", ns::CSI);
        push_flag(&mut features, self.pipelining, "pipelining", ns::PIPELINING);
        if let Some(caps) = &self.caps {
            features.push_child(caps.to_element());
        }
        if let Some(version) = &self.config_version {
            features.push_child(version.to_element());
        }
        if let Some(limits) = &self.limits {
            features.push_child(limits.to_element());
        }
        features
    }
}

impl Sasl2Features {
    fn parse(element: &Element) -> Option<Self> {
        let mechanisms = texts(element, "mechanism");
        if mechanisms.is_empty() {
            return None;
        }
        let inline = element.child("inline", ns::SASL2);
        Some(Self {
            mechanisms,
            bind2: inline
                .and_then(|i| i.child("bind", ns::BIND2))
                .map(Bind2Features::parse),
            sm: inline.is_some_and(|i| i.has_child("sm", ns::SM)),
            fast: inline
                .and_then(|i| i.child("fast", ns::FAST))
                .map(FastFeatures::parse),
        })
    }

    fn to_element(&self) -> Element {
        let authentication = with_texts(
            Element::new("authentication", ns::SASL2),
            "mechanism",
            &self.mechanisms,
        );
        let mut inline = Element::new("inline", ns::SASL2);
        push_flag(&mut inline, self.sm, "sm", ns::SM);
        if let Some(bind2) = &self.bind2 {
            inline.push_child(bind2.to_element());
        }
        if let Some(fast) = &self.fast {
            inline.push_child(fast.to_element());
        }
        if inline.nodes().is_empty() {
            return authentication;
        }
        authentication.with_child(inline)
    }
}

impl Bind2Features {
    fn parse(element: &Element) -> Self {
        Self {
            inline: element
                .child("inline", ns::BIND2)
                .map(|inline| attributes(inline, "feature", "var"))
                .unwrap_or_default(),
        }
    }

    fn to_element(&self) -> Element {
        let bind = Element::new("bind", ns::BIND2);
        if self.inline.is_empty() {
            return bind;
        }
        bind.with_child(with_attributes(
            Element::new("inline", ns::BIND2),
            "feature",
            "var",
            &self.inline,
        ))
    }
}

impl FastFeatures {
    fn parse(element: &Element) -> Self {
        Self {
            mechanisms: texts(element, "mechanism"),
            tls_0rtt: element.attr("tls-0rtt").and_then(boolean) == Some(true),
        }
    }

    fn to_element(&self) -> Element {
        let mut fast = with_texts(
            Element::new("fast", ns::FAST),
            "mechanism",
            &self.mechanisms,
        );
        if self.tls_0rtt {
            fast.set_attr("tls-0rtt", "true");
        }
        fast
    }
}

impl ConfigVersion {
    fn parse(element: &Element) -> Option<Self> {
        Some(Self {
            scheme: element.attr("scheme").map(str::to_owned),
            value: element.attr("value")?.to_owned(),
        })
    }

    /// Returns `<config-version/>`, as the server advertised it: also what a pipelined `<authenticate/>` echoes.
    pub fn to_element(&self) -> Element {
        let mut version = Element::new("config-version", ns::IAP);
        if let Some(scheme) = &self.scheme {
            version.set_attr("scheme", scheme);
        }
        version.with_attr("value", &self.value)
    }
}

impl StreamLimits {
    fn parse(element: &Element) -> Self {
        let text = |name| element.child(name, ns::LIMITS).map(Element::text);
        Self {
            max_bytes: text("max-bytes").and_then(|t| u64_digits(t.trim())),
            idle_seconds: text("idle-seconds").and_then(|t| u32_digits(t.trim())),
        }
    }

    fn to_element(&self) -> Element {
        let mut limits = Element::new("limits", ns::LIMITS);
        if let Some(max) = self.max_bytes {
            limits.push_child(Element::new("max-bytes", ns::LIMITS).with_text(max.to_string()));
        }
        if let Some(idle) = self.idle_seconds {
            limits.push_child(Element::new("idle-seconds", ns::LIMITS).with_text(idle.to_string()));
        }
        limits
    }
}

/// Returns the texts of the children of that name, in the parent's namespace. An empty one is malformed.
fn texts(parent: &Element, name: &str) -> Vec<String> {
    parent
        .children()
        .filter(|child| child.is(name, parent.ns()))
        .map(|child| child.text().trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

/// Returns one attribute of each child of that name, in the parent's namespace. A child without it is malformed.
fn attributes(parent: &Element, name: &str, attribute: &str) -> Vec<String> {
    parent
        .children()
        .filter(|child| child.is(name, parent.ns()))
        .filter_map(|child| child.attr(attribute))
        .map(str::to_owned)
        .collect()
}

fn with_texts(mut parent: Element, name: &str, texts: &[String]) -> Element {
    for text in texts {
        parent.push_child(Element::new(name, parent.ns()).with_text(text));
    }
    parent
}

fn with_attributes(mut parent: Element, name: &str, attribute: &str, values: &[String]) -> Element {
    for value in values {
        parent.push_child(Element::new(name, parent.ns()).with_attr(attribute, value));
    }
    parent
}

fn push_flag(parent: &mut Element, flag: bool, name: &str, ns: &str) {
    if flag {
        parent.push_child(Element::new(name, ns));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|v| (*v).to_owned()).collect()
    }

    /// Everything at once, in the shapes of XEP-0388, 0386, 0484, 0440, 0115, 0478 and 0509.
    const EVERYTHING: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>
        <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>
        <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>
        <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-server-end-point'/><channel-binding type='tls-exporter'/></sasl-channel-binding>
        <authentication xmlns='urn:xmpp:sasl:2'>
          <mechanism>SCRAM-SHA-1</mechanism>
          <mechanism>SCRAM-SHA-1-PLUS</mechanism>
          <inline>
            <bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/><feature var='urn:xmpp:sm:3'/></inline></bind>
            <sm xmlns='urn:xmpp:sm:3'/>
            <fast xmlns='urn:xmpp:fast:0' tls-0rtt='true'><mechanism>HT-SHA-256-ENDP</mechanism><mechanism>HT-SHA-256-EXPR</mechanism></fast>
          </inline>
        </authentication>
        <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>
        <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>
        <sm xmlns='urn:xmpp:sm:2'/><sm xmlns='urn:xmpp:sm:3'/>
        <ver xmlns='urn:xmpp:features:rosterver'/>
        <csi xmlns='urn:xmpp:csi:0'/>
        <pipelining xmlns='urn:xmpp:features:pipelining'/>
        <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://jabberd.org' ver='ItBTI0XLDFvVxZ72NQElAzKS9sU='/>
        <config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='V2VsbCwgb2YgY291cnNl'/>
        <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes><idle-seconds>1800</idle-seconds></limits>
        <something xmlns='urn:example:unknown'/>
    </stream:features>";

    fn everything() -> StreamFeatures {
        StreamFeatures {
            starttls: true,
            sasl1: Some(strings(&["SCRAM-SHA-1", "PLAIN"])),
            channel_bindings: Some(strings(&["tls-server-end-point", "tls-exporter"])),
            sasl2: Some(Sasl2Features {
                mechanisms: strings(&["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]),
                bind2: Some(Bind2Features {
                    inline: strings(&["urn:xmpp:carbons:2", "urn:xmpp:csi:0", "urn:xmpp:sm:3"]),
                }),
                sm: true,
                fast: Some(FastFeatures {
                    mechanisms: strings(&["HT-SHA-256-ENDP", "HT-SHA-256-EXPR"]),
                    tls_0rtt: true,
                }),
            }),
            bind: true,
            session_required: true,
            sm: true,
            roster_version: true,
            csi: true,
            pipelining: true,
            caps: Some(Caps {
                hash: "sha-1".to_owned(),
                node: "http://jabberd.org".to_owned(),
                ver: "ItBTI0XLDFvVxZ72NQElAzKS9sU=".to_owned(),
            }),
            config_version: Some(ConfigVersion {
                scheme: Some("opaque".to_owned()),
                value: "V2VsbCwgb2YgY291cnNl".to_owned(),
            }),
            limits: Some(StreamLimits {
                max_bytes: Some(10_000),
                idle_seconds: Some(1800),
            }),
        }
    }

    #[test]
    fn reads_everything() {
        assert_eq!(StreamFeatures::parse(&element(EVERYTHING)), everything());
    }

    #[test]
    fn survives_the_cache() {
        let parsed = everything();
        let text = format!(
            "<r xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>{}</r>",
            parsed.to_element().to_xml()
        );
        let wrapper = element(&text);
        let cached = wrapper.child("features", ns::STREAM).unwrap();
        assert_eq!(StreamFeatures::parse(cached), parsed);
        assert_eq!(StreamFeatures::parse(&parsed.to_element()), parsed);
        let nothing = StreamFeatures::default();
        assert_eq!(StreamFeatures::parse(&nothing.to_element()), nothing);
    }

    #[test]
    fn malformed_counts_as_absent() {
        let wrap = |inner: &str| {
            StreamFeatures::parse(&element(&format!(
                "<features xmlns='http://etherx.jabber.org/streams'>{inner}</features>"
            )))
        };
        let cases = [
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism/></mechanisms>",
            "<authentication xmlns='urn:xmpp:sasl:2'><inline><sm xmlns='urn:xmpp:sm:3'/></inline></authentication>",
            "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque'/>",
            "<c xmlns='http://jabber.org/protocol/caps' node='http://jabberd.org' ver='x'/>",
            "<sm xmlns='urn:xmpp:sm:2'/>",
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>",
            "<bind xmlns='urn:xmpp:bind:0'/>",
            "stray text",
        ];
        for case in cases {
            assert_eq!(wrap(case), StreamFeatures::default(), "{case}");
        }
    }

    #[test]
    fn values_out_of_range_are_dropped_alone() {
        let limits = |inner: &str| {
            StreamFeatures::parse(&element(&format!(
                "<features xmlns='http://etherx.jabber.org/streams'><limits xmlns='urn:xmpp:stream-limits:0'>{inner}</limits></features>"
            )))
            .limits
            .unwrap()
        };
        assert_eq!(
            limits("<max-bytes>-1</max-bytes><idle-seconds>60</idle-seconds>"),
            StreamLimits {
                max_bytes: None,
                idle_seconds: Some(60)
            }
        );
        assert_eq!(
            limits(
                "<max-bytes>18446744073709551616</max-bytes><idle-seconds>4294967296</idle-seconds>"
            ),
            StreamLimits::default()
        );
    }

    #[test]
    fn s6_early_data_only_if_said_so() {
        let tls_0rtt = |attribute: &str| {
            StreamFeatures::parse(&element(&format!(
                "<features xmlns='http://etherx.jabber.org/streams'><authentication xmlns='urn:xmpp:sasl:2'><mechanism>X</mechanism><inline><fast xmlns='urn:xmpp:fast:0' {attribute}/></inline></authentication></features>"
            )))
            .sasl2
            .and_then(|s| s.fast)
            .unwrap()
            .tls_0rtt
        };
        assert!(tls_0rtt("tls-0rtt='true'"));
        assert!(tls_0rtt("tls-0rtt='1'"));
        for no in ["", "tls-0rtt='false'", "tls-0rtt='TRUE'", "tls-0rtt='yes'"] {
            assert!(!tls_0rtt(no), "{no}");
        }
    }
}
