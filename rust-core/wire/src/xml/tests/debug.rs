//! T9: what ends up in a log says nothing that was said between users.

use crate::ns;
use crate::xml::Element;

#[test]
fn t9_debug_shows_the_shape_and_not_the_content() {
    let message = Element::new("message", ns::CLIENT)
        .with_attr("to", "juliet@capulet.example")
        .with_child(Element::new("body", ns::CLIENT).with_text("Art thou not Romeo?"));
    assert_eq!(
        format!("{message:?}"),
        "<message xmlns='jabber:client' to>[<body xmlns='jabber:client'>[text of 19 bytes]]"
    );
}
