use super::{account, stanza};
use crate::{Arrival, ChatMessage, ReceiptPolicy, Receipts};

const ASKS: &str = "<body>x</body><request xmlns='urn:xmpp:receipts'/>";

fn message(attributes: &str, children: &str) -> ChatMessage {
    ChatMessage::read(&stanza(&format!(
        "<message {attributes}>{children}</message>"
    )))
}

/// The receipt that this message gets once it is confirmed.
fn receipt(
    message: &ChatMessage,
    arrival: Arrival,
    policy: ReceiptPolicy,
    sees_us: bool,
) -> Option<String> {
    let mut receipts = Receipts::new(policy);
    receipts.delivered("d", message, arrival, &account(), |_| sees_us);
    assert!(receipts.confirmed("other").is_none());
    let receipt = receipts.confirmed("d").map(|receipt| receipt.to_xml());
    assert!(receipts.confirmed("d").is_none(), "once");
    receipt
}

#[test]
fn a_confirmed_message_that_asks_gets_its_receipt() {
    let asks = message(
        "from='romeo@montague.lit/o' to='juliet@capulet.lit' type='chat' id='m'",
        ASKS,
    );
    let expected = "<message to='romeo@montague.lit/o' type='chat'><received xmlns='urn:xmpp:receipts' id='m'/>\
                    <store xmlns='urn:xmpp:hints'/></message>";
    for (policy, sees_us, is_sent) in [
        (ReceiptPolicy::Contacts, true, true),
        (ReceiptPolicy::Contacts, false, false),
        (ReceiptPolicy::Everyone, false, true),
        (ReceiptPolicy::Never, true, false),
    ] {
        let sent = receipt(&asks, Arrival::Live, policy, sees_us);
        assert_eq!(
            sent.as_deref(),
            is_sent.then_some(expected),
            "{policy:?} {sees_us}"
        );
    }
    // The type of the message: without it the copies of the sender's other clients would be missing.
    let normal = message("from='romeo@montague.lit/o' id='m'", ASKS);
    let sent = receipt(&normal, Arrival::Live, ReceiptPolicy::Everyone, false).unwrap();
    assert!(sent.contains("type='normal'"), "{sent}");
}

#[test]
fn no_receipt_for_copies_rooms_errors_own_messages_and_receipts() {
    let from = "from='romeo@montague.lit/o' to='juliet@capulet.lit' id='m'";
    let asks = message(&format!("{from} type='chat'"), ASKS);
    for arrival in [Arrival::Archive, Arrival::Carbon] {
        assert_eq!(receipt(&asks, arrival, ReceiptPolicy::Everyone, true), None);
    }
    for other in [
        message(&format!("{from} type='groupchat'"), ASKS),
        message(&format!("{from} type='error'"), ASKS),
        message(&format!("{from} type='chat'"), "<body>x</body>"),
        message(
            &format!("{from} type='chat'"),
            "<received xmlns='urn:xmpp:receipts' id='n'/><request xmlns='urn:xmpp:receipts'/>",
        ),
        message("from='romeo@montague.lit/o' type='chat'", ASKS),
        message("from='juliet@capulet.lit/garden' type='chat' id='m'", ASKS),
        message("type='chat' id='m'", ASKS),
        message("from='@' type='chat' id='m'", ASKS),
        message(
            &format!(
                "from='romeo@montague.lit/o' type='chat' id='{}'",
                "i".repeat(2_000)
            ),
            ASKS,
        ),
    ] {
        assert_eq!(
            receipt(&other, Arrival::Live, ReceiptPolicy::Everyone, true),
            None,
            "{other:?}"
        );
    }
}

#[test]
fn i20_receipts_that_wait_are_bounded() {
    let asks = message("from='romeo@montague.lit/o' type='chat' id='m'", ASKS);
    let mut receipts = Receipts::new(ReceiptPolicy::Everyone);
    for number in 0..3_000 {
        // A delivery that is repeated gets one receipt.
        for _ in 0..2 {
            receipts.delivered(
                &number.to_string(),
                &asks,
                Arrival::Live,
                &account(),
                |_| true,
            );
        }
    }
    let sent = (0..3_000).filter(|number| receipts.confirmed(&number.to_string()).is_some());
    assert_eq!(sent.collect::<Vec<_>>(), (1_976..3_000).collect::<Vec<_>>());
}
