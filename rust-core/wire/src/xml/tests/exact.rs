//! Each limit of the reader: what is exactly as large as it is read, and what has one more is refused.

use super::reader::HEADER;
use crate::xml::{Limit, Limits, Refusal, StreamItem, StreamReader, XmlError};

/// Returns why a stanza is refused, if it is. The stanzas around it are read in any case: nothing else is lost.
fn refusal(stanza: &str, limits: Limits, asked: &[&str]) -> Option<Limit> {
    let mut reader = StreamReader::new(limits);
    reader.login_complete();
    for id in asked {
        reader.expect_result(id);
    }
    reader.feed(format!("{HEADER}<presence/>{stanza}<presence/>").as_bytes());
    let mut items = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item);
    }
    match &items[..] {
        [_, StreamItem::Element(_), middle, StreamItem::Element(_)] => match middle {
            StreamItem::Refused(refused) => match refused.reason {
                Refusal::OverLimit(limit) => Some(limit),
                other => panic!("{other:?}"),
            },
            _ => None,
        },
        _ => panic!("{} items", items.len()),
    }
}

/// Makes a stanza of a size.
type Make<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn limit_each_of_a_stanza_is_exact() {
    let limits = Limits::default();
    let text = |size: usize| format!("<presence>{}</presence>", "x".repeat(size - 21));
    let wrapped = |size: usize| format!("<message>{}</message>", "x".repeat(size - 19));
    let nested = |depth: usize| {
        let inside = depth - 1;
        format!(
            "<presence>{}{}</presence>",
            "<a>".repeat(inside),
            "</a>".repeat(inside)
        )
    };
    let in_message = |depth: usize| nested(depth).replace("presence", "message");
    let nodes = |count: usize| format!("<presence>{}</presence>", "<a/>".repeat(count - 1));
    let attributes = |count: usize| {
        let all: String = (0..count).map(|n| format!(" a{n}=''")).collect();
        format!("<presence><b{all}/></presence>")
    };
    let namespaces = |count: usize| {
        let all: String = (0..count)
            .map(|n| format!(" xmlns:a{n}='urn:a{n}'"))
            .collect();
        format!("<presence><b{all}/></presence>")
    };
    let table: [(Make<'_>, usize, Limit); 7] = [
        (&text, limits.stanza, Limit::Size),
        (&wrapped, limits.stanza + limits.wrapper, Limit::Size),
        (&nested, limits.depth, Limit::Depth),
        (&in_message, limits.depth + 4, Limit::Depth),
        (&nodes, limits.nodes, Limit::Nodes),
        (&attributes, limits.attributes, Limit::Attributes),
        (&namespaces, limits.namespaces, Limit::Namespaces),
    ];
    for (make, most, limit) in table {
        assert_eq!(refusal(&make(most), limits, &[]), None, "{limit} {most}");
        assert_eq!(
            refusal(&make(most + 1), limits, &[]),
            Some(limit),
            "{limit} {most}"
        );
    }
}

#[test]
fn limit_of_a_result_that_was_asked_for_is_exact() {
    let limits = Limits {
        stanza: 500,
        wrapper: 0,
        iq_result: 2_000,
        nodes: 10,
        ..Limits::default()
    };
    let around = "<iq type='result' id='q'></iq>".len();
    let result = |inside: &str| format!("<iq type='result' id='q'>{inside}</iq>");
    let text = |size: usize| result(&"x".repeat(size - around));
    assert_eq!(refusal(&text(2_000), limits, &["q"]), None);
    assert_eq!(refusal(&text(2_001), limits, &["q"]), Some(Limit::Size));
    let nodes = |count: usize| result(&"<a/>".repeat(count - 3));
    assert_eq!(refusal(&nodes(40), limits, &["q"]), None);
    assert_eq!(refusal(&nodes(41), limits, &["q"]), Some(Limit::Nodes));
}

#[test]
fn limit_of_the_results_that_are_expected_is_exact() {
    let limits = Limits {
        stanza: 100,
        iq_result: 1_000,
        ..Limits::default()
    };
    let ids: Vec<String> = (0..=4_096).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let result = |id: &str| format!("<iq type='result' id='{id}'>{}</iq>", "x".repeat(500));
    assert_eq!(refusal(&result("4095"), limits, &ids), None);
    assert_eq!(refusal(&result("4096"), limits, &ids), Some(Limit::Size));
}

#[test]
fn limit_of_a_declaration_is_exact() {
    let declared = |size: usize| {
        let space = " ".repeat(size - "<?xml version='1.0'?>".len());
        let mut reader = StreamReader::default();
        let header = HEADER.trim_start_matches("<?xml version='1.0'?>");
        reader.feed(format!("<?xml version='1.0'{space}?>{header}").as_bytes());
        reader.next_item().map(|item| item.is_some())
    };
    assert_eq!(declared(256), Ok(true));
    assert_eq!(declared(257), Err(XmlError::MalformedDeclaration));
}
