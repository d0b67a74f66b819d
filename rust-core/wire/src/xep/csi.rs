//! XEP-0352: client state indication. Not restored by a resumption (I15).

use crate::ns;
use crate::xml::Element;

/// `<active/>`
pub fn active() -> Element {
    Element::new("active", ns::CSI)
}

/// `<inactive/>`
pub fn inactive() -> Element {
    Element::new("inactive", ns::CSI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonzas() {
        assert_eq!(active().to_xml(), "<active xmlns='urn:xmpp:csi:0'/>");
        assert_eq!(inactive().to_xml(), "<inactive xmlns='urn:xmpp:csi:0'/>");
        assert!(!inactive().is_stanza());
    }
}
