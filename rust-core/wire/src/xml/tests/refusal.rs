//! T6: what a contact can cause is refused with the stanza that it stands in; what leaves a border in doubt closes the stream.

use super::reader::{HEADER, read};
use crate::ns;
use crate::xml::{Element, Limits, Refusal, RefusedStanza, StreamItem, XmlError};

const CHUNKS: [usize; 6] = [1, 2, 3, 7, 64, 100_000];

/// What comes of the body of a stream after login, whatever the chunking.
fn after_login(body: &str) -> (Vec<StreamItem>, Option<XmlError>) {
    let document = format!("{HEADER}{body}");
    let mut outcomes = CHUNKS
        .iter()
        .map(|&chunk| read(document.as_bytes(), chunk, Limits::default(), true));
    let first = outcomes.next().unwrap();
    for other in outcomes {
        assert_eq!(other, first, "{body}");
    }
    first
}

fn refused(stanza: &str) -> RefusedStanza {
    let (items, error) = after_login(&format!("{stanza}<presence/>"));
    match (items.as_slice(), error) {
        ([_, StreamItem::Refused(refused), StreamItem::Element(next)], None) => {
            assert_eq!(next, &Element::new("presence", ns::CLIENT));
            assert_eq!(refused.bytes, stanza.len());
            refused.clone()
        }
        other => panic!("{stanza}: {other:?}"),
    }
}

fn closes(body: &str) -> XmlError {
    let (items, error) = after_login(&format!("{body}<presence/>"));
    assert!(items.len() <= 1, "{body}: {items:?}");
    error.unwrap_or_else(|| panic!("{body} is accepted"))
}

/// Faults that any sender can have its server deliver.
pub(super) const FAULTS: [(&str, Refusal); 30] = [
    ("<p:y/>", Refusal::UndeclaredPrefix),
    ("<y xmlns='v' p:a=''/>", Refusal::UndeclaredPrefix),
    (
        "<a><b><p:c d='e'>f</p:c></b></a>",
        Refusal::UndeclaredPrefix,
    ),
    ("<xmlns:a/>", Refusal::UndeclaredPrefix),
    (
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        Refusal::NamespaceMisuse,
    ),
    (
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace' p:b='1'/>",
        Refusal::NamespaceMisuse,
    ),
    (
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        Refusal::NamespaceMisuse,
    ),
    ("<a xmlns:p=''/>", Refusal::NamespaceMisuse),
    ("<a xmlns:xmlns='u'/>", Refusal::NamespaceMisuse),
    ("<a xmlns:xml='u'/>", Refusal::NamespaceMisuse),
    ("<a b='1' b='2'/>", Refusal::DuplicateAttribute),
    (
        "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>",
        Refusal::DuplicateAttribute,
    ),
    ("<a xmlns='u' xmlns='u'/>", Refusal::DuplicateAttribute),
    ("&#x1A;", Refusal::ForbiddenCharacter),
    ("&#0;", Refusal::ForbiddenCharacter),
    ("&#xD800;", Refusal::ForbiddenCharacter),
    ("&#xffff;", Refusal::ForbiddenCharacter),
    ("&#1114112;", Refusal::ForbiddenCharacter),
    ("&#xFFFFFFFFFFFFFFFFFFFFFFFFF;", Refusal::ForbiddenCharacter),
    ("<a b='&#27;'/>", Refusal::ForbiddenCharacter),
    ("<a b='&#99999999999;' c='d'/>", Refusal::ForbiddenCharacter),
    ("<a b=\"\u{1b}[0m\"/>", Refusal::ForbiddenCharacter),
    ("\u{0}", Refusal::ForbiddenCharacter),
    ("x\u{fffe}\u{ffff}y", Refusal::ForbiddenCharacter),
    ("<![CDATA[\u{1}<a>]]>", Refusal::ForbiddenCharacter),
    ("<![CDATA[]\u{ffff}]]]>", Refusal::ForbiddenCharacter),
    ("&nbsp;", Refusal::UndeclaredEntity),
    ("&ampersand;&#8;", Refusal::UndeclaredEntity),
    (
        "<a b='&\u{e9}t\u{e9};' c='d'>e</a>",
        Refusal::UndeclaredEntity,
    ),
    ("&a-1.b_;", Refusal::UndeclaredEntity),
];

