//! XEP-0198: stream management, on the wire.

use std::fmt;

use crate::ns;
use crate::stanza::StanzaCondition;
use crate::xml::Element;

use super::error::CodecError;
use super::value::{boolean, u32_digits};

/// Why a nonza could not be read.
pub type SmCodecError = CodecError;

/// An SM-ID is opaque, but no longer than this (XEP-0198 section 5).
const MAX_ID_BYTES: usize = 4000;

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nonza {
    /// `<enabled/>`
    Enabled(Enabled),
    /// `<resumed/>`
    Resumed(Resumed),
    /// `<failed/>`
    Failed(Failed),
    /// `<a/>`
    Ack {
        /// How many stanzas the server has handled.
        h: u32,
    },
    /// `<r/>`
    Request,
}

/// `<enabled/>`. `Debug` does not print its SM-ID.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Enabled {
    /// The SM-ID.
    pub id: Option<String>,
    /// Whether the server permits this stream to be resumed.
    pub resume: bool,
    /// For how many seconds.
    pub max: Option<u32>,
    /// The address that the server prefers for the resumption.
    pub location: Option<String>,
}

impl fmt::Debug for Enabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enabled")
            .field("resume", &self.resume)
            .field("max", &self.max)
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl Enabled {
    /// Returns the SM-ID, if it may be used to resume.
    pub fn resumable(&self) -> Option<&str> {
        self.id.as_deref().filter(|_| self.resume)
    }
}

/// `<resumed/>`. `Debug` does not print its SM-ID.
#[derive(Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The SM-ID of the resumed stream.
    pub previd: String,
    /// How many of the client's stanzas the server has handled.
    pub h: u32,
}

impl fmt::Debug for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed")
            .field("h", &self.h)
            .finish_non_exhaustive()
    }
}

/// `<failed/>`, to either request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// How many of the client's stanzas the server had handled, if it still knows.
    pub h: Option<u32>,
    /// Why.
    pub condition: StanzaCondition,
}

impl Nonza {
    /// Reads a nonza of stream management. None if the element is none of those that a server sends.
    pub fn parse(element: &Element) -> Option<Result<Self, SmCodecError>> {
        if element.ns() != ns::SM {
            return None;
        }
        match element.name() {
            "enabled" => Some(Enabled::parse(element).map(Self::Enabled)),
            "resumed" => Some(Resumed::parse(element).map(Self::Resumed)),
            "failed" => Some(Failed::parse(element).map(Self::Failed)),
            "a" => Some(h(element, "a").map(|h| Self::Ack { h })),
            "r" => Some(Ok(Self::Request)),
            _ => None,
        }
    }
}

impl Enabled {
    /// Reads `<enabled/>`. An unreadable `resume` or `max` counts as absent.
    pub(crate) fn parse(element: &Element) -> Result<Self, SmCodecError> {
        let id = element
            .attr("id")
            .map(str::to_owned)
            .filter(|id| !id.is_empty());
        if id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
            return Err(CodecError::Malformed {
                element: "enabled",
                part: "id",
            });
        }
        Ok(Self {
            id,
            resume: element.attr("resume").and_then(boolean) == Some(true),
            max: element.attr("max").and_then(u32_digits),
            location: element.attr("location").map(str::to_owned),
        })
    }
}

impl Resumed {
    /// Reads `<resumed/>`.
    pub(crate) fn parse(element: &Element) -> Result<Self, SmCodecError> {
        let previd = element.attr("previd").ok_or(CodecError::Missing {
            element: "resumed",
            part: "previd",
        })?;
        Ok(Self {
            previd: previd.to_owned(),
            h: h(element, "resumed")?,
        })
    }
}

impl Failed {
    /// Reads `<failed/>`. Here `h` may be missing, but not wrong.
    pub(crate) fn parse(element: &Element) -> Result<Self, SmCodecError> {
        let h = match element.attr("h") {
            Some(_) => Some(h(element, "failed")?),
            None => None,
        };
        Ok(Self {
            h,
            condition: StanzaCondition::of(element).unwrap_or(StanzaCondition::Unknown),
        })
    }
}

fn h(element: &Element, name: &'static str) -> Result<u32, SmCodecError> {
    let text = element.attr("h").ok_or(CodecError::Missing {
        element: name,
        part: "h",
    })?;
    u32_digits(text).ok_or(CodecError::Malformed {
        element: name,
        part: "h",
    })
}

/// Returns `<enable/>`: outbound stanzas are counted from when this is sent (I6).
pub fn enable(resume: bool, max: Option<u32>) -> Element {
    let mut enable = Element::new("enable", ns::SM);
    if resume {
        enable.set_attr("resume", "true");
    }
    if let Some(max) = max {
        enable.set_attr("max", max.to_string());
    }
    enable
}

/// `<resume/>`
pub fn resume(previd: &str, h: u32) -> Element {
    Element::new("resume", ns::SM)
        .with_attr("h", h.to_string())
        .with_attr("previd", previd)
}

