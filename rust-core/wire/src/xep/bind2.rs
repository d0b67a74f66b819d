//! XEP-0386: Bind 2, its part of a SASL2 login.

use crate::ns;
use crate::xml::Element;

use super::error::CodecError;
use super::mam::ArchiveMetadata;
use super::sm::{self, Enabled, Failed};

/// A Bind 2 request; it may contain only what the server listed as inline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind2 {
    /// A short name of the software, from which the server makes the resource.
    pub tag: Option<String>,
    /// Enable stream management.
    pub enable_sm: Option<EnableSm>,
    /// Enable carbons.
    pub carbons: bool,
    /// Start in the background.
    pub csi_inactive: bool,
}

/// Stream management as part of binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnableSm {
    /// Ask for a stream that can be resumed.
    pub resume: bool,
    /// For how many seconds.
    pub max: Option<u32>,
}

impl Bind2 {
    /// `<bind/>`
    pub fn to_element(&self) -> Element {
        let mut bind = Element::new("bind", ns::BIND2);
        if let Some(tag) = &self.tag {
            bind.push_child(Element::new("tag", ns::BIND2).with_text(tag));
        }
        if self.carbons {
            bind.push_child(Element::new("enable", ns::CARBONS));
        }
        if let Some(enable) = self.enable_sm {
            bind.push_child(sm::enable(enable.resume, enable.max));
        }
        if self.csi_inactive {
            bind.push_child(Element::new("inactive", ns::CSI));
        }
        bind
    }
}

/// `<bound/>`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound2 {
    /// The result of enabling stream management.
    pub sm: Option<BoundSm>,
    /// The last id of the archive.
    pub mam: Option<ArchiveMetadata>,
}

/// The result of enabling stream management while binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundSm {
    /// Enabled: stanzas are counted from here (I6).
    Enabled(Enabled),
    /// Not enabled.
    Failed(Failed),
}

impl Bound2 {
    /// Reads `<bound/>`.
    pub(crate) fn parse(element: &Element) -> Result<Self, CodecError> {
        let mut all_enabled = element
            .children()
            .filter(|child| child.is("enabled", ns::SM));
        let enabled = all_enabled.next();
        if all_enabled.next().is_some() {
            return Err(CodecError::Conflicting {
                element: "bound",
                parts: ("enabled", "enabled"),
            });
        }
        let failed = element.child("failed", ns::SM);
        let sm = match (enabled, failed) {
            (Some(_), Some(_)) => {
                return Err(CodecError::Conflicting {
                    element: "bound",
                    parts: ("enabled", "failed"),
                });
            }
            (Some(enabled), None) => Some(BoundSm::Enabled(Enabled::parse(enabled)?)),
            (None, Some(failed)) => Some(BoundSm::Failed(Failed::parse(failed)?)),
            (None, None) => None,
        };
        Ok(Self {
            sm,
            mam: element
                .child("metadata", ns::MAM)
                .map(ArchiveMetadata::parse),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::StanzaCondition;
    use crate::time::UnixTime;
    use crate::xep::mam::ArchivePoint;
    use crate::xep::testing::element;

    #[test]
    fn writes_what_was_asked_for() {
        assert_eq!(
            Bind2::default().to_element().to_xml(),
            "<bind xmlns='urn:xmpp:bind:0'/>"
        );
        let all = Bind2 {
            tag: Some("AwesomeXMPP".to_owned()),
            enable_sm: Some(EnableSm {
                resume: true,
                max: None,
            }),
            carbons: true,
            csi_inactive: true,
        };
        assert_eq!(
            all.to_element().to_xml(),
            "<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/>\
             <enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>"
        );
    }

    #[test]
    fn reads_what_was_bound() {
        let bound = |inner: &str| {
            Bound2::parse(&element(&format!(
                "<bound xmlns='urn:xmpp:bind:0'>{inner}</bound>"
            )))
        };
        assert_eq!(bound(""), Ok(Bound2::default()));
        let full = bound(
            "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>
             <metadata xmlns='urn:xmpp:mam:2'><start id='YWxwaGEg' timestamp='2008-08-22T21:09:04Z'/><end id='b21lZ2Eg' timestamp='2020-04-20T14:34:21Z'/></metadata>",
        );
        let point = |id: &str, seconds| ArchivePoint {
            id: id.to_owned(),
            timestamp: UnixTime(seconds),
        };
        assert_eq!(
            full,
            Ok(Bound2 {
                sm: Some(BoundSm::Enabled(Enabled {
                    id: Some("x".to_owned()),
                    resume: true,
                    ..Enabled::default()
                })),
                mam: Some(ArchiveMetadata {
                    start: Some(point("YWxwaGEg", 1_219_439_344)),
                    end: Some(point("b21lZ2Eg", 1_587_393_261)),
                }),
            })
        );
        let failed = bound(
            "<failed xmlns='urn:xmpp:sm:3'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
        );
        assert_eq!(
            failed.unwrap().sm,
            Some(BoundSm::Failed(Failed {
                h: None,
                condition: StanzaCondition::InternalServerError
            }))
        );
        assert!(bound("<enabled xmlns='urn:xmpp:sm:3'/><failed xmlns='urn:xmpp:sm:3'/>").is_err());
        assert!(bound("<enabled xmlns='urn:xmpp:sm:3'/><enabled xmlns='urn:xmpp:sm:3'/>").is_err());
        assert!(bound("<failed xmlns='urn:xmpp:sm:3' h='x'/>").is_err());
    }
}
