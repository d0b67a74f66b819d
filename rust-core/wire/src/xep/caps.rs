//! XEP-0115: entity capabilities.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::ns;
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::xml::Element;

use super::disco::{self, Identity, Info};
use super::forms::Form;

/// `<c/>`: the hash of the sender's disco#info answer, as advertised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Name of the hash function.
    pub hash: String,
    /// The software, as a URI.
    pub node: String,
    /// The hash of the verification string, base64.
    pub ver: String,
}

/// The result of verifying an answer against the caps (section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapsCheck {
    /// It matches: the answer holds for every entity that shows the same caps.
    Valid,
    /// It does not match: the answer holds for that JID only (S9).
    Mismatch,
    /// It cannot be checked: the answer holds for that JID only.
    UnknownHash,
    /// Two different answers could have the same hash: it holds for that JID only (S9).
    IllFormed(IllFormed),
}

/// Why an answer has no unambiguous verification string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IllFormed {
    /// A `<` in a part, where it is the separator.
    Separator,
    /// A `/` in category, type or language, where it is the separator.
    Slash,
    /// The same identity twice.
    DuplicateIdentity,
    /// The same feature twice.
    DuplicateFeature,
    /// The same `FORM_TYPE` twice, or one with different values.
    DuplicateForm,
}

impl Caps {
    /// Reads `<c/>`. Without `hash` it is the legacy format of XEP-0115 1.3, which proves nothing and is ignored.
    pub fn parse(element: &Element) -> Option<Self> {
        Some(Self {
            hash: element.attr("hash")?.to_owned(),
            node: element.attr("node")?.to_owned(),
            ver: element.attr("ver")?.to_owned(),
        })
    }

    /// Returns the element that is added to presence.
    pub fn to_element(&self) -> Element {
        Element::new("c", ns::CAPS)
            .with_attr("hash", &self.hash)
            .with_attr("node", &self.node)
            .with_attr("ver", &self.ver)
    }

    /// Returns the node to query: `node#ver`.
    pub fn disco_node(&self) -> String {
        format!("{}#{}", self.node, self.ver)
    }

    /// Computes the hash of an answer and compares.
    pub fn check(&self, info: &Info) -> CapsCheck {
        let text = match verification_string(info) {
            Ok(text) => text,
            Err(why) => return CapsCheck::IllFormed(why),
        };
        match hash(&self.hash, &text) {
            None => CapsCheck::UnknownHash,
            Some(ver) if ver == self.ver => CapsCheck::Valid,
            Some(_) => CapsCheck::Mismatch,
        }
    }
}

/// The client's own disco#info and the caps computed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCaps {
    caps: Caps,
    info: Info,
}

impl OwnCaps {
    /// Computes them for this software, as a URI. The order of the features and duplicates among them do not matter.
    pub fn new(node: &str, identity: Identity, features: &[&str]) -> Result<Self, IllFormed> {
        let mut features: Vec<String> = features.iter().map(|&f| f.to_owned()).collect();
        features.sort();
        features.dedup();
        let info = Info {
            node: None,
            identities: vec![identity],
            features,
            forms: Vec::new(),
        };
        let ver = STANDARD.encode(Sha1::digest(verification_string(&info)?));
        let caps = Caps {
            hash: "sha-1".to_owned(),
            node: node.to_owned(),
            ver,
        };
        Ok(Self { caps, info })
    }

    /// Returns the caps, for presence.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Returns the answer to a disco#info request. None if the iq is none.
    pub fn answer(&self, iq: &Element) -> Option<Element> {
        let query = disco::as_request(iq)?;
        let node = query.attr("node");
        if node.is_some_and(|node| node != self.caps.disco_node()) {
            let error = StanzaError::new(ErrorType::Cancel, StanzaCondition::ItemNotFound);
            return Some(stanza::error_reply(iq, &error));
        }
        let info = Info {
            node: node.map(str::to_owned),
            ..self.info.clone()
        };
        Some(stanza::result_reply(iq).with_child(info.to_element()))
    }
}

fn hash(name: &str, text: &str) -> Option<String> {
    match name {
        "sha-1" => Some(STANDARD.encode(Sha1::digest(text))),
        "sha-256" => Some(STANDARD.encode(Sha256::digest(text))),
        _ => None,
    }
}

