//! Every payload of `chat/src/payload`: no message makes a codec panic or exceeds a bound, and what can be sent is read again as it
//! was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback_chat::payload::MAX_PROBLEMS;
use snapback_chat::payload::reactions::MAX_REACTIONS;
use snapback_chat::{
    Arrival, ChatMessage, Draft, MessageKey, ReceiptPolicy, Receipts, RoomFeatures,
};
use snapback_fuzz::elements;
use snapback_proto::jid::BareJid;
use snapback_proto::xml::{Element, parse_stanza};

fuzz_target!(|input: &[u8]| {
    let Ok(account) = BareJid::try_from("juliet@example.org") else {
        return;
    };
    let messages = elements(input);
    for message in &messages {
        let read = ChatMessage::read(message);
        assert!(read.problems.len() <= MAX_PROBLEMS);
        if let Some(reactions) = &read.reactions {
            assert!(reactions.emojis.len() <= MAX_REACTIONS);
        }
        let _ = read.text(&["de", ""]);
        again(&read);
        let mut receipts = Receipts::new(ReceiptPolicy::Everyone);
        receipts.delivered("d", &read, Arrival::Live, &account, |_| true);
        let _ = receipts.confirmed("d");
        for other in &messages {
            refers(message, other, &account);
        }
    }
});

/// Only its author changes a message.
fn refers(message: &Element, other: &Element, account: &BareJid) {
    let keys = MessageKey::of(message, account).zip(MessageKey::of(other, account));
    let Some((by, original)) = keys else { return };
    for reference in ChatMessage::read(message).references() {
        for (stanza_ids, occupant_ids) in [(false, false), (true, true)] {
            let room = RoomFeatures {
                stanza_ids,
                occupant_ids,
            };
            if by.refers_to(&reference, &original, room).is_ok() {
                assert_eq!(by.conversation, original.conversation);
            }
        }
    }
}

/// Writes what was read, and reads it again.
fn again(read: &ChatMessage) {
    let Some(to) = read.from.jid() else { return };
    let draft = Draft {
        kind: read.kind,
        id: read.id.clone(),
        body: read.bodies.clone(),
        subject: read.subjects.clone(),
        thread: read.thread.clone(),
        chat_state: read.chat_state,
        displayed: read.displayed.clone(),
        corrects: read.corrects.clone(),
        reactions: read.reactions.clone(),
        reply: read.reply.clone(),
        fallbacks: read.fallbacks.clone(),
        files: read.files.clone(),
        hints: read.hints,
        ..Draft::to(to.clone())
    };
    let Ok(written) = draft.into_element() else {
        return;
    };
    let parsed = parse_stanza(&written.to_xml()).expect("a stanza");
    assert_eq!(parsed, written);
    let again = ChatMessage::read(&parsed);
    assert_eq!(again.reactions, read.reactions);
    assert_eq!(again.reply, read.reply);
    assert_eq!(again.corrects, read.corrects);
    assert_eq!(again.files, read.files);
    assert_eq!(again.fallbacks, read.fallbacks);
    assert_eq!(again.chat_state, read.chat_state);
}
