use snapback_wire::time::UnixTime;

use super::{of_romeo, stanza};
use crate::payload::MAX_PROBLEMS;
use crate::payload::files::{MAX_FILES, MAX_URI};
use crate::payload::reactions::{MAX_REACTION, MAX_REACTIONS};
use crate::{ChatMessage, ChatState, Hints, MessageKind, Problem, ProblemReason};

#[test]
fn each_payload_is_read() {
    let message = of_romeo(
        "<body>text</body><subject>s</subject>
         <request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>
         <active xmlns='http://jabber.org/protocol/chatstates'/>
         <replace xmlns='urn:xmpp:message-correct:0' id='c1'/>
         <reply xmlns='urn:xmpp:reply:0' id='p1' to='Juliet@Capulet.lit/balcony'/>
         <x xmlns='jabber:x:oob'><url> https://example.org/a.jpg </url><desc>d</desc></x>
         <store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/>
         <delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:07Z'/>
         <origin-id xmlns='urn:xmpp:sid:0' id='o1'/>
         <stanza-id xmlns='urn:xmpp:sid:0' id='s1' by='juliet@capulet.lit'/>
         <occupant-id xmlns='urn:xmpp:occupant-id:0' id='q1'/>",
    );
    assert_eq!(message.problems, []);
    assert_eq!(message.kind, MessageKind::Chat);
    assert_eq!(message.subjects.default_text(), Some("s"));
    assert!(message.requests_receipt && message.is_markable);
    assert_eq!(message.chat_state, Some(ChatState::Active));
    assert_eq!(message.corrects.as_deref(), Some("c1"));
    let reply = message.reply.unwrap();
    assert_eq!(reply.to, "juliet@capulet.lit/balcony".parse().ok());
    assert_eq!(reply.id, "p1");
    assert_eq!(message.files[0].uri, "https://example.org/a.jpg");
    assert_eq!(message.files[0].description.as_deref(), Some("d"));
    let hints = Hints {
        store: true,
        no_copy: true,
        ..Hints::default()
    };
    assert_eq!(message.hints, hints);
    assert_eq!(message.delay.map(|delay| delay.stamp), Some(UnixTime(7)));
    assert_eq!(message.origin_id.as_deref(), Some("o1"));
    assert_eq!(message.stanza_ids[0].id, "s1");
    assert_eq!(message.occupant_id.as_deref(), Some("q1"));
}

#[test]
fn receipts_and_markers_name_a_message() {
    for (xml, receipt, displayed) in [
        (
            "<received xmlns='urn:xmpp:receipts' id='a'/>",
            Some("a"),
            None,
        ),
        (
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='a'/>",
            None,
            Some("a"),
        ),
        // Of older versions.
        (
            "<received xmlns='urn:xmpp:chat-markers:0' id='a'/>",
            Some("a"),
            None,
        ),
        (
            "<acknowledged xmlns='urn:xmpp:chat-markers:0' id='a'/>",
            None,
            Some("a"),
        ),
        ("<received xmlns='urn:xmpp:receipts'/>", None, None),
        (
            "<displayed xmlns='urn:xmpp:chat-markers:0' id=''/>",
            None,
            None,
        ),
        (
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='a'/><displayed xmlns='urn:xmpp:chat-markers:0' id='b'/>",
            None,
            None,
        ),
    ] {
        let message = of_romeo(xml);
        let found = (message.receipt_of.as_deref(), message.displayed.as_deref());
        assert_eq!(found, (receipt, displayed), "{xml}");
        assert_eq!(
            message.problems.is_empty(),
            receipt.or(displayed).is_some(),
            "{xml}"
        );
    }
}