#[test]
fn t6_a_fault_that_leaves_all_borders_in_place_refuses_its_stanza() {
    for (inner, reason) in FAULTS {
        for (open, close) in [
            ("<message id='m1' from='a@b' type='chat'>", "</message>"),
            (
                "<message id='m1' from='a@b' type='chat'><body>x</body>y",
                "</message>",
            ),
            (
                "<message id='m1' from='a@b' type='chat'><a><b xmlns='u'>",
                "</b>z</a></message>",
            ),
            ("<iq id='m1' from='a@b' type='chat'>", "</iq>"),
            (
                "<presence id='m1' from='a@b' type='chat'>&#65;",
                "</presence>",
            ),
        ] {
            let refused = refused(&format!("{open}{inner}{close}"));
            assert_eq!(refused.reason, reason, "{inner}");
            assert!(refused.is_stanza());
            let known = [&refused.id, &refused.from, &refused.stanza_type];
            let expected = ["m1", "a@b", "chat"];
            assert!(
                known
                    .iter()
                    .zip(expected)
                    .all(|(known, expected)| known.as_deref() == Some(expected)),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn t6_the_same_faults_close_the_stream_during_login_and_outside_of_stanzas() {
    for (inner, reason) in FAULTS {
        let document = format!("{HEADER}<message>{inner}</message>");
        for chunk in CHUNKS {
            let (items, error) = read(document.as_bytes(), chunk, Limits::default(), false);
            assert_eq!((items.len(), error), (1, Some(reason.into())), "{inner}");
        }
        for foreign in [
            format!("<enabled xmlns='urn:xmpp:sm:3'>{inner}</enabled>"),
            format!("<stream:error>{inner}</stream:error>"),
            format!("<message xmlns='jabber:server'>{inner}</message>"),
        ] {
            assert_eq!(closes(&foreign), reason.into(), "{foreign}");
        }
    }
}

#[test]
fn t6_a_fault_in_the_start_tag_of_a_stanza_closes_the_stream() {
    for (head, error) in [
        ("<p:message", XmlError::UndeclaredPrefix),
        ("<message p:a='b'", XmlError::UndeclaredPrefix),
        ("<message id='1' id='2'", XmlError::DuplicateAttribute),
        ("<message xmlns:p=''", XmlError::NamespaceMisuse),
        ("<message id='&#x1A;'", XmlError::ForbiddenCharacter),
        ("<message id='\u{1}'", XmlError::ForbiddenCharacter),
        ("<message id='&nbsp;'", XmlError::UndeclaredEntity),
        ("<message id='&#99999999999;'", XmlError::ForbiddenCharacter),
    ] {
        for tail in ["/>", ">&#8;</message>", "><p:a/></message>"] {
            let tail = if head.starts_with("<p:") {
                tail.replace("</", "</p:")
            } else {
                tail.to_owned()
            };
            assert_eq!(closes(&format!("{head}{tail}")), error, "{head}{tail}");
        }
    }
}

#[test]
fn t6_what_leaves_a_border_in_doubt_closes_the_stream_after_a_fault_too() {
    for (odd, error) in [
        ("<!-- x -->", XmlError::Comment),
        ("<!DOCTYPE x>", XmlError::Doctype),
        ("<?x?>", XmlError::ProcessingInstruction),
        ("]]>", XmlError::CdataEndInText),
        ("<a b='<'/>", XmlError::LessThanInAttribute),
        ("<a></b>", XmlError::MismatchedEndTag),
        ("<1/>", XmlError::BadName),
        ("<a b='1'c='2'/>", XmlError::MalformedMarkup),
        ("<a b/>", XmlError::MalformedMarkup),
        ("a & b", XmlError::MalformedReference),
        ("&nbsp", XmlError::MalformedReference),
        ("&nbsp x;", XmlError::MalformedReference),
        ("<a b='&nbsp'/>", XmlError::MalformedReference),
        ("&n:bsp;", XmlError::BadName),
        ("&#12345678", XmlError::MalformedReference),
        ("&#x;", XmlError::MalformedReference),
        ("&#xfffffffffg;", XmlError::MalformedReference),
        ("<![cdata[x]]>", XmlError::MalformedMarkup),
    ] {
        for fault in [
            "",
            "&#x1A;",
            "&nbsp;",
            "<![CDATA[\u{1}]]>",
            "<a b='\u{ffff}'/>",
        ] {
            let body = format!("<message>{fault}{odd}</message>");
            assert_eq!(closes(&body), error, "{body}");
        }
    }
    for bad in [
        b"\xff".as_slice(),
        b"\xc3(",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ] {
        let document = [HEADER.as_bytes(), b"<message>&#8;", bad, b"</message>"].concat();
        for chunk in CHUNKS {
            let (items, error) = read(&document, chunk, Limits::default(), true);
            assert_eq!((items.len(), error), (1, Some(XmlError::BadUtf8)));
        }
    }
}

#[test]
fn t6_the_first_fault_is_named_whatever_follows() {
    let limits = Limits {
        stanza: 200,
        depth: 4,
        ..Limits::default()
    };
    let big = "x".repeat(300);
    for (inner, reason) in [
        (format!("&#8;&nbsp;{big}"), Refusal::ForbiddenCharacter),
        (format!("&nbsp;<p:a/>&#8;{big}"), Refusal::UndeclaredEntity),
        (
            format!("{big}&#8;"),
            Refusal::OverLimit(crate::xml::Limit::Size),
        ),
        (
            "<a><b><c><d/></c></b></a>&#8;".to_owned(),
            Refusal::OverLimit(crate::xml::Limit::Depth),
        ),
    ] {
        let document = format!("{HEADER}<message from='a@b/c'>{inner}</message>");
        for chunk in CHUNKS {
            let (items, error) = read(document.as_bytes(), chunk, limits, true);
            assert_eq!(error, None);
            let [_, StreamItem::Refused(refused)] = items.as_slice() else {
                panic!("{items:?}");
            };
            assert_eq!(refused.reason, reason, "{inner} in chunks of {chunk}");
        }
    }
}

#[test]
fn t6_the_first_child_is_known_up_to_the_fault() {
    let result = "<result xmlns='urn:xmpp:mam:2' queryid='q' id='a1'>";
    let child = refused(&format!("<message>\n{result}<p:a/></result></message>")).first_child;
    let child = child.unwrap();
    assert!(child.is("result", ns::MAM));
    assert_eq!(
        (child.attr("queryid"), child.attr("id")),
        (Some("q"), Some("a1"))
    );
    assert!(child.nodes().is_empty());
    for stanza in [
        "<message>&#8;</message>",
        "<message>&#8;<a/></message>",
        "<message><a b='&#8;'/></message>",
        "<message><p:a/></message>",
    ] {
        assert_eq!(refused(stanza).first_child, None, "{stanza}");
    }
    let deep = format!(
        "<message><a>{}</a></message>",
        "<b>".repeat(70) + &"</b>".repeat(70)
    );
    assert_eq!(
        refused(&deep).first_child,
        Some(Element::new("a", ns::CLIENT))
    );
}

#[test]
fn t6_the_forwarded_message_is_known_up_to_the_fault() {
    let archived = |before: &str, message: &str| {
        let stanza = format!(
            "<message><result xmlns='urn:xmpp:mam:2' id='a1'>{before}<forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp=''>x</delay>{message}</forwarded></result></message>"
        );
        refused(&stanza).forwarded
    };
    let open = "<message xmlns='jabber:client' id='m1'>";
    let deep = format!("{}{}", "<b>".repeat(70), "</b>".repeat(70));
    for inside in ["&#8;", "<p:a/>", &deep, &"x".repeat(300_000)] {
        for before in ["", "<x/>", "<x><y/>z</x>"] {
            let message = archived(before, &format!("{open}{inside}</message>")).unwrap();
            assert!(message.is("message", ns::CLIENT) && message.nodes().is_empty());
            assert_eq!(message.attr("id"), Some("m1"));
        }
    }
    let far = format!("<x>{}</x>", "y".repeat(20_000));
    for (before, message) in [
        ("", format!("&#8;{open}</message>")),
        (
            "",
            "<message xmlns='urn:other' id='m1'>&#8;</message>".to_owned(),
        ),
        ("", format!("<a>{open}&#8;</message></a>")),
        ("", format!("<p:a/>{open}</message>")),
        (&far, format!("{open}&#8;</message>")),
    ] {
        assert_eq!(archived(before, &message), None, "{message}");
    }
    let later = format!(
        "<message><a/><b><forwarded xmlns='urn:xmpp:forward:0'>{open}&#8;</message></forwarded></b></message>"
    );
    assert_eq!(refused(&later).forwarded, None, "not in the first child");
}

#[test]
fn t6_a_long_entity_is_read_once_and_not_kept() {
    let name = "n".repeat(3 << 20);
    for stanza in [
        format!("<message>&{name};</message>"),
        format!("<message><a b='&{name};'/></message>"),
        format!("<message>&#{};</message>", "9".repeat(3 << 20)),
    ] {
        let document = format!("{HEADER}{stanza}<presence/>");
        for chunk in [1000, document.len()] {
            let (items, error) = read(document.as_bytes(), chunk, Limits::default(), true);
            assert_eq!((items.len(), error), (3, None));
            assert!(matches!(&items[1], StreamItem::Refused(r) if r.bytes == stanza.len()));
        }
    }
}
