//! XEP-0428: which part of a text is there for clients that do not support an extension. Positions are Unicode code points
//! (XEP-0426), not bytes and not UTF-16.

use std::ops::Range;

use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{Kind, MAX_ID, Payloads, malformed};

/// The maximum number of fallbacks in one message, 16: one for each extension.
pub const MAX_FALLBACKS: usize = 16;

/// The maximum number of ranges of one text in one fallback, 64.
pub const MAX_RANGES: usize = 64;

pub(crate) const FALLBACK: Kind = Kind::new("fallback", ns::FALLBACK);

/// A part of the text that a client need not show if it supports an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The namespace of the extension. `None` if it is not stated: then the text is always shown.
    pub of: Option<String>,
    /// The part of the body.
    pub body: Extent,
    /// The part of the subject.
    pub subject: Extent,
}

/// How much of a text a fallback covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// None of it.
    #[default]
    None,
    /// All of it.
    Whole,
    /// These ranges of Unicode code points, each without its end.
    Ranges(Vec<Range<u32>>),
}

impl Extent {
    /// Returns the text without this part; `None` if a range exceeds the text, so that it was counted in another way. A range may
    /// end within what a person sees as one character: then the rest of it is kept.
    pub fn removed_from(&self, text: &str) -> Option<String> {
        let ranges = match self {
            Self::None => return Some(text.to_owned()),
            Self::Whole => return Some(String::new()),
            Self::Ranges(ranges) => ranges,
        };
        let len = u32::try_from(text.chars().count()).ok()?;
        if ranges.iter().any(|range| range.end > len) {
            return None;
        }
        let is_kept = |at: u32| !ranges.iter().any(|range| range.contains(&at));
        let kept = (0..).zip(text.chars()).filter(|(at, _)| is_kept(*at));
        Some(kept.map(|(_, c)| c).collect())
    }

    fn write(&self, name: &str, fallback: &mut Element) {
        match self {
            Self::None => {}
            Self::Whole => fallback.push_child(Element::new(name, ns::FALLBACK)),
            Self::Ranges(ranges) => {
                for range in ranges {
                    fallback.push_child(
                        Element::new(name, ns::FALLBACK)
                            .with_attr("start", range.start.to_string())
                            .with_attr("end", range.end.to_string()),
                    );
                }
            }
        }
    }

    fn read(name: &str, fallback: &Element) -> Result<Self, CodecError> {
        let mut ranges = Vec::new();
        let parts = fallback
            .children()
            .filter(|part| part.is(name, ns::FALLBACK));
        let mut is_whole = false;
        for part in parts {
            match (part.attr("start"), part.attr("end")) {
                (None, None) => is_whole = true,
                (Some(start), Some(end)) if ranges.len() < MAX_RANGES => {
                    let range = position(start).zip(position(end));
                    let (start, end) = range
                        .filter(|(start, end)| start <= end)
                        .ok_or(malformed(FALLBACK, "range"))?;
                    ranges.push(start..end);
                }
                _ => return Err(malformed(FALLBACK, "range")),
            }
        }
        Ok(match (is_whole, ranges.is_empty()) {
            (true, _) => Self::Whole,
            (false, true) => Self::None,
            (false, false) => Self::Ranges(ranges),
        })
    }
}

impl Fallback {
    /// Returns the fallback of a body that begins with `len` code points for clients that do not support the extension `of`.
    pub fn at_start(of: &str, len: u32) -> Self {
        Self {
            of: Some(of.to_owned()),
            body: Extent::Ranges(std::iter::once(0..len).collect()),
            subject: Extent::None,
        }
    }

    /// Returns the fallback of a body that is there only for clients that do not support the extension `of`.
    pub fn of_body(of: &str) -> Self {
        Self {
            of: Some(of.to_owned()),
            body: Extent::Whole,
            subject: Extent::None,
        }
    }

    /// Returns the payload.
    pub fn to_element(&self) -> Element {
        let mut fallback = Element::new(FALLBACK.name, FALLBACK.ns);
        if let Some(of) = &self.of {
            fallback.set_attr("for", of);
        }
        self.subject.write("subject", &mut fallback);
        self.body.write("body", &mut fallback);
        fallback
    }

    fn parse(element: &Element) -> Result<Self, CodecError> {
        let of = element.attr("for").filter(|of| !of.is_empty());
        if of.is_some_and(|of| of.len() > MAX_ID) {
            return Err(malformed(FALLBACK, "for"));
        }
        let (body, subject) = (
            Extent::read("body", element)?,
            Extent::read("subject", element)?,
        );
        let of = of.map(str::to_owned);
        // Without children it is about all texts.
        Ok(match (&body, &subject) {
            (Extent::None, Extent::None) => Self {
                of,
                body: Extent::Whole,
                subject: Extent::Whole,
            },
            _ => Self { of, body, subject },
        })
    }
}

/// Digits only: a sign is no position.
fn position(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

pub(crate) fn read(payloads: &mut Payloads<'_>) -> Vec<Fallback> {
    payloads.many(FALLBACK, MAX_FALLBACKS, Fallback::parse)
}
