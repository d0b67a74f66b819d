//! Examples of the specifications, and what other entities may send instead.

mod avatars;
mod bookmarks;
mod nodes;
mod services;
mod vcards;

use snapback_wire::xml::Element;

use super::stanza;

/// A result with this payload.
fn result(payload: &str) -> Element {
    stanza(&format!("<iq type='result' id='1'>{payload}</iq>"))
}

/// An element of its own.
fn element(xml: &str) -> Element {
    result(xml).children().next().unwrap().clone()
}
