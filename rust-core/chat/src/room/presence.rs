//! What a room says about an occupant: presence with `<x xmlns='http://jabber.org/protocol/muc#user'/>` (XEP-0045 section 7.2.2).

use std::collections::BTreeSet;

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::peer_text::PeerText;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use crate::payload::{MAX_ID, Problem, ProblemReason};

/// The maximum number of status codes of a stanza that are read, 16: the specification knows 20, and at most six of them together.
const MAX_CODES: usize = 16;

/// What an occupant may do, until it leaves the room (XEP-0045 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Not in the room.
    #[default]
    None,
    /// May read. Cannot write in a moderated room.
    Visitor,
    /// May read and write.
    Participant,
    /// May also remove participants, and grant voice.
    Moderator,
}

impl Role {
    const ALL: [Self; 4] = [
        Self::None,
        Self::Visitor,
        Self::Participant,
        Self::Moderator,
    ];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Visitor => "visitor",
            Self::Participant => "participant",
            Self::Moderator => "moderator",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// The lasting relation of a user to a room (XEP-0045 section 5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Affiliation {
    /// Banned.
    Outcast,
    /// None.
    #[default]
    None,
    /// May enter a members-only room.
    Member,
    /// May also ban users and make them members.
    Admin,
    /// May also configure and destroy the room.
    Owner,
}

impl Affiliation {
    const ALL: [Self; 5] = [
        Self::Outcast,
        Self::None,
        Self::Member,
        Self::Admin,
        Self::Owner,
    ];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcast => "outcast",
            Self::None => "none",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// An occupant of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The nickname: the resource of the occupant's address in the room.
    pub nick: String,
    /// What the occupant may do.
    pub role: Role,
    /// The relation of the occupant's account to the room.
    pub affiliation: Affiliation,
    /// The occupant's own address, where the room shows it to the user.
    pub jid: Option<Jid>,
    /// The occupant's stable id (XEP-0421). Trust it only if the room announces `urn:xmpp:occupant-id:0`
    /// ([`RoomFeatures`](crate::RoomFeatures)).
    pub id: Option<String>,
    /// `<show/>`: `away`, `chat`, `dnd` or `xa`; none if available.
    pub show: Option<String>,
}

/// A presence of an occupant.
#[derive(Debug)]
pub(super) struct OccupantPresence {
    pub(super) nick: String,
    pub(super) is_available: bool,
    pub(super) item: Item,
    pub(super) codes: BTreeSet<u16>,
    /// Set if the room was destroyed.
    pub(super) destroyed: Option<Destroyed>,
    occupant_id: Option<String>,
    show: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Item {
    role: Role,
    affiliation: Affiliation,
    pub(super) jid: Option<Jid>,
    /// The new nickname, with status 303.
    pub(super) nick: Option<String>,
    pub(super) actor: Option<PeerText>,
    pub(super) reason: Option<PeerText>,
}

#[derive(Debug)]
pub(super) struct Destroyed {
    pub(super) alternative: Option<BareJid>,
    pub(super) reason: Option<PeerText>,
}

impl OccupantPresence {
    /// Reads the presence of the occupant with this nickname.
    ///
    /// # Errors
    ///
    /// If it violates XEP-0045.
    pub(super) fn read(presence: &Element, nick: &str) -> Result<Self, Problem> {
        let is_available = match presence.attr("type") {
            None => true,
            Some("unavailable") => false,
            Some(_) => return Err(malformed("presence", ns::CLIENT, "type")),
        };
        let user = presence.child("x", ns::MUC_USER).ok_or(Problem {
            name: "x",
            ns: ns::MUC_USER,
            reason: ProblemReason::Malformed(CodecError::Missing {
                element: "presence",
                part: "x",
            }),
        })?;
        let destroyed = user
            .child("destroy", ns::MUC_USER)
            .map(|destroy| Destroyed {
                alternative: destroy.attr("jid").and_then(|jid| jid.parse().ok()),
                reason: reason(destroy),
            });
        let item = match user.child("item", ns::MUC_USER) {
            Some(item) => Item::read(item)?,
            // A destroyed room has nothing to say about an occupant.
            None if !is_available => Item::default(),
            None => {
                return Err(Problem {
                    name: "item",
                    ns: ns::MUC_USER,
                    reason: ProblemReason::Malformed(CodecError::Missing {
                        element: "x",
                        part: "item",
                    }),
                });
            }
        };
        Ok(Self {
            nick: nick.to_owned(),
            is_available,
            item,
            codes: codes(user),
            destroyed,
            occupant_id: presence
                .child("occupant-id", ns::OCCUPANT_ID)
                .and_then(|id| id.attr("id"))
                .filter(|id| (1..=MAX_ID).contains(&id.len()))
                .map(str::to_owned),
            show: presence
                .child("show", ns::CLIENT)
                .map(Element::text)
                .filter(|show| matches!(show.as_str(), "away" | "chat" | "dnd" | "xa")),
        })
    }

    pub(super) fn has(&self, code: u16) -> bool {
        self.codes.contains(&code)
    }

    pub(super) fn into_occupant(self) -> Occupant {
        Occupant {
            nick: self.nick,
            role: self.item.role,
            affiliation: self.item.affiliation,
            jid: self.item.jid,
            id: self.occupant_id,
            show: self.show,
        }
    }
}

impl Item {
    fn read(item: &Element) -> Result<Self, Problem> {
        let role = match item.attr("role") {
            None => Role::default(),
            Some(name) => Role::named(name).ok_or(malformed("item", ns::MUC_USER, "role"))?,
        };
        let affiliation = match item.attr("affiliation") {
            None => Affiliation::default(),
            Some(name) => {
                Affiliation::named(name).ok_or(malformed("item", ns::MUC_USER, "affiliation"))?
            }
        };
        let actor = item.child("actor", ns::MUC_USER);
        let actor = actor.and_then(|actor| actor.attr("nick").or_else(|| actor.attr("jid")));
        Ok(Self {
            role,
            affiliation,
            jid: item.attr("jid").and_then(|jid| Jid::try_from(jid).ok()),
            nick: item.attr("nick").map(str::to_owned),
            actor: actor.and_then(PeerText::new),
            reason: reason(item),
        })
    }
}

fn reason(parent: &Element) -> Option<PeerText> {
    let reason = parent.child("reason", ns::MUC_USER)?;
    PeerText::new(&reason.text())
}

/// Returns the status codes of `<x/>`. A code that is no number says nothing.
pub(super) fn codes(user: &Element) -> BTreeSet<u16> {
    user.children()
        .filter(|child| child.is("status", ns::MUC_USER))
        .filter_map(|status| status.attr("code")?.parse().ok())
        .take(MAX_CODES)
        .collect()
}

fn malformed(element: &'static str, ns: &'static str, part: &'static str) -> Problem {
    Problem {
        name: element,
        ns,
        reason: ProblemReason::Malformed(CodecError::Malformed { element, part }),
    }
}
