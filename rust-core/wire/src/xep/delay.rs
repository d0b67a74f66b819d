//! XEP-0203: delayed delivery.

use crate::ns;
use crate::time::UnixTime;
use crate::xml::Element;

use super::datetime;

/// `<delay/>`: when a stanza was first sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// When.
    pub stamp: UnixTime,
    /// The entity that added it. Any entity can claim any address here.
    pub from: Option<String>,
}

impl Delay {
    /// Returns the stamp of a stanza, or of an element that forwards one. None if there is none that can be read.
    pub fn of(parent: &Element) -> Option<Self> {
        let delay = parent.child("delay", ns::DELAY)?;
        Some(Self {
            stamp: delay.attr("stamp").and_then(datetime::parse)?,
            from: delay.attr("from").map(str::to_owned),
        })
    }

    /// `<delay/>`
    pub fn to_element(&self) -> Element {
        let mut delay =
            Element::new("delay", ns::DELAY).with_attr("stamp", datetime::format(self.stamp));
        if let Some(from) = &self.from {
            delay.set_attr("from", from);
        }
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn i8_a_resent_stanza_keeps_its_first_time() {
        let delay = Delay {
            stamp: UnixTime(1_031_699_305),
            from: Some("capulet.example".to_owned()),
        };
        let stanza = Element::new("message", ns::CLIENT).with_child(delay.to_element());
        assert_eq!(
            delay.to_element().to_xml(),
            "<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z' from='capulet.example'/>"
        );
        assert_eq!(Delay::of(&stanza), Some(delay));
    }

    #[test]
    fn an_unreadable_stamp_is_none() {
        for attributes in [
            "",
            "stamp=''",
            "stamp='20020910T23:08:25'",
            "stamp='yesterday'",
        ] {
            let stanza = element(&format!(
                "<message xmlns='jabber:client'><delay xmlns='urn:xmpp:delay' {attributes}/></message>"
            ));
            assert_eq!(Delay::of(&stanza), None, "{attributes}");
        }
    }
}
