//! XEP-0085: chat states.

use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, ProblemReason, malformed};

/// What a person does in a conversation (XEP-0085 section 4). It has no meaning later: the client sends it at once or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChatState {
    /// Pays attention to the conversation.
    Active,
    /// Has not paid attention for a while.
    Inactive,
    /// Has left the conversation.
    Gone,
    /// Is writing.
    Composing,
    /// Was writing, and stopped.
    Paused,
}

const ALL: [ChatState; 5] = [
    ChatState::Active,
    ChatState::Inactive,
    ChatState::Gone,
    ChatState::Composing,
    ChatState::Paused,
];

impl ChatState {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Gone => "gone",
            Self::Composing => "composing",
            Self::Paused => "paused",
        }
    }

    /// Returns the payload.
    pub fn to_element(self) -> Element {
        Element::new(self.name(), ns::CHAT_STATES)
    }

    fn parse(element: &Element) -> Result<Self, CodecError> {
        let state = ALL.iter().find(|state| state.name() == element.name());
        state.copied().ok_or(malformed(STATE, "name"))
    }
}

/// Any of the five elements.
const STATE: Kind = Kind::new("chat state", ns::CHAT_STATES);

/// Returns the state of a message; a message has at most one (XEP-0085 section 5.3).
pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<ChatState> {
    let is_state = |child: &&Element| child.ns() == ns::CHAT_STATES;
    let mut states = payloads.message.children().filter(is_state);
    let first = states.next()?;
    if states.any(|other| other.name() != first.name()) {
        payloads.report(STATE, ProblemReason::Repeated);
        return None;
    }
    payloads.typed(STATE, ChatState::parse(first))
}
