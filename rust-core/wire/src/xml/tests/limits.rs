//! T6, W2 and W9: how much one stanza may be, how it is wrapped, and what was asked for.

use super::reader::HEADER;
use crate::xml::{Attribute, Element, Limit, Limits, Refusal, StreamItem, StreamReader};

const CHUNKS: [usize; 4] = [1, 33, 1000, 1_000_000];

/// What comes of one stanza, whatever the chunking: whether it was read, or what it was refused for.
fn outcome(stanza: &str, limits: Limits, asked: Option<&str>) -> Option<Refusal> {
    let mut outcomes = CHUNKS.iter().map(|&chunk| {
        let mut reader = StreamReader::new(limits);
        reader.login_complete();
        if let Some(id) = asked {
            reader.expect_result(id);
        }
        let document = format!("{HEADER}{stanza}<presence/>");
        let mut items = Vec::new();
        for bytes in document.as_bytes().chunks(chunk) {
            reader.feed(bytes);
            while let Some(item) = reader.next_item().unwrap() {
                items.push(item);
            }
        }
        match &items[..] {
            [_, StreamItem::Element(_), StreamItem::Element(_)] => None,
            [_, StreamItem::Refused(refused), StreamItem::Element(_)] => Some(refused.reason),
            _ => panic!("{} items", items.len()),
        }
    });
    let first = outcomes.next().unwrap();
    assert!(outcomes.all(|other| other == first));
    first
}

const SIZE: Option<Refusal> = Some(Refusal::OverLimit(Limit::Size));
const DEPTH: Option<Refusal> = Some(Refusal::OverLimit(Limit::Depth));
const NODES: Option<Refusal> = Some(Refusal::OverLimit(Limit::Nodes));

#[test]
fn w9_a_large_result_must_have_been_asked_for() {
    let limits = Limits {
        stanza: 500,
        wrapper: 0,
        iq_result: 2000,
        ..Limits::default()
    };
    let iq = |head: &str, size: usize| format!("<iq {head}><a>{}</a></iq>", "x".repeat(size));
    for (head, size, asked, expected) in [
        ("type='result' id='q'", 1500, Some("q"), None),
        (
            "type='result' id='q' from='romeo@example.net/x'",
            1500,
            Some("q"),
            None,
        ),
        ("type='result' id='q'", 2500, Some("q"), SIZE),
        ("type='result' id='q'", 1500, None, SIZE),
        ("type='result' id='other'", 1500, Some("q"), SIZE),
        ("type='result'", 1500, Some("q"), SIZE),
        ("type='get' id='q'", 1500, Some("q"), SIZE),
        ("type='error' id='q'", 1500, Some("q"), SIZE),
        ("type='result' id='q' xmlns='u'", 1500, Some("q"), SIZE),
        ("type='result' id='q'", 400, None, None),
    ] {
        assert_eq!(
            outcome(&iq(head, size), limits, asked),
            expected,
            "{head} {size}"
        );
    }
}

#[test]
fn w9_an_answer_is_expected_once() {
    let limits = Limits {
        stanza: 500,
        iq_result: 2000,
        ..Limits::default()
    };
    let big = format!("<iq type='result' id='q'><a>{}</a></iq>", "x".repeat(1500));
    for answer in [
        big.clone(),
        "<iq type='error' id='q'/>".to_owned(),
        format!("<iq type='result' id='q'><a>{}</a></iq>", "x".repeat(2500)),
        "<iq type='result' id='q'>&#8;</iq>".to_owned(),
    ] {
        let mut reader = StreamReader::new(limits);
        reader.login_complete();
        reader.expect_result("q");
        reader.feed(format!("{HEADER}{answer}{big}").as_bytes());
        reader.next_item().unwrap();
        reader.next_item().unwrap();
        assert!(matches!(
            reader.next_item(),
            Ok(Some(StreamItem::Refused(_)))
        ));
    }
}

#[test]
fn w9_the_nodes_of_a_stanza_are_limited() {
    let limits = Limits {
        nodes: 20,
        iq_result: Limits::default().stanza * 3,
        ..Limits::default()
    };
    let result = |inner: &str| format!("<iq type='result' id='q'>{inner}</iq>");
    for (stanza, asked, expected) in [
        (
            format!("<message>{}</message>", "<a/>".repeat(19)),
            None,
            None,
        ),
        (
            format!("<message>{}</message>", "<a/>".repeat(20)),
            None,
            NODES,
        ),
        (
            format!("<message>{}</message>", "<a b='' c=''/>".repeat(7)),
            None,
            NODES,
        ),
        (
            format!("<message>{}</message>", "<a xmlns='u'>x</a>".repeat(10)),
            None,
            NODES,
        ),
        (format!("<a>{}</a>", "<b/>".repeat(20)), None, NODES),
        (result(&"<a/>".repeat(30)), None, NODES),
        (result(&"<a/>".repeat(30)), Some("q"), None),
        (result(&"<a/>".repeat(60)), Some("q"), NODES),
    ] {
        assert_eq!(outcome(&stanza, limits, asked), expected, "{stanza}");
    }
    let all = format!("<message>{}</message>", "<a/>".repeat(65_000));
    assert_eq!(outcome(&all, Limits::default(), None), NODES);
    let item = "<item jid='user12345@example.org' subscription='both' name='Some Name'><group>Friends</group></item>";
    let roster = result(&format!(
        "<query xmlns='jabber:iq:roster'>{}</query>",
        item.repeat(80_000)
    ));
    assert!(roster.len() > 8_000_000);
    assert_eq!(
        outcome(&roster, Limits::default(), Some("q")),
        None,
        "a full roster"
    );
}

