//! Turns the XML of a test table into an [`Element`], with a strict parser that is independent of this crate's.

use rxml::{Event, Parse};

use crate::xml::{Attribute, Element};

/// Returns the element that `xml` spells. Panics on anything else: then the test is wrong.
pub(crate) fn element(xml: &str) -> Element {
    let mut parser = rxml::Parser::new();
    let mut rest = xml.as_bytes();
    let mut stack: Vec<Element> = Vec::new();
    while let Some(event) = parser
        .parse(&mut rest, true)
        .expect("well-formed test data")
    {
        match event {
            Event::StartElement(_, (ns, name), attributes) => {
                let mut element = Element::new(name.to_string(), ns.to_string());
                for ((ns, name), value) in attributes {
                    element.push_attribute(Attribute {
                        ns: ns.to_string().into(),
                        name: name.to_string().into(),
                        value,
                    });
                }
                stack.push(element);
            }
            Event::Text(_, text) => stack
                .last_mut()
                .expect("text in an element")
                .push_text(text),
            Event::EndElement(_) => {
                let element = stack.pop().expect("balanced");
                match stack.last_mut() {
                    Some(parent) => parent.push_child(element),
                    None => return element,
                }
            }
            Event::XmlDeclaration(..) => {}
        }
    }
    panic!("no element in {xml}");
}
