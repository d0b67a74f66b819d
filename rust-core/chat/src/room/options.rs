//! How a room is joined.

use snapback_types::secret::Secret;
use snapback_wire::ns;
use snapback_wire::time::UnixTime;
use snapback_wire::xep::datetime;
use snapback_wire::xml::Element;

/// How a room is joined, at first and after each lost session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOptions {
    /// The nickname to ask for. The room may assign another one.
    pub nick: String,
    /// The password of a protected room (XEP-0045 section 7.2.6). Default none.
    pub password: Option<Secret<String>>,
    /// Which earlier messages the first join asks for. Default: what the room sends by itself. A later join asks for what was missed.
    pub history: History,
    /// What happens if the room does not exist yet. Default: it is created with the configuration of its service.
    pub creation: Creation,
}

impl RoomOptions {
    /// Returns options with this nickname, and defaults.
    pub fn new(nick: impl Into<String>) -> Self {
        Self {
            nick: nick.into(),
            password: None,
            history: History::default(),
            creation: Creation::default(),
        }
    }
}

/// Which earlier messages a join asks for (XEP-0045 section 7.2.14). The room may send fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// What the room sends by itself, usually the last 20 messages.
    #[default]
    Default,
    /// None.
    None,
    /// At most this number, the last ones.
    Last(u32),
    /// Those of the last seconds.
    Seconds(u64),
    /// Those after this time.
    Since(UnixTime),
    /// Those after the message with this id in the room's archive (XEP-0359, XEP-0313), as the app has kept it from
    /// [`RoomInfo::caught_up_to`](super::RoomInfo::caught_up_to). Whether the archive had all of them is reported as
    /// [`RoomEvent::CaughtUp`](super::RoomEvent::CaughtUp).
    After(String),
}

impl History {
    /// Returns `<history/>`; `None` for what the room sends by itself.
    pub(super) fn to_element(&self) -> Option<Element> {
        let (name, value) = match self {
            Self::Default => return None,
            Self::None | Self::After(_) => ("maxstanzas", "0".to_owned()),
            Self::Last(count) => ("maxstanzas", count.to_string()),
            Self::Seconds(seconds) => ("seconds", seconds.to_string()),
            Self::Since(time) => ("since", datetime::format(*time)),
        };
        Some(Element::new("history", ns::MUC).with_attr(name, value))
    }
}

/// What happens if the room does not exist yet (XEP-0045 section 10.1). Services create it, locked, when it is joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creation {
    /// The room is opened with the configuration of its service: an instant room.
    #[default]
    Instant,
    /// The room stays locked until the app has submitted its configuration.
    Reserved,
    /// The room is left at once, which discards it: the join fails with [`JoinError::NotFound`](super::JoinError::NotFound).
    Never,
}
