//! XEP-0444: reactions.

use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, ProblemReason, id_of, malformed, with_id};

/// The maximum number of reactions in one message, 64: people choose a few, and apps show them beside the message.
pub const MAX_REACTIONS: usize = 64;

/// The maximum number of bytes of one reaction, 128: the longest emoji of Unicode 16, a flag with tags or a family with skin
/// tones, has less than half of this. A longer text is no emoji.
pub const MAX_REACTION: usize = 128;

const REACTIONS: Kind = Kind::new("reactions", ns::REACTIONS);
const REACTION: Kind = Kind::new("reaction", ns::REACTIONS);

/// All reactions of the sender to a message. They replace the earlier ones of this sender; an empty list removes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reactions {
    /// The id of the message: in a room the id that the room assigned (XEP-0444 section 4.2).
    pub id: String,
    /// The emojis, each once, without white space around them.
    pub emojis: Vec<String>,
}

impl Reactions {
    /// Returns the payload.
    pub fn to_element(&self) -> Element {
        let all = with_id(REACTIONS, &self.id);
        self.emojis.iter().fold(all, |all, emoji| {
            all.with_child(Element::new(REACTION.name, REACTION.ns).with_text(emoji))
        })
    }
}

pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<Reactions> {
    let mut is_cut = false;
    let read = payloads.one(REACTIONS, |element| {
        let mut emojis: Vec<String> = Vec::new();
        for child in element.children().filter(|child| REACTION.is(child)) {
            let emoji = emoji(child)?;
            if emojis.contains(&emoji) {
                continue;
            }
            if emojis.len() == MAX_REACTIONS {
                is_cut = true;
                break;
            }
            emojis.push(emoji);
        }
        Ok(Reactions {
            id: id_of(element, REACTIONS, "id")?,
            emojis,
        })
    });
    if is_cut {
        payloads.report(REACTION, ProblemReason::TooMany(MAX_REACTIONS));
    }
    read
}

/// A reaction of a formatted stanza has white space around it.
fn emoji(element: &Element) -> Result<String, CodecError> {
    let text = element.text();
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_REACTION {
        return Err(malformed(REACTION, "text"));
    }
    Ok(text.to_owned())
}
