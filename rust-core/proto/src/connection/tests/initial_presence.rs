//! A new session begins with the presence that the app sent last.

use std::sync::Arc;

use super::archive::{away, bind};
use super::scripts::*;
use crate::knowledge::Knowledge;
use crate::ns;
use crate::xml::Element;

fn with_presence(kind: Option<&str>) -> Knowledge {
    let mut presence = Element::new("presence", ns::CLIENT).with_attr("id", "old");
    presence.push_child(Element::new("show", ns::CLIENT).with_text("dnd"));
    if let Some(kind) = kind {
        presence.set_attr("type", kind);
    }
    Knowledge {
        presence: Some(Arc::new(presence)),
        ..away()
    }
}

#[test]
fn a_new_session_sends_the_last_presence_with_another_id() {
    let (_, flight) = bind(with_presence(None), "", GREETING2);
    assert!(flight.contains("<show>dnd</show>"), "{flight}");
    assert!(!flight.contains("id='old'"), "{flight}");
}

#[test]
fn a_new_session_of_an_invisible_app_sends_no_presence() {
    bind(
        with_presence(Some("unavailable")),
        "",
        "roster + disco + archive + r",
    );
}
