use snapback_wire::xml::Element;

use super::{account, stanza};
use crate::{
    ChatMessage, ChatState, Draft, DraftError, File, Hints, MessageKind, Reactions, Reply, Texts,
    Thread,
};

fn draft() -> Draft {
    Draft::to(account())
}

fn sent(draft: Draft) -> ChatMessage {
    let xml = draft.into_element().unwrap().to_xml();
    let message = ChatMessage::read(&stanza(&xml));
    assert_eq!(message.problems, [], "{xml}");
    message
}

#[test]
fn what_is_written_is_read_again() {
    let message = sent(Draft {
        kind: MessageKind::Groupchat,
        id: Some("i".to_owned()),
        body: Texts::plain("Hello <&> \u{1f600}").with("fr", "Bonjour"),
        subject: Texts::plain("s"),
        thread: Some(Thread {
            id: "t".to_owned(),
            parent: Some("p".to_owned()),
        }),
        request_receipt: true,
        markable: true,
        chat_state: Some(ChatState::Active),
        corrects: Some("c".to_owned()),
        files: vec![File {
            uri: "https://a?b&c".to_owned(),
            description: None,
        }],
        hints: Hints {
            no_permanent_store: true,
            ..Hints::default()
        },
        children: vec![Element::new("x", "urn:x")],
        ..draft()
    });
    assert_eq!(
        (message.kind, message.id.as_deref()),
        (MessageKind::Groupchat, Some("i"))
    );
    assert_eq!(
        message.to.jid().map(ToString::to_string),
        Some(account().to_string())
    );
    assert_eq!(message.text(&[]).as_deref(), Some("Hello <&> \u{1f600}"));
    assert_eq!(message.text(&["fr"]).as_deref(), Some("Bonjour"));
    assert_eq!(message.thread.unwrap().parent.as_deref(), Some("p"));
    assert!(message.requests_receipt && message.is_markable && message.hints.no_permanent_store);
    assert_eq!(message.chat_state, Some(ChatState::Active));
    assert_eq!(message.corrects.as_deref(), Some("c"));
    assert_eq!(message.files[0].uri, "https://a?b&c");
}

#[test]
fn a_chat_state_alone_is_nothing_else() {
    let composing = Draft {
        chat_state: Some(ChatState::Composing),
        ..draft()
    };
    assert_eq!(
        composing.into_element().unwrap().to_xml(),
        "<message to='juliet@capulet.lit' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
    );
}

#[test]
fn a_reply_quotes_for_other_clients() {
    let reply = Draft {
        body: Texts::plain("Great").with("de", "Toll"),
        reply: Some(Reply {
            id: "m".to_owned(),
            to: Some(account().into()),
        }),
        quote: Some("Hi \u{1f600},\nhow are you?\n".to_owned()),
        ..draft()
    };
    let message = sent(reply);
    assert_eq!(
        message.bodies.default_text(),
        Some("> Hi \u{1f600},\n> how are you?\nGreat")
    );
    assert_eq!(message.text(&[]).as_deref(), Some("Great"));
    assert_eq!(message.text(&["de"]).as_deref(), Some("Toll"));
    for (quote, reply) in [(Some(""), true), (Some("x"), false), (None, true)] {
        let message = sent(Draft {
            body: Texts::plain("Great"),
            reply: reply.then(|| Reply {
                id: "m".to_owned(),
                to: None,
            }),
            quote: quote.map(str::to_owned),
            ..draft()
        });
        assert_eq!(message.bodies.default_text(), Some("Great"));
        assert!(message.fallbacks.is_empty());
    }
}

#[test]
fn what_archives_would_not_keep_has_a_hint() {
    let reactions = || Reactions {
        id: "m".to_owned(),
        emojis: vec!["\u{1f44d}".to_owned(), " \u{1f44d} ".to_owned()],
    };
    let message = sent(Draft {
        reactions: Some(reactions()),
        ..draft()
    });
    assert!(message.hints.store);
    assert_eq!(message.reactions.unwrap().emojis, ["\u{1f44d}"]);
    let message = sent(Draft {
        retracts: Some("m".to_owned()),
        body: Texts::plain("/me retracted a message"),
        ..draft()
    });
    assert!(message.hints.store);
    assert_eq!(message.text(&[]), None);
    let hints = Hints {
        no_store: true,
        ..Hints::default()
    };
    let message = sent(Draft {
        reactions: Some(reactions()),
        hints,
        ..draft()
    });
    assert_eq!(message.hints, hints);
    assert_eq!(
        sent(Draft {
            body: Texts::plain("x"),
            ..draft()
        })
        .hints,
        Hints::default()
    );
}

#[test]
fn what_specifications_forbid_is_not_sent() {
    let refused = |draft: Draft| draft.into_element().unwrap_err();
    for id in [String::new(), "i".repeat(1_025)] {
        assert_eq!(
            refused(Draft {
                corrects: Some(id.clone()),
                ..draft()
            }),
            DraftError::Id("corrected message")
        );
        assert_eq!(
            refused(Draft {
                id: Some(id),
                ..draft()
            }),
            DraftError::Id("message")
        );
    }
    let reactions = |emojis: Vec<String>| Draft {
        reactions: Some(Reactions {
            id: "m".to_owned(),
            emojis,
        }),
        ..draft()
    };
    assert_eq!(
        refused(reactions(vec![" ".to_owned()])),
        DraftError::Reactions
    );
    assert_eq!(
        refused(reactions(vec!["x".repeat(129)])),
        DraftError::Reactions
    );
    let numbers = |count: usize| (0..count).map(|number| number.to_string()).collect();
    assert_eq!(refused(reactions(numbers(65))), DraftError::Reactions);
    assert!(reactions(numbers(64)).into_element().is_ok());
    let loops = Draft {
        receipt_of: Some("m".to_owned()),
        request_receipt: true,
        ..draft()
    };
    assert_eq!(refused(loops), DraftError::ReceiptOfReceipt);
    assert_eq!(
        refused(Draft {
            kind: MessageKind::Error,
            ..draft()
        }),
        DraftError::Kind
    );
}