#[test]
fn reactions_are_distinct_trimmed_and_few() {
    let reactions = |children: &str| {
        let message = of_romeo(&format!(
            "<body>text</body><reactions xmlns='urn:xmpp:reactions:0' id='m'>{children}</reactions>"
        ));
        (
            message.reactions.map(|reactions| reactions.emojis),
            message.problems,
        )
    };
    let (emojis, problems) = reactions(
        "<reaction>\n  \u{1f44d}  </reaction><reaction>\u{1f44d}</reaction><reaction>\u{2764}\u{fe0f}</reaction>",
    );
    assert_eq!(emojis.unwrap(), ["\u{1f44d}", "\u{2764}\u{fe0f}"]);
    assert_eq!(problems, []);
    // None removes all.
    assert_eq!(reactions(""), (Some(Vec::new()), Vec::new()));
    let many: String = (0..10_000)
        .map(|number| format!("<reaction>{number}</reaction>"))
        .collect();
    let (emojis, problems) = reactions(&many);
    assert_eq!(emojis.unwrap().len(), 64);
    assert_eq!(problems[0].reason, ProblemReason::TooMany(64));
    for bad in [
        "<reaction/>",
        "<reaction> </reaction>",
        &format!("<reaction>{}</reaction>", "\u{1f44d}".repeat(40)),
    ] {
        let (emojis, problems) = reactions(bad);
        assert_eq!(emojis, None, "{bad}");
        assert!(
            matches!(problems[0].reason, ProblemReason::Malformed(_)),
            "{bad}"
        );
    }
    // Two lists: it is not clear which one is meant.
    let twice = of_romeo(
        "<reactions xmlns='urn:xmpp:reactions:0' id='m'/><reactions xmlns='urn:xmpp:reactions:0' id='n'/>",
    );
    assert_eq!(twice.reactions, None);
    assert_eq!(twice.problems[0].reason, ProblemReason::Repeated);
}

#[test]
fn retractions_and_what_remains_of_a_message() {
    let of_author = of_romeo("<retract xmlns='urn:xmpp:message-retract:1' id='m'/>")
        .retracts
        .unwrap();
    assert!(of_author.id == "m" && !of_author.is_moderated);
    let moderated = "<retract xmlns='urn:xmpp:message-retract:1' id='m'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>";
    assert!(of_romeo(moderated).retracts.unwrap().is_moderated);
    let tombstone = of_romeo(
        "<retracted xmlns='urn:xmpp:message-retract:1' id='r' stamp='1970-01-01T00:00:01Z'/>",
    )
    .tombstone
    .unwrap();
    assert_eq!(
        (tombstone.id.as_str(), tombstone.stamp),
        ("r", Some(UnixTime(1)))
    );
    let bad = of_romeo("<retracted xmlns='urn:xmpp:message-retract:1' id='r' stamp='then'/>");
    assert!(bad.tombstone.is_none() && bad.problems.len() == 1);
}

#[test]
fn a_malformed_payload_costs_nothing_else() {
    let long = "i".repeat(1_025);
    for (payload, name) in [
        ("<replace xmlns='urn:xmpp:message-correct:0'/>".to_owned(), "replace"),
        (format!("<replace xmlns='urn:xmpp:message-correct:0' id='{long}'/>"), "replace"),
        ("<retract xmlns='urn:xmpp:message-retract:1'/>".to_owned(), "retract"),
        ("<reply xmlns='urn:xmpp:reply:0' id='a' to='@'/>".to_owned(), "reply"),
        ("<reply xmlns='urn:xmpp:reply:0' to='a@b'/>".to_owned(), "reply"),
        ("<x xmlns='jabber:x:oob'/>".to_owned(), "x"),
        ("<x xmlns='jabber:x:oob'><url/></x>".to_owned(), "x"),
        (format!("<x xmlns='jabber:x:oob'><url>{}</url></x>", "u".repeat(8_193)), "x"),
        ("<odd xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(), "chat state"),
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/><paused xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(), "chat state"),
        ("<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>".to_owned(), "stanza-id"),
        ("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='@'/>".to_owned(), "stanza-id"),
        ("<origin-id xmlns='urn:xmpp:sid:0'/>".to_owned(), "origin-id"),
        ("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='a'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='b'/>".to_owned(), "occupant-id"),
        ("<fallback xmlns='urn:xmpp:fallback:0'><body start='2' end='1'/></fallback>".to_owned(), "fallback"),
    ] {
        let message = of_romeo(&format!("<body>text</body>{payload}<request xmlns='urn:xmpp:receipts'/>"));
        let names: Vec<&str> = message.problems.iter().map(|problem| problem.name).collect();
        assert_eq!(names, [name], "{payload}");
        let rest = ChatMessage { problems: Vec::new(), ..message };
        let clean = of_romeo("<body>text</body><request xmlns='urn:xmpp:receipts'/>");
        assert!(rest == clean, "{payload}");
    }
}