/// Returns the text that is hashed (section 5.1). Sorting is by octets, which is how `str` compares.
pub fn verification_string(info: &Info) -> Result<String, IllFormed> {
    let mut identities = info
        .identities
        .iter()
        .map(identity_key)
        .collect::<Result<Vec<_>, _>>()?;
    identities.sort();
    let mut features: Vec<&str> = info.features.iter().map(String::as_str).collect();
    features.sort_unstable();
    if has_neighbours(&identities) {
        return Err(IllFormed::DuplicateIdentity);
    }
    if has_neighbours(&features) {
        return Err(IllFormed::DuplicateFeature);
    }
    let bytes: usize = features.iter().map(|feature| feature.len() + 1).sum();
    let mut out = String::with_capacity(bytes + 128);
    for (category, kind, lang, name) in identities {
        push(&mut out, &format!("{category}/{kind}/{lang}/{name}"))?;
    }
    for feature in features {
        push(&mut out, feature)?;
    }
    for (form_type, form) in sorted_forms(&info.forms)? {
        push(&mut out, form_type)?;
        push_fields(&mut out, form)?;
    }
    Ok(out)
}

/// Category, type, language and name: the order of sorting, and of writing.
fn identity_key(identity: &Identity) -> Result<(&str, &str, &str, &str), IllFormed> {
    let key = (
        identity.category.as_str(),
        identity.kind.as_str(),
        identity.lang.as_deref().unwrap_or_default(),
        identity.name.as_deref().unwrap_or_default(),
    );
    if [key.0, key.1, key.2].iter().any(|part| part.contains('/')) {
        return Err(IllFormed::Slash);
    }
    Ok(key)
}

/// Forms by their type; those without a hidden one do not count (section 5.4, 3.6).
fn sorted_forms(forms: &[Form]) -> Result<Vec<(&str, &Form)>, IllFormed> {
    let mut typed = Vec::new();
    for form in forms {
        let Some(field) = form.form_type() else {
            continue;
        };
        let Some((first, others)) = field.values.split_first() else {
            continue;
        };
        if others.iter().any(|other| other != first) {
            return Err(IllFormed::DuplicateForm);
        }
        typed.push((first.as_str(), form));
    }
    typed.sort_by_key(|(form_type, _)| *form_type);
    let types: Vec<&str> = typed.iter().map(|(form_type, _)| *form_type).collect();
    if has_neighbours(&types) {
        return Err(IllFormed::DuplicateForm);
    }
    Ok(typed)
}

fn push_fields(out: &mut String, form: &Form) -> Result<(), IllFormed> {
    let mut fields: Vec<_> = form.fields.iter().filter(|f| !f.is_form_type()).collect();
    fields.sort_by(|a, b| a.var.cmp(&b.var));
    for field in fields {
        push(out, &field.var)?;
        let mut values: Vec<&str> = field.values.iter().map(String::as_str).collect();
        values.sort_unstable();
        for value in values {
            push(out, value)?;
        }
    }
    Ok(())
}

fn push(out: &mut String, part: &str) -> Result<(), IllFormed> {
    if part.contains('<') {
        return Err(IllFormed::Separator);
    }
    out.push_str(part);
    out.push('<');
    Ok(())
}

