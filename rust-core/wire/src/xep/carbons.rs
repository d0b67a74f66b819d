//! XEP-0280: message carbons.

use std::fmt;

use crate::jid;
use crate::ns;
use crate::stanza;
use crate::xml::Element;

use super::delay::Delay;
use super::error::CodecError;

/// The direction of the copied message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Another client of the account received it.
    Received,
    /// Another client of the account sent it.
    Sent,
}

/// What is known of a message because it is a copy: another client of the account received or sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carbon {
    /// The direction.
    pub direction: Direction,
    /// When it was sent, if it is delayed.
    pub delay: Option<Delay>,
}

/// A carbon that must not be trusted, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarbonError {
    /// It does not come from the account's bare JID (T7, and XEP-0280 section 11).
    Forged,
    /// It violates its specification.
    Malformed(CodecError),
}

impl fmt::Display for CarbonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("a carbon that is not from our own account"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CarbonError {}

/// Returns the iq that enables carbons for this session.
pub fn enable(id: &str) -> Element {
    stanza::iq("set", id, None).with_child(Element::new("enable", ns::CARBONS))
}

/// Returns the copied message inside a message. None if the message is no carbon. `own_bare` is the account's bare JID,
/// prepared. An error with an id is no carbon: it answers a message of the account and repeats what that contained (RFC 6120
/// section 8.3.1).
pub fn unwrap(message: &Element, own_bare: &str) -> Option<Result<(Carbon, Element), CarbonError>> {
    if !message.is("message", ns::CLIENT) || is_bounce(message) {
        return None;
    }
    let (direction, wrapper) = message.children().find_map(|child| {
        if child.is("received", ns::CARBONS) {
            Some((Direction::Received, child))
        } else if child.is("sent", ns::CARBONS) {
            Some((Direction::Sent, child))
        } else {
            None
        }
    })?;
    let is_ours = |from: &str| jid::is_same(from, own_bare);
    if !message.attr("from").is_some_and(is_ours) {
        return Some(Err(CarbonError::Forged));
    }
    Some(
        read(direction, wrapper).ok_or(CarbonError::Malformed(CodecError::Missing {
            element: "message",
            part: "forwarded message",
        })),
    )
}

fn is_bounce(message: &Element) -> bool {
    message.attr("type") == Some("error") && message.attr("id").is_some_and(|id| !id.is_empty())
}

fn read(direction: Direction, wrapper: &Element) -> Option<(Carbon, Element)> {
    let forwarded = wrapper.child("forwarded", ns::FORWARD)?;
    let message = forwarded.child("message", ns::CLIENT)?.clone();
    let delay = Delay::of(forwarded);
    Some((Carbon { direction, delay }, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    const OWN: &str = "romeo@montague.example";

    fn carbon(from: &str, kind: &str) -> Element {
        element(&format!(
            "<message xmlns='jabber:client' {from} to='romeo@montague.example/home' type='chat'>
               <{kind} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
                 <message xmlns='jabber:client' from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' type='chat'><body>Hi</body></message>
               </forwarded></{kind}></message>"
        ))
    }

    #[test]
    fn unwraps_both_directions() {
        for (kind, direction) in [("received", Direction::Received), ("sent", Direction::Sent)] {
            let message = carbon("from='romeo@montague.example'", kind);
            let (carbon, copied) = unwrap(&message, OWN).unwrap().unwrap();
            assert_eq!(carbon.direction, direction);
            assert_eq!(copied.attr("from"), Some("juliet@capulet.example/balcony"));
        }
    }

    #[test]
    fn w3_our_own_bare_jid_is_ours_however_it_is_spelled() {
        for from in [
            "Romeo@montague.example",
            "romeo@MONTAGUE.example",
            "romeo@montague.example.",
        ] {
            let message = carbon(&format!("from='{from}'"), "sent");
            assert!(matches!(unwrap(&message, OWN), Some(Ok(_))), "{from}");
        }
        let message = carbon("from='romeo@xn--mller-kva.example'", "sent");
        let carbon = unwrap(&message, "romeo@müller.example");
        assert!(matches!(carbon, Some(Ok(_))));
    }

    #[test]
    fn t7_a_carbon_comes_from_our_own_bare_jid_only() {
        for from in [
            "",
            "from=''",
            "from='tybalt@capulet.example/home'",
            "from='romeo@montague.example/garden'",
            "from='montague.example'",
            "from='romeo@montague.example.evil.example'",
            "from='Romeo@Montague.example/garden'",
        ] {
            for kind in ["received", "sent"] {
                assert_eq!(
                    unwrap(&carbon(from, kind), OWN),
                    Some(Err(CarbonError::Forged)),
                    "{from}"
                );
            }
        }
    }

    #[test]
    fn an_empty_carbon_is_malformed_and_a_message_is_none() {
        for inner in ["", "<forwarded xmlns='urn:xmpp:forward:0'/>"] {
            let message = element(&format!(
                "<message xmlns='jabber:client' from='{OWN}'><sent xmlns='urn:xmpp:carbons:2'>{inner}</sent></message>"
            ));
            assert!(matches!(
                unwrap(&message, OWN),
                Some(Err(CarbonError::Malformed(_)))
            ));
        }
        let private = element(
            "<message xmlns='jabber:client'><private xmlns='urn:xmpp:carbons:2'/></message>",
        );
        assert_eq!(unwrap(&private, OWN), None);
        assert_eq!(
            enable("e1").to_xml(),
            "<iq type='set' id='e1'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
        );
    }
}
