//! XEP-0359: messages that were here before. A double is counted like any stanza (rule I1) and reaches nobody.

use crate::knowledge::{Op, SeenTag, StableId};
use crate::ns;
use crate::xep::delay::Delay;
use crate::xep::{carbons, stanza_id};
use crate::xml::Element;

use super::super::context::Context;
use super::archive::Archive;

/// What tells a message from all others, and what it means for the archive.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// At most two.
    tags: Vec<SeenTag>,
    /// The first of them tells nothing yet: nobody has vouched for the archive's ids.
    first_is_claimed: bool,
    /// The message's place in our archive, if it may be believed to be the newest.
    newest: Option<String>,
}

impl Ids {
    /// The ids of a message as it came, or of the one inside a carbon of ours (rule T7).
    pub(super) fn of_live(message: &Element, archive: &Archive, context: &Context) -> Self {
        let own = context.config.account.to_string();
        match carbons::unwrap(message, &own) {
            Some(Ok(carbon)) => Self::of_carbon(&carbon, &own, archive, context),
            Some(Err(_)) => Self::default(),
            None => {
                let id = stanza_id::stanza_id(message, &own);
                let origin = origin_tag(message, context);
                Self::new(id, origin, is_fresh(message), archive, context)
            }
        }
    }

    fn of_carbon(
        carbon: &carbons::Carbon,
        own: &str,
        archive: &Archive,
        context: &Context,
    ) -> Self {
        let id = stanza_id::stanza_id(&carbon.message, own);
        let origin = match carbon.direction {
            carbons::Direction::Received => origin_tag(&carbon.message, context),
            carbons::Direction::Sent => {
                sent_id(&carbon.message).map(|id| context.knowledge.seen.tag(StableId::Ours(id)))
            }
        };
        let fresh = carbon.delay.is_none() && is_fresh(&carbon.message);
        Self::new(id, origin, fresh, archive, context)
    }

    /// The ids of a message from the archive.
    pub(super) fn of_archived(
        id: &str,
        message: &Element,
        is_ours: bool,
        context: &Context,
    ) -> Self {
        let seen = &context.knowledge.seen;
        let other = if is_ours {
            sent_id(message).map(|id| seen.tag(StableId::Ours(id)))
        } else {
            origin_tag(message, context)
        };
        let mut tags = vec![seen.tag(StableId::Archive(id))];
        tags.extend(other);
        Self {
            tags,
            ..Self::default()
        }
    }

    fn new(
        id: Option<&str>,
        origin: Option<SeenTag>,
        fresh: bool,
        archive: &Archive,
        context: &Context,
    ) -> Self {
        let id = id.filter(|_| *archive != Archive::Absent);
        let mut tags = Vec::new();
        tags.extend(id.map(|id| context.knowledge.seen.tag(StableId::Archive(id))));
        tags.extend(origin);
        Self {
            tags,
            first_is_claimed: id.is_some() && !archive.is_trusted(),
            newest: id.filter(|_| fresh).map(str::to_owned),
        }
    }

    /// Whether this message was here before.
    pub(super) fn is_double(&self, context: &Context) -> bool {
        let skipped = usize::from(self.first_is_claimed);
        let mut tags = self.tags.iter().skip(skipped);
        tags.any(|tag| context.knowledge.seen.contains(*tag))
    }

    /// The message is known from here on.
    pub(super) fn note(&self, context: &mut Context) -> Option<Op> {
        for tag in &self.tags {
            context.knowledge.seen.insert(*tag);
        }
        (!self.tags.is_empty()).then(|| Op::Seen(self.tags.clone()))
    }

    pub(super) fn newest(&self) -> Option<&str> {
        self.newest.as_deref()
    }
}

/// A stamped message was kept somewhere, so older ones may be behind it.
fn is_fresh(message: &Element) -> bool {
    !message.has_child("delay", ns::DELAY) && Delay::of(message).is_none()
}

/// Errors carry the ids of what they answer.
fn origin_tag(message: &Element, context: &Context) -> Option<SeenTag> {
    let kind = message.attr("type");
    if kind == Some("error") {
        return None;
    }
    let from = message.attr("from")?;
    let sender = match kind {
        Some("groupchat") => from,
        _ => bare(from),
    };
    let id = stanza_id::parse_origin_id(message).filter(|id| !id.is_empty())?;
    Some(context.knowledge.seen.tag(StableId::Origin { sender, id }))
}

/// The id of a message that this account sent.
pub(super) fn sent_id(message: &Element) -> Option<&str> {
    let id = stanza_id::parse_origin_id(message).or_else(|| message.attr("id"));
    id.filter(|id| !id.is_empty())
}

pub(super) fn bare(jid: &str) -> &str {
    jid.split('/').next().unwrap_or(jid)
}