/// Returns whether a sorted list contains duplicates.
fn has_neighbours<T: PartialEq>(sorted: &[T]) -> bool {
    sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .any(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn info(inner: &str) -> Info {
        Info::parse_result(&element(&format!(
            "<iq xmlns='jabber:client' type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query></iq>"
        )))
        .unwrap()
    }

    fn caps(hash: &str, ver: &str) -> Caps {
        Caps {
            hash: hash.to_owned(),
            node: "http://psi-im.org".to_owned(),
            ver: ver.to_owned(),
        }
    }

    const FEATURES: &str = "<feature var='http://jabber.org/protocol/muc'/>
        <feature var='http://jabber.org/protocol/disco#items'/>
        <feature var='http://jabber.org/protocol/disco#info'/>
        <feature var='http://jabber.org/protocol/caps'/>";

    /// XEP-0115 section 5.2.
    fn simple() -> Info {
        info(&format!(
            "<identity category='client' type='pc' name='Exodus 0.9.1'/>{FEATURES}"
        ))
    }

    /// XEP-0115 section 5.3, in another order.
    fn complex() -> Info {
        info(&format!(
            "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
             <identity xml:lang='el' category='client' name='\u{3a8} 0.11' type='pc'/>{FEATURES}
             <x xmlns='jabber:x:data' type='result'>
               <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
               <field var='software_version'><value>0.11</value></field>
               <field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>
               <field var='os'><value>Mac</value></field>
               <field var='os_version'><value>10.5.1</value></field>
               <field var='software'><value>Psi</value></field>
             </x>"
        ))
    }

    #[test]
    fn s9_the_examples_of_the_specification() {
        assert_eq!(
            verification_string(&simple()).unwrap(),
            "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<"
        );
        let simple_ver = caps("sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=");
        assert_eq!(simple_ver.check(&simple()), CapsCheck::Valid);
        let complex_ver = caps("sha-1", "q07IKJEyjvHSyhy//CH0CxmKi8w=");
        assert_eq!(complex_ver.check(&complex()), CapsCheck::Valid);
        assert_eq!(complex_ver.check(&simple()), CapsCheck::Mismatch);
    }

    #[test]
    fn s9_other_hashes() {
        let text = verification_string(&simple()).unwrap();
        let sha256 = caps("sha-256", &STANDARD.encode(Sha256::digest(&text)));
        assert_eq!(sha256.check(&simple()), CapsCheck::Valid);
        assert_eq!(sha256.check(&complex()), CapsCheck::Mismatch);
        for name in ["md5", "", "SHA-1"] {
            assert_eq!(
                caps(name, "x").check(&simple()),
                CapsCheck::UnknownHash,
                "{name}"
            );
        }
    }

    #[test]
    fn s9_ambiguous_answers_are_ill_formed() {
        let hidden = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value></field></x>";
        let two_types = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value><value>b</value></field></x>";
        for (inner, expected) in [
            (
                "<identity category='client' type='pc' name='a&lt;b'/>",
                IllFormed::Separator,
            ),
            ("<feature var='a&lt;b'/>", IllFormed::Separator),
            (
                "<identity category='client/pc' type='x'/>",
                IllFormed::Slash,
            ),
            (
                "<identity category='client' type='pc'/><identity category='client' type='pc'/>",
                IllFormed::DuplicateIdentity,
            ),
            (
                "<feature var='a'/><feature var='b'/><feature var='a'/>",
                IllFormed::DuplicateFeature,
            ),
            (&format!("{hidden}{hidden}"), IllFormed::DuplicateForm),
            (two_types, IllFormed::DuplicateForm),
        ] {
            let check = caps("sha-1", "x").check(&info(inner));
            assert_eq!(check, CapsCheck::IllFormed(expected), "{inner}");
        }
    }

    #[test]
    fn s9_a_form_without_hidden_type_does_not_count() {
        let form = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>a</value></field><field var='b'><value>c</value></field></x>";
        assert_eq!(verification_string(&info(form)).unwrap(), "");
    }

    #[test]
    fn our_own_answer_keeps_our_own_promise() {
        let identity = Identity {
            category: "client".to_owned(),
            kind: "pc".to_owned(),
            lang: None,
            name: Some("Exodus 0.9.1".to_owned()),
        };
        let features = [
            "http://jabber.org/protocol/muc",
            "http://jabber.org/protocol/caps",
            ns::DISCO_INFO,
            "http://jabber.org/protocol/disco#items",
            ns::DISCO_INFO,
        ];
        let own = OwnCaps::new("http://code.google.com/p/exodus", identity, &features).unwrap();
        assert_eq!(own.caps().ver, "QgayPKawpkPSDYmwT/WM94uAlu0=");
        for node in [None, Some(own.caps().disco_node())] {
            let request = disco::request("d1", None, node.as_deref());
            let answer = Info::parse_result(&own.answer(&request).unwrap()).unwrap();
            assert_eq!(answer.node, node);
            assert_eq!(own.caps().check(&answer), CapsCheck::Valid);
        }
        let other = own
            .answer(&disco::request("d1", None, Some("x#y")))
            .unwrap();
        assert_eq!(
            StanzaError::of(&other).unwrap().condition,
            StanzaCondition::ItemNotFound
        );
        assert_eq!(own.answer(&Element::new("message", ns::CLIENT)), None);
    }
}
