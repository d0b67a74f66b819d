mod drafts;
mod fallbacks;
mod payloads;
mod receipts;
mod references;
mod service;
mod texts;

use snapback_types::jid::BareJid;
use snapback_wire::xml::{Element, parse_stanza};

use crate::{ChatMessage, MessageKey};

/// The account that receives the messages.
fn account() -> BareJid {
    "juliet@capulet.lit".parse().unwrap()
}

fn stanza(xml: &str) -> Element {
    parse_stanza(xml).unwrap_or_else(|| panic!("no stanza: {xml}"))
}

/// A message of Romeo's with these children.
fn of_romeo(children: &str) -> ChatMessage {
    ChatMessage::read(&stanza(&format!(
        "<message from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony' type='chat' id='r1'>{children}</message>"
    )))
}

fn key(xml: &str) -> Option<MessageKey> {
    MessageKey::of(&stanza(xml), &account())
}
