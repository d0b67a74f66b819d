//! XEP-0115: entity capabilities.

use crate::ns;
use crate::xml::Element;

/// `<c/>`: a promise about what a disco#info answer would hash to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Name of the hash function.
    pub hash: String,
    /// The software, as a URI.
    pub node: String,
    /// The hash of the verification string, base64.
    pub ver: String,
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

    /// The element that goes into presence.
    pub fn to_element(&self) -> Element {
        Element::new("c", ns::CAPS)
            .with_attr("hash", &self.hash)
            .with_attr("node", &self.node)
            .with_attr("ver", &self.ver)
    }
}
