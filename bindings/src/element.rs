//! Elements: XML as a tree, for apps that read or write what has no type of its own.

use std::fmt;

use snapback_client as core;
use snapback_client::proto::ns;
use snapback_client::proto::xml;

/// An element. Names are expanded: no prefixes.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct XmlElement {
    /// The local name.
    pub name: String,
    /// The namespace; empty if there is none.
    pub namespace: String,
    /// The attributes, in order.
    pub attributes: Vec<XmlAttribute>,
    /// Child elements and texts, in order.
    pub nodes: Vec<XmlNode>,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct XmlAttribute {
    /// The namespace; empty for an attribute without a prefix.
    pub namespace: String,
    /// The local name.
    pub name: String,
    /// The value, unescaped.
    pub value: String,
}

/// What is inside of an element.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum XmlNode {
    /// A child element.
    Element {
        /// The child.
        element: XmlElement,
    },
    /// Character data, unescaped.
    Text {
        /// The text.
        text: String,
    },
}

/// Why a text is not an element, or an element cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum XmlProblem {
    /// It is not exactly one well-formed element: or a name in it is none, or an attribute stands twice.
    BadXml,
    /// It has more bytes than the receiver accepts in a stanza.
    TooBig {
        /// The size, in bytes.
        size: u64,
        /// The maximum size, in bytes.
        limit: u64,
    },
    /// Receivers would refuse it.
    TooComplex {
        /// The limit that is exceeded: `depth`, `nodes`, `attributes` or `namespaces`.
        limit: String,
    },
}

impl fmt::Display for XmlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadXml => f.write_str("it is not one well-formed element"),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex { limit } => write!(f, "its receivers would refuse it: {limit}"),
        }
    }
}

impl std::error::Error for XmlProblem {}

impl From<core::ParseXmlError> for XmlProblem {
    fn from(error: core::ParseXmlError) -> Self {
        match error {
            core::ParseXmlError::NotOneElement => Self::BadXml,
            core::ParseXmlError::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::ParseXmlError::TooComplex(limit) => Self::TooComplex {
                limit: limit.to_string(),
            },
        }
    }
}

/// Parses exactly one element, within the limits of received stanzas.
///
/// # Errors
///
/// Fails with an [`XmlProblem`] if it is anything else, or over a limit.
#[uniffi::export]
pub fn parse_element(xml: String) -> Result<XmlElement, XmlProblem> {
    Ok((&core::parse_xml(&xml)?).into())
}

/// Parses an element that this library has returned as text, of any size.
///
/// # Errors
///
/// Fails with an [`XmlProblem`] if it is anything else.
#[uniffi::export]
pub fn parse_received_element(xml: String) -> Result<XmlElement, XmlProblem> {
    Ok((&core::parse_received_xml(&xml)?).into())
}

/// Writes an element as XML, escaped and with the declarations that it needs.
///
/// # Errors
///
/// Fails with an [`XmlProblem`] if it has a name that XML does not allow, or exceeds a limit of its receivers.
#[uniffi::export]
pub fn write_element(element: XmlElement) -> Result<String, XmlProblem> {
    let element = core::Element::from(element);
    if let Some(limit) = element.excess(&core::Limits::default()) {
        return Err(XmlProblem::TooComplex {
            limit: limit.to_string(),
        });
    }
    if element.fault().is_some() {
        return Err(XmlProblem::BadXml);
    }
    let mut text = String::new();
    element.write(&mut text, "");
    Ok(text)
}

impl From<&core::Element> for XmlElement {
    fn from(element: &core::Element) -> Self {
        let attributes = element.attributes().iter().map(|attribute| XmlAttribute {
            namespace: attribute.ns.to_string(),
            name: attribute.name.to_string(),
            value: attribute.value.clone(),
        });
        let nodes = element.nodes().iter().map(|node| match node {
            xml::Node::Element(child) => XmlNode::Element {
                element: child.into(),
            },
            xml::Node::Text(text) => XmlNode::Text { text: text.clone() },
        });
        Self {
            name: element.name().to_owned(),
            namespace: element.ns().to_owned(),
            attributes: attributes.collect(),
            nodes: nodes.collect(),
        }
    }
}

