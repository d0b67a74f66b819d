//! What moderators and owners ask of a room (XEP-0045 sections 8 to 10): each request as an iq without an id, and its answer, read.

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::ns;
use snapback_wire::peer_text::PeerText;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xep::forms::Form;
use snapback_wire::xml::Element;

use super::presence::{Affiliation, Role};

/// The name of a room's configuration form (XEP-0045 section 16.5.3).
pub const CONFIGURATION: &str = "http://jabber.org/protocol/muc#roomconfig";

/// A user who has an affiliation with a room, in it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affiliated {
    /// The user's address.
    pub jid: Jid,
    /// The affiliation.
    pub affiliation: Affiliation,
    /// The registered nickname, or that of the occupant.
    pub nick: Option<String>,
    /// The reason that was given.
    pub reason: Option<PeerText>,
}

/// Returns the request for all users with this affiliation (XEP-0045 section 9.5 for members).
pub fn affiliated(room: &BareJid, affiliation: Affiliation) -> Element {
    let item = Element::new("item", ns::MUC_ADMIN).with_attr("affiliation", affiliation.name());
    admin("get", room, item)
}

/// Reads the answer to [`affiliated`]. Users whose address cannot be read are counted in the second value.
///
/// # Errors
///
/// If it contains no list.
pub fn read_affiliated(answer: &Element) -> Result<(Vec<Affiliated>, usize), CodecError> {
    let query = answer
        .child("query", ns::MUC_ADMIN)
        .ok_or(CodecError::Missing {
            element: "iq",
            part: "query",
        })?;
    let mut unreadable = 0;
    let items = query
        .children()
        .filter(|item| item.is("item", ns::MUC_ADMIN))
        .filter_map(|item| {
            let read = read_item(item);
            unreadable += usize::from(read.is_none());
            read
        })
        .collect();
    Ok((items, unreadable))
}

fn read_item(item: &Element) -> Option<Affiliated> {
    Some(Affiliated {
        jid: Jid::try_from(item.attr("jid")?).ok()?,
        affiliation: item.attr("affiliation").and_then(Affiliation::named)?,
        nick: item.attr("nick").map(str::to_owned),
        reason: item
            .child("reason", ns::MUC_USER)
            .or_else(|| item.child("reason", ns::MUC_ADMIN))
            .and_then(|reason| PeerText::new(&reason.text())),
    })
}

/// Returns the request that gives a user another affiliation: a ban is [`Affiliation::Outcast`] (XEP-0045 section 9.1).
pub fn set_affiliation(
    room: &BareJid,
    user: &BareJid,
    affiliation: Affiliation,
    reason: Option<&str>,
) -> Element {
    let item = Element::new("item", ns::MUC_ADMIN)
        .with_attr("jid", user.to_string())
        .with_attr("affiliation", affiliation.name());
    admin("set", room, with_reason(item, ns::MUC_ADMIN, reason))
}

/// Returns the request that gives an occupant another role: [`Role::None`] kicks (XEP-0045 section 8.2).
pub fn set_role(room: &BareJid, nick: &str, role: Role, reason: Option<&str>) -> Element {
    let item = Element::new("item", ns::MUC_ADMIN)
        .with_attr("nick", nick)
        .with_attr("role", role.name());
    admin("set", room, with_reason(item, ns::MUC_ADMIN, reason))
}

/// Returns the request for the form of the room's configuration (XEP-0045 section 10.2). Only owners receive it.
pub fn configuration(room: &BareJid) -> Element {
    iq("get", room).with_child(Element::new("query", ns::MUC_OWNER))
}

/// Reads the answer to [`configuration`].
///
/// # Errors
///
/// If it contains no form.
pub fn read_configuration(answer: &Element) -> Result<Form, CodecError> {
    let form = answer
        .child("query", ns::MUC_OWNER)
        .and_then(|query| query.child("x", ns::DATA_FORMS))
        .ok_or(CodecError::Missing {
            element: "iq",
            part: "x",
        })?;
    Ok(Form::parse(form))
}

/// Returns the request that changes these fields of the configuration; those that are not named stay as they are. Without fields it
/// opens a new room with the configuration of its service (XEP-0045 section 10.1.2).
pub fn configure(room: &BareJid, fields: Vec<snapback_wire::xep::forms::Field>) -> Element {
    let form = if fields.is_empty() {
        Element::new("x", ns::DATA_FORMS).with_attr("type", "submit")
    } else {
        Form::submit(CONFIGURATION, fields).to_element()
    };
    iq("set", room).with_child(Element::new("query", ns::MUC_OWNER).with_child(form))
}

/// Returns the request that destroys the room (XEP-0045 section 10.9).
pub fn destroy(room: &BareJid, alternative: Option<&BareJid>, reason: Option<&str>) -> Element {
    let mut destroy = Element::new("destroy", ns::MUC_OWNER);
    if let Some(alternative) = alternative {
        destroy.set_attr("jid", alternative.to_string());
    }
    let destroy = with_reason(destroy, ns::MUC_OWNER, reason);
    iq("set", room).with_child(Element::new("query", ns::MUC_OWNER).with_child(destroy))
}

/// Returns the message that sets the room's subject (XEP-0045 section 8.1). An empty one removes it.
pub fn subject(room: &BareJid, subject: &str) -> Element {
    Element::new("message", ns::CLIENT)
        .with_attr("to", room.to_string())
        .with_attr("type", "groupchat")
        .with_child(Element::new("subject", ns::CLIENT).with_text(subject))
}

fn admin(kind: &str, room: &BareJid, item: Element) -> Element {
    iq(kind, room).with_child(Element::new("query", ns::MUC_ADMIN).with_child(item))
}

fn with_reason(element: Element, ns: &'static str, reason: Option<&str>) -> Element {
    match reason {
        Some(reason) => element.with_child(Element::new("reason", ns).with_text(reason)),
        None => element,
    }
}

fn iq(kind: &str, room: &BareJid) -> Element {
    Element::new("iq", ns::CLIENT)
        .with_attr("type", kind)
        .with_attr("to", room.to_string())
}