/// What was accepted live is accepted as a carbon and from the archive.
#[test]
fn w2_a_wrapper_does_not_push_a_message_over_the_limit() {
    let limits = Limits::default();
    let from = "from='romeo@example.net/orchard' to='juliet@example.org/balcony'";
    let open = format!("<message {from} id='m1'><body>");
    let close = "</body></message>";
    let room = limits.stanza - open.len() - close.len();
    let largest = format!("{open}{}{close}", "x".repeat(room));
    let tags = limits.depth - 2;
    let deepest = format!("{open}{}{}{close}", "<a>".repeat(tags), "</a>".repeat(tags));
    let carbon = |inner: &str| {
        format!(
            "<message from='juliet@example.org' to='juliet@example.org/balcony'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded></received></message>"
        )
    };
    let archived = |inner: &str| {
        format!(
            "<message to='juliet@example.org/balcony'><result xmlns='urn:xmpp:mam:2' queryid='q' id='a'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/>{inner}</forwarded></result></message>"
        )
    };
    for message in [&largest, &deepest] {
        for stanza in [message.clone(), carbon(message), archived(message)] {
            assert_eq!(outcome(&stanza, limits, None), None);
        }
    }
    let too_big = largest.replace("m1", "m12");
    assert_eq!(outcome(&too_big, limits, None), SIZE);
    let too_deep = deepest
        .replace("<body>", "<body><a>")
        .replace("</body>", "</a></body>");
    assert_eq!(outcome(&too_deep, limits, None), DEPTH);
    let twice = carbon(&carbon(&deepest));
    assert_eq!(outcome(&twice, limits, None), DEPTH);
    let big_wrapper = carbon(&"x".repeat(limits.stanza + limits.wrapper));
    assert_eq!(outcome(&big_wrapper, limits, None), SIZE);
}

#[test]
fn w2_what_may_be_sent_is_measured_as_it_may_arrive() {
    let text = |text: &str| {
        Element::new("message", crate::ns::CLIENT)
            .with_child(Element::new("body", crate::ns::CLIENT).with_text(text))
    };
    for (message, growth) in [
        (text("xyz"), 0),
        (text("\"'\""), 15),
        (text("&<>"), 0),
        (
            Element::new("message", crate::ns::CLIENT).with_attr("id", "a\"b'c"),
            5,
        ),
    ] {
        assert_eq!(message.escapable(), growth, "{}", message.to_xml());
    }
}

fn nested(depth: usize) -> Element {
    let inner = Element::new("a", "urn:a");
    (2..depth).fold(inner, |inner, _| {
        Element::new("a", "urn:a").with_child(inner)
    })
}

fn message(child: Element) -> Element {
    Element::new("message", crate::ns::CLIENT)
        .with_attr("to", "romeo@example.net")
        .with_attr("id", "m1")
        .with_child(child)
}

type Make<'a> = &'a dyn Fn(usize) -> Element;

/// What may be sent is accepted by clients that have the default limits: live, as a carbon, from the archive, and by way of a server
/// that declares each namespace anew.
#[test]
fn w2_what_may_be_sent_can_be_read_however_it_is_wrapped() {
    let limits = Limits::default();
    let children = |count: usize| {
        let body = Element::new("body", crate::ns::CLIENT);
        (0..count).fold(body, |body, _| {
            body.with_child(Element::new("a", "urn:a").with_attr("b", ""))
        })
    };
    let attributes = |count: usize, ns: &str| {
        let mut element = Element::new("a", "urn:a");
        for n in 0..count {
            element.push_attribute(Attribute {
                ns: if ns.is_empty() {
                    "".into()
                } else {
                    format!("{ns}{n}").as_str().into()
                },
                name: format!("n{n}").as_str().into(),
                value: String::new(),
            });
        }
        element
    };
    let largest = |make: Make<'_>| {
        let fits = |n: &usize| message(make(*n)).excess(&limits).is_none();
        (2..20_000).take_while(fits).last().unwrap()
    };
    let table: [(Make<'_>, Limit, usize); 4] = [
        (&nested, Limit::Depth, limits.depth - 4),
        (&children, Limit::Nodes, 5_000),
        (&|n| attributes(n, ""), Limit::Attributes, 120),
        (&|n| attributes(n, "urn:n"), Limit::Namespaces, 31),
    ];
    for (make, limit, at_least) in table {
        let most = largest(make);
        assert!(most >= at_least, "{limit}: {most}");
        assert_eq!(message(make(most + 1)).excess(&limits), Some(limit));
        let sent = message(make(most)).to_xml();
        let arrives = sent.replace("<a ", "<a xmlns='urn:a' ");
        let arrives = arrives.replace("<message ", "<message from='juliet@example.org/balcony' ");
        let arrives = arrives.replace("xmlns='urn:a' xmlns='urn:a'", "xmlns='urn:a'");
        let arrives = arrives.replace(
            "</message>",
            "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='juliet@example.org'/></message>",
        );
        for stanza in [
            arrives.clone(),
            format!(
                "<message from='juliet@example.org'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{arrives}</forwarded></sent></message>"
            ),
            format!(
                "<message><result xmlns='urn:xmpp:mam:2' queryid='q' id='a'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/>{arrives}</forwarded></result></message>"
            ),
        ] {
            assert_eq!(outcome(&stanza, limits, None), None, "{limit}");
        }
    }
    let narrow = Limits {
        depth: 20,
        ..limits
    };
    assert_eq!(message(nested(20)).excess(&narrow), Some(Limit::Depth));
    let wide = Limits {
        depth: 200,
        ..limits
    };
    assert_eq!(message(nested(100)).excess(&wide), Some(Limit::Depth));
}