impl From<XmlElement> for core::Element {
    fn from(element: XmlElement) -> Self {
        let mut built = Self::new(element.name, element.namespace);
        for attribute in element.attributes {
            built.push_attribute(xml::Attribute {
                ns: attribute.namespace.into(),
                name: attribute.name.into(),
                value: attribute.value,
            });
        }
        for node in element.nodes {
            match node {
                XmlNode::Element { element } => built.push_child(element.into()),
                XmlNode::Text { text } => built.push_text(text),
            }
        }
        built
    }
}

/// Returns the namespace of stanzas, and of their children that have no other one.
#[uniffi::export]
pub fn client_namespace() -> String {
    ns::CLIENT.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Result<XmlElement, XmlProblem> {
        parse_element(xml.to_owned())
    }

    fn element(name: &str, namespace: &str) -> XmlElement {
        XmlElement {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            attributes: Vec::new(),
            nodes: Vec::new(),
        }
    }

    #[test]
    fn an_element_is_parsed_and_written() {
        let xml = "<x xmlns='urn:x' a='&lt;&apos;\"&amp;' xml:lang='de'>t &lt;1&gt;<y xmlns=''>u</y><z/></x>";
        let element = parse(xml).unwrap();
        assert_eq!(
            (element.name.as_str(), element.namespace.as_str()),
            ("x", "urn:x")
        );
        assert_eq!(element.attributes[0].value, "<'\"&");
        assert_eq!(element.attributes[1].namespace, ns::XML);
        assert_eq!(
            element.nodes[0],
            XmlNode::Text {
                text: "t <1>".to_owned()
            }
        );
        assert_eq!(write_element(element.clone()).as_deref(), Ok(xml));
        // The namespace of stanzas is declared, too: another parser may read this.
        let message = parse("<message><body>a</body></message>").unwrap();
        let written = write_element(message.clone()).unwrap();
        assert_eq!(
            written,
            "<message xmlns='jabber:client'><body>a</body></message>"
        );
        assert_eq!(parse(&written), Ok(message));
    }

    #[test]
    fn what_is_no_xml_is_an_error_with_fields() {
        for xml in ["", "text", "<x>", "<x/><y/>", "<p:x/>", "<!DOCTYPE x><x/>"] {
            assert_eq!(parse(xml), Err(XmlProblem::BadXml), "{xml}");
        }
        let deep = format!("{}{}", "<x>".repeat(70), "</x>".repeat(70));
        let limit = "depth".to_owned();
        assert_eq!(parse(&deep), Err(XmlProblem::TooComplex { limit }));
        assert!(matches!(
            parse(&format!("<x>{}</x>", "y".repeat(300_000))),
            Err(XmlProblem::TooBig { .. })
        ));
        let large = format!("<x>{}</x>", "y".repeat(300_000));
        assert!(parse_received_element(large).is_ok());
        for name in ["", "a b", "a:b", "xmlns:a", "><"] {
            assert_eq!(
                write_element(element(name, "urn:x")),
                Err(XmlProblem::BadXml),
                "{name}"
            );
        }
        let attribute = |name: &str| XmlAttribute {
            namespace: String::new(),
            name: name.to_owned(),
            value: "urn:y".to_owned(),
        };
        let mut moved = element("x", "urn:x");
        moved.attributes.push(attribute("xmlns"));
        assert_eq!(write_element(moved), Err(XmlProblem::BadXml));
        let nested = (0..100).fold(element("x", "urn:x"), |inner, _| XmlElement {
            nodes: vec![XmlNode::Element { element: inner }],
            ..element("x", "urn:x")
        });
        let limit = "depth".to_owned();
        assert_eq!(write_element(nested), Err(XmlProblem::TooComplex { limit }));
    }
}
