//! XEP-0030: service discovery, its `disco#info` half, with the forms of XEP-0128.

use crate::ns;
use crate::stanza;
use crate::xml::{Attribute, Element};

use super::error::CodecError;
use super::forms::Form;

/// The identities and features of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Which part of the entity this is about.
    pub node: Option<String>,
    /// What it is.
    pub identities: Vec<Identity>,
    /// What it can do.
    pub features: Vec<String>,
    /// What else it says.
    pub forms: Vec<Form>,
}

/// `<identity/>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Such as `client`.
    pub category: String,
    /// Such as `phone`.
    pub kind: String,
    /// The language of the name.
    pub lang: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// Returns the query iq.
pub fn request(id: &str, to: Option<&str>, node: Option<&str>) -> Element {
    stanza::iq("get", id, to).with_child(query(node))
}

/// Returns the `disco#info` query in an iq of type `get`. None if it contains none.
pub fn as_request(iq: &Element) -> Option<&Element> {
    if !stanza::is_request(iq) || iq.attr("type") != Some("get") {
        return None;
    }
    iq.child("query", ns::DISCO_INFO)
}

impl Info {
    /// Reads the result. The caller has matched the iq, and it is no error (T7).
    pub fn parse_result(iq: &Element) -> Result<Self, CodecError> {
        let query = iq
            .child("query", ns::DISCO_INFO)
            .ok_or(CodecError::Missing {
                element: "iq",
                part: "query",
            })?;
        let of = |name, ns| query.children().filter(move |child| child.is(name, ns));
        Ok(Self {
            node: query.attr("node").map(str::to_owned),
            identities: of("identity", ns::DISCO_INFO)
                .map(Identity::parse)
                .collect::<Result<_, _>>()?,
            features: of("feature", ns::DISCO_INFO)
                .map(|feature| {
                    feature
                        .attr("var")
                        .map(str::to_owned)
                        .ok_or(CodecError::Missing {
                            element: "feature",
                            part: "var",
                        })
                })
                .collect::<Result<_, _>>()?,
            forms: of("x", ns::DATA_FORMS).map(Form::parse).collect(),
        })
    }

    /// Returns `<query/>`, as in a result.
    pub fn to_element(&self) -> Element {
        let mut query = query(self.node.as_deref());
        for identity in &self.identities {
            query.push_child(identity.to_element());
        }
        for feature in &self.features {
            query.push_child(Element::new("feature", ns::DISCO_INFO).with_attr("var", feature));
        }
        for form in &self.forms {
            query.push_child(form.to_element());
        }
        query
    }
}

impl Identity {
    fn parse(element: &Element) -> Result<Self, CodecError> {
        let required = |part| {
            element
                .attr(part)
                .map(str::to_owned)
                .ok_or(CodecError::Missing {
                    element: "identity",
                    part,
                })
        };
        Ok(Self {
            category: required("category")?,
            kind: required("type")?,
            lang: element
                .attributes()
                .iter()
                .find(|a| a.ns == ns::XML && a.name == "lang")
                .map(|a| a.value.clone()),
            name: element.attr("name").map(str::to_owned),
        })
    }

    fn to_element(&self) -> Element {
        let mut identity = Element::new("identity", ns::DISCO_INFO)
            .with_attr("category", &self.category)
            .with_attr("type", &self.kind);
        if let Some(lang) = &self.lang {
            identity.push_attribute(Attribute {
                ns: ns::XML.into(),
                name: "lang".into(),
                value: lang.clone(),
            });
        }
        if let Some(name) = &self.name {
            identity.set_attr("name", name);
        }
        identity
    }
}

fn query(node: Option<&str>) -> Element {
    let query = Element::new("query", ns::DISCO_INFO);
    match node {
        Some(node) => query.with_attr("node", node),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn an_answer_comes_back() {
        let info = Info {
            node: Some("https://example.org/#x".to_owned()),
            identities: vec![Identity {
                category: "client".to_owned(),
                kind: "phone".to_owned(),
                lang: Some("en".to_owned()),
                name: Some("Phone".to_owned()),
            }],
            features: vec![ns::DISCO_INFO.to_owned(), ns::PING.to_owned()],
            forms: vec![Form::submit("urn:example", Vec::new())],
        };
        let asked = request("d1", Some("a@b.example/c"), Some("https://example.org/#x"));
        assert!(as_request(&asked).is_some());
        let answer = stanza::result_reply(&asked).with_child(info.to_element());
        assert!(as_request(&answer).is_none());
        assert_eq!(Info::parse_result(&answer), Ok(info));
    }

    #[test]
    fn a_malformed_answer_is_a_typed_error() {
        for inner in [
            "",
            "<query xmlns='http://jabber.org/protocol/disco#info'><identity type='pc'/></query>",
            "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client'/></query>",
            "<query xmlns='http://jabber.org/protocol/disco#info'><feature/></query>",
        ] {
            let iq = element(&format!(
                "<iq xmlns='jabber:client' type='result' id='1'>{inner}</iq>"
            ));
            assert!(Info::parse_result(&iq).is_err(), "{inner}");
        }
    }
}
