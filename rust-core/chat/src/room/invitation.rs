//! Invitations: XEP-0249 from contact to contact, and through the room (XEP-0045 section 7.8.2).

use std::fmt;

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::peer_text::PeerText;
use snapback_wire::xml::Element;

/// The maximum number of bytes of a room's password that is read, 1023, as of a part of an address.
const MAX_PASSWORD: usize = 1023;

/// An invitation to a room. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The room.
    pub room: BareJid,
    /// Who invites. Of a direct invitation, its sender; of a mediated one, who the room says it is.
    pub by: Option<Jid>,
    /// Whether the contact sent it directly (XEP-0249), and not through the room.
    pub is_direct: bool,
    /// The given reason.
    pub reason: Option<PeerText>,
    /// The room's password.
    pub password: Option<String>,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("is_direct", &self.is_direct)
            .finish_non_exhaustive()
    }
}

/// What a message says about invitations.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invited {
    Invitation(Invitation),
    Declined {
        room: BareJid,
        by: Option<Jid>,
        reason: Option<PeerText>,
    },
    /// Mediated invitations come from the room itself.
    Forged(BareJid),
}

impl Invitation {
    /// Returns a direct invitation (XEP-0249): only the contact sees it, and it needs no right in the room.
    pub fn direct(
        room: &BareJid,
        to: &Jid,
        reason: Option<&str>,
        password: Option<&str>,
    ) -> Element {
        let mut x = Element::new("x", ns::DIRECT_INVITATION).with_attr("jid", room.to_string());
        for (name, value) in [("reason", reason), ("password", password)] {
            if let Some(value) = value {
                x.set_attr(name, value);
            }
        }
        Element::new("message", ns::CLIENT)
            .with_attr("to", to.to_string())
            .with_child(x)
    }

    /// Returns an invitation that the room sends on (XEP-0045 section 7.8.2): a members-only room may add the contact to its members.
    pub fn mediated(room: &BareJid, to: &Jid, reason: Option<&str>) -> Element {
        let mut invite = Element::new("invite", ns::MUC_USER).with_attr("to", to.to_string());
        if let Some(reason) = reason {
            invite.push_child(Element::new("reason", ns::MUC_USER).with_text(reason));
        }
        Element::new("message", ns::CLIENT)
            .with_attr("to", room.to_string())
            .with_child(Element::new("x", ns::MUC_USER).with_child(invite))
    }

    /// Returns the message that declines this invitation; `None` if it was direct: there is no protocol for that.
    pub fn decline(&self, reason: Option<&str>) -> Option<Element> {
        if self.is_direct {
            return None;
        }
        let mut decline = Element::new("decline", ns::MUC_USER);
        if let Some(by) = &self.by {
            decline.set_attr("to", by.to_string());
        }
        if let Some(reason) = reason {
            decline.push_child(Element::new("reason", ns::MUC_USER).with_text(reason));
        }
        Some(
            Element::new("message", ns::CLIENT)
                .with_attr("to", self.room.to_string())
                .with_child(Element::new("x", ns::MUC_USER).with_child(decline)),
        )
    }
}

/// Reads what a message from this sender says about invitations.
pub(super) fn read(message: &Element, from: &Jid) -> Option<Invited> {
    // An error repeats what the user has sent.
    if message.attr("type") == Some("error") {
        return None;
    }
    if let Some(user) = message.child("x", ns::MUC_USER)
        && let Some(found) = mediated(user, from)
    {
        return Some(found);
    }
    let direct = message.child("x", ns::DIRECT_INVITATION)?;
    Some(Invited::Invitation(Invitation {
        room: direct.attr("jid")?.parse().ok()?,
        by: Some(from.clone()),
        is_direct: true,
        reason: direct.attr("reason").and_then(PeerText::new),
        password: direct.attr("password").and_then(password),
    }))
}

fn mediated(user: &Element, from: &Jid) -> Option<Invited> {
    let invite = user.child("invite", ns::MUC_USER);
    let found = invite.or_else(|| user.child("decline", ns::MUC_USER))?;
    let room = match from {
        Jid::Bare(room) => room.clone(),
        Jid::Full(_) => return Some(Invited::Forged(from.bare().clone())),
    };
    let by = found.attr("from").and_then(|by| Jid::try_from(by).ok());
    let reason = found
        .child("reason", ns::MUC_USER)
        .and_then(|reason| PeerText::new(&reason.text()));
    Some(match invite {
        Some(_) => Invited::Invitation(Invitation {
            room,
            by,
            is_direct: false,
            reason,
            password: user
                .child("password", ns::MUC_USER)
                .and_then(|element| password(&element.text())),
        }),
        None => Invited::Declined { room, by, reason },
    })
}

fn password(text: &str) -> Option<String> {
    (1..=MAX_PASSWORD)
        .contains(&text.len())
        .then(|| text.to_owned())
}
