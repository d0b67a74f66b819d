//! XEP-0357: push notifications.

use crate::ns;
use crate::stanza;
use crate::xml::Element;

use super::forms::{Field, Form};

/// Returns the iq that enables notifications at a node of a push service. `options` are the publish options of the service, by
/// the names of their fields.
pub fn enable<'a>(
    id: &str,
    service: &str,
    node: Option<&str>,
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Element {
    let mut enable = change("enable", service, node);
    let options = options.into_iter();
    let mut fields: Vec<Field> = options
        .map(|(name, value)| Field::single(name, value))
        .collect();
    if !fields.is_empty() {
        // Without a type, as the specification shows it.
        fields.insert(0, Field::single("FORM_TYPE", ns::PUBSUB_PUBLISH_OPTIONS));
        let kind = "submit".to_owned();
        enable.push_child(Form { kind, fields }.to_element());
    }
    stanza::iq("set", id, None).with_child(enable)
}

/// Returns the iq that disables notifications at a node of a push service, or at all of its nodes.
pub fn disable(id: &str, service: &str, node: Option<&str>) -> Element {
    stanza::iq("set", id, None).with_child(change("disable", service, node))
}

fn change(name: &'static str, service: &str, node: Option<&str>) -> Element {
    let element = Element::new(name, ns::PUSH).with_attr("jid", service);
    match node {
        Some(node) => element.with_attr("node", node),
        None => element,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of XEP-0357 section 5.
    #[test]
    fn requests_are_as_the_specification_shows() {
        let (service, node) = ("push-5.client.example", Some("yxs32uqsflafdk3iuqo"));
        assert_eq!(
            enable("x42", service, node, []).to_xml(),
            "<iq type='set' id='x42'><enable xmlns='urn:xmpp:push:0' jid='push-5.client.example' node='yxs32uqsflafdk3iuqo'/></iq>"
        );
        let secret = [("secret", "eruio234vzxc2kla-91")];
        assert_eq!(
            enable("x43", service, node, secret).to_xml(),
            "<iq type='set' id='x43'><enable xmlns='urn:xmpp:push:0' jid='push-5.client.example' node='yxs32uqsflafdk3iuqo'>\
             <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
             <field var='secret'><value>eruio234vzxc2kla-91</value></field></x></enable></iq>"
        );
        assert_eq!(
            disable("x97", service, None).to_xml(),
            "<iq type='set' id='x97'><disable xmlns='urn:xmpp:push:0' jid='push-5.client.example'/></iq>"
        );
        assert_eq!(
            disable("x97", service, node).to_xml(),
            "<iq type='set' id='x97'><disable xmlns='urn:xmpp:push:0' jid='push-5.client.example' node='yxs32uqsflafdk3iuqo'/></iq>"
        );
    }
}