/// `<r/>`
pub fn request() -> Element {
    Element::new("r", ns::SM)
}

/// Returns `<a/>`: only with an `h` that is committed (I3).
pub fn ack(h: u32) -> Element {
    Element::new("a", ns::SM).with_attr("h", h.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    fn parse(xml: &str) -> Option<Result<Nonza, SmCodecError>> {
        Nonza::parse(&element(xml))
    }

    #[test]
    fn reads_what_a_server_sends() {
        let failed = |h, condition| Nonza::Failed(Failed { h, condition });
        for (xml, expected) in [
            (
                "<enabled xmlns='urn:xmpp:sm:3'/>",
                Nonza::Enabled(Enabled::default()),
            ),
            (
                "<enabled xmlns='urn:xmpp:sm:3' id='some-long-sm-id' location='[2001:41D0:1:A49b::1]:9222' resume='1' max='600'/>",
                Nonza::Enabled(Enabled {
                    id: Some("some-long-sm-id".to_owned()),
                    resume: true,
                    max: Some(600),
                    location: Some("[2001:41D0:1:A49b::1]:9222".to_owned()),
                }),
            ),
            (
                "<resumed xmlns='urn:xmpp:sm:3' h='4294967295' previd='x'/>",
                Nonza::Resumed(Resumed {
                    previd: "x".to_owned(),
                    h: u32::MAX,
                }),
            ),
            (
                "<failed xmlns='urn:xmpp:sm:3' h='7'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
                failed(Some(7), StanzaCondition::ItemNotFound),
            ),
            (
                "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
                failed(None, StanzaCondition::UnexpectedRequest),
            ),
            (
                "<failed xmlns='urn:xmpp:sm:3'/>",
                failed(None, StanzaCondition::Unknown),
            ),
            ("<a xmlns='urn:xmpp:sm:3' h='0'/>", Nonza::Ack { h: 0 }),
            ("<r xmlns='urn:xmpp:sm:3'/>", Nonza::Request),
        ] {
            assert_eq!(parse(xml), Some(Ok(expected)), "{xml}");
        }
    }

    #[test]
    fn i5_a_bad_h_is_a_typed_error() {
        let missing = |element, part| CodecError::Missing { element, part };
        let malformed = |element| CodecError::Malformed { element, part: "h" };
        for (xml, expected) in [
            ("<a xmlns='urn:xmpp:sm:3'/>", missing("a", "h")),
            ("<a xmlns='urn:xmpp:sm:3' h=''/>", malformed("a")),
            ("<a xmlns='urn:xmpp:sm:3' h='-1'/>", malformed("a")),
            ("<a xmlns='urn:xmpp:sm:3' h='+1'/>", malformed("a")),
            ("<a xmlns='urn:xmpp:sm:3' h='4294967296'/>", malformed("a")),
            (
                "<resumed xmlns='urn:xmpp:sm:3' previd='x'/>",
                missing("resumed", "h"),
            ),
            (
                "<resumed xmlns='urn:xmpp:sm:3' h='1'/>",
                missing("resumed", "previd"),
            ),
            (
                "<failed xmlns='urn:xmpp:sm:3' h='many'/>",
                malformed("failed"),
            ),
        ] {
            assert_eq!(parse(xml), Some(Err(expected)), "{xml}");
        }
    }

    #[test]
    fn an_sm_id_is_bounded_and_needed_to_resume() {
        let enabled = |id: &str| {
            parse(&format!(
                "<enabled xmlns='urn:xmpp:sm:3' resume='true' id='{id}'/>"
            ))
            .unwrap()
        };
        assert!(enabled(&"x".repeat(4000)).is_ok());
        assert!(enabled(&"x".repeat(4001)).is_err());
        let Ok(Nonza::Enabled(without)) = enabled("") else {
            panic!("an empty id is no id");
        };
        assert_eq!(without.resumable(), None);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for xml in [
            "<a xmlns='urn:xmpp:sm:2' h='1'/>",
            "<enable xmlns='urn:xmpp:sm:3'/>",
            "<message xmlns='jabber:client'/>",
        ] {
            assert_eq!(parse(xml), None, "{xml}");
        }
    }

    #[test]
    fn writes_what_a_client_sends() {
        assert_eq!(
            enable(true, Some(300)).to_xml(),
            "<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'/>"
        );
        assert_eq!(
            enable(false, None).to_xml(),
            "<enable xmlns='urn:xmpp:sm:3'/>"
        );
        assert_eq!(
            resume("id", 7).to_xml(),
            "<resume xmlns='urn:xmpp:sm:3' h='7' previd='id'/>"
        );
        assert_eq!(request().to_xml(), "<r xmlns='urn:xmpp:sm:3'/>");
        assert_eq!(
            ack(u32::MAX).to_xml(),
            "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>"
        );
    }
}