#[test]
fn i20_what_a_stranger_can_repeat_is_bounded() {
    let ids: String = (0..3_000)
        .map(|number| {
            format!("<stanza-id xmlns='urn:xmpp:sid:0' id='{number}' by='juliet@capulet.lit'/>")
        })
        .collect();
    let message = of_romeo(&ids);
    // Those of the archives are the last.
    assert_eq!(message.stanza_ids.len(), 16);
    assert_eq!(message.stanza_ids.last().unwrap().id, "2999");
    let files = "<x xmlns='jabber:x:oob'><url>u</url></x>".repeat(3_000);
    assert_eq!(of_romeo(&files).files.len(), 32);
    let fallbacks = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'/>".repeat(3_000);
    assert_eq!(of_romeo(&fallbacks).fallbacks.len(), 16);
    let ranges = "<body start='0' end='0'/>".repeat(3_000);
    let ranges = of_romeo(&format!(
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'>{ranges}</fallback>"
    ));
    assert!(ranges.fallbacks.is_empty() && ranges.problems.len() == 1);
    let problems: String = (0..100)
        .map(|number| format!("<x xmlns='jabber:x:oob' a='{number}'/><body>{number}</body>"))
        .collect();
    let message = of_romeo(&problems);
    assert!((1..=MAX_PROBLEMS).contains(&message.problems.len()));
    let distinct: Vec<&Problem> = message.problems.iter().collect();
    assert_eq!(distinct.len(), 2, "each is reported once: {distinct:?}");
}

#[test]
fn an_error_belongs_to_the_message_that_failed_and_says_nothing_itself() {
    let failed = ChatMessage::read(&stanza(
        "<message from='romeo@montague.lit' to='juliet@capulet.lit/balcony' type='error' id='mine'>
           <body>what I said</body><request xmlns='urn:xmpp:receipts'/><replace xmlns='urn:xmpp:message-correct:0' id='a'/>
           <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
    ));
    assert_eq!(failed.id.as_deref(), Some("mine"));
    assert_eq!(
        failed.error.as_ref().unwrap().condition.name(),
        "service-unavailable"
    );
    assert!(
        failed.bodies.all().is_empty() && !failed.requests_receipt && failed.corrects.is_none()
    );
}

#[test]
fn another_stanza_is_no_message() {
    for xml in [
        "<presence><body>a</body></presence>",
        "<iq type='get' id='1'><body>a</body></iq>",
    ] {
        let read = ChatMessage::read(&stanza(xml));
        assert!(read.bodies.all().is_empty(), "{xml}");
    }
}

/// What is one above a limit is left out and reported; the message keeps everything else.
#[test]
fn limit_of_each_payload_is_exact() {
    let body = "<body>text</body>";
    let file = |size: usize| {
        let url = "u".repeat(size);
        of_romeo(&format!(
            "{body}<x xmlns='jabber:x:oob'><url>{url}</url></x>"
        ))
    };
    let files = |count: usize| {
        of_romeo(&format!(
            "{body}{}",
            "<x xmlns='jabber:x:oob'><url>u</url></x>".repeat(count)
        ))
    };
    let reactions = |texts: Vec<String>| {
        let texts: String = texts
            .iter()
            .map(|text| format!("<reaction>{text}</reaction>"))
            .collect();
        of_romeo(&format!(
            "{body}<reactions xmlns='urn:xmpp:reactions:0' id='m1'>{texts}</reactions>"
        ))
    };
    let many = |count: usize| reactions((0..count).map(|n| n.to_string()).collect());
    let long = |size: usize| reactions(vec!["x".repeat(size)]);
    let kept = |message: &ChatMessage| message.reactions.as_ref().map(|all| all.emojis.len());
    for (message, files, emojis, problems) in [
        (file(MAX_URI), 1, None, 0),
        (file(MAX_URI + 1), 0, None, 1),
        (files(MAX_FILES), MAX_FILES, None, 0),
        (files(MAX_FILES + 1), MAX_FILES, None, 1),
        (many(MAX_REACTIONS), 0, Some(MAX_REACTIONS), 0),
        (many(MAX_REACTIONS + 1), 0, Some(MAX_REACTIONS), 1),
        (long(MAX_REACTION), 0, Some(1), 0),
    ] {
        assert_eq!(message.files.len(), files);
        assert_eq!(kept(&message), emojis);
        assert_eq!(message.problems.len(), problems);
        assert_eq!(message.bodies.default_text(), Some("text"));
    }
    let message = long(MAX_REACTION + 1);
    assert!(kept(&message).is_none_or(|count| count == 0));
    assert_eq!(message.problems.len(), 1);
}
