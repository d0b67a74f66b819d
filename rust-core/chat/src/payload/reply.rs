//! XEP-0461: replies.

use snapback_types::jid::Jid;
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, id_of, malformed, with_id};

const REPLY: Kind = Kind::new("reply", ns::REPLY);

/// The message that a message replies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its id: in a room the id that the room assigned, else the sender's own id (XEP-0461 section 4.1).
    pub id: String,
    /// Its author, if that is stated. Any sender can state any author: look the message up by its id.
    pub to: Option<Jid>,
}

impl Reply {
    /// Returns the payload.
    pub fn to_element(&self) -> Element {
        let mut reply = with_id(REPLY, &self.id);
        if let Some(to) = &self.to {
            reply.set_attr("to", to.to_string());
        }
        reply
    }
}

pub(crate) fn read(payloads: &mut Payloads<'_>) -> Option<Reply> {
    payloads.one(REPLY, |element| {
        let to = element.attr("to").map(Jid::try_from).transpose();
        Ok(Reply {
            id: id_of(element, REPLY, "id")?,
            to: to.map_err(|_| malformed(REPLY, "to"))?,
        })
    })
}
