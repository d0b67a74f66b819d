//! T6: limits of size and depth are exact, what is skipped is read on, and no input costs more than linear time.

use std::time::{Duration, Instant};

use super::reader::{HEADER, element, read};
use crate::ns;
use crate::xml::{
    Element, Limit, Limits, Refusal, RefusedStanza, StreamItem, StreamReader, XmlError,
};

fn only_refused(document: &str, chunk: usize, limits: Limits) -> RefusedStanza {
    let body = format!("{HEADER}{document}<presence/>");
    let (items, error) = read(body.as_bytes(), chunk, limits, true);
    assert_eq!(error, None);
    match items.as_slice() {
        [
            StreamItem::Header(_),
            StreamItem::Refused(refused),
            StreamItem::Element(_),
        ] => refused.clone(),
        other => panic!("{} items", other.len()),
    }
}

#[test]
fn t6_over_limit_stanza_is_skipped_and_the_stream_goes_on() {
    let limits = Limits {
        before_login: 1000,
        stanza: 2000,
        wrapper: 0,
        iq_result: 4000,
        nodes: 1000,
        depth: 4,
        attributes: 4,
        namespaces: 2,
    };
    let big = "x".repeat(3000);
    let text = format!("<message type='chat' from='a@b' id='m1'><body>{big}</body></message>");
    let deep = "<iq id='m1' from='a@b' type='get'><a><b><c><d/></c></b></a></iq>".to_owned();
    let attributes =
        "<iq id='m1' from='a@b' type='get'><a a='' b='' c='' d='' e=''/></iq>".to_owned();
    let attributes_in_head = "<iq a='' b='' id='m1' from='a@b' type='get'/>".to_owned();
    let namespaces =
        "<iq id='m1' from='a@b' type='get'><a xmlns='a' xmlns:a='a' xmlns:b='a'/></iq>".to_owned();
    let head = format!("<iq id='m1' from='a@b' type='get' x:y='{big}' xmlns:x='u'><a/></iq>");
    let head_cut = format!("<iq x:y='' id='m1' from='a@b' z='{big}' type='get' xmlns:x='u'/>");
    for (document, name, stanza_type, child, reason) in [
        (&text, "message", Some("chat"), Some("body"), Limit::Size),
        (&deep, "iq", Some("get"), Some("a"), Limit::Depth),
        (&attributes, "iq", Some("get"), None, Limit::Attributes),
        (
            &attributes_in_head,
            "iq",
            Some("get"),
            None,
            Limit::Attributes,
        ),
        (&namespaces, "iq", Some("get"), None, Limit::Namespaces),
        (&head, "iq", Some("get"), None, Limit::Size),
        (&head_cut, "iq", None, None, Limit::Size),
    ] {
        let expected = RefusedStanza {
            name: name.into(),
            ns: ns::CLIENT.into(),
            id: Some("m1".into()),
            from: Some("a@b".into()),
            stanza_type: stanza_type.map(str::to_owned),
            first_child: child.map(|name| Element::new(name, ns::CLIENT)),
            forwarded: None,
            reason: Refusal::OverLimit(reason),
            bytes: document.len(),
        };
        for chunk in [1, 2, 5, 100, 10_000] {
            assert_eq!(
                only_refused(document, chunk, limits),
                expected,
                "{document}"
            );
            let (_, error) = read(
                format!("{HEADER}{document}").as_bytes(),
                chunk,
                limits,
                false,
            );
            assert_eq!(
                error.map(XmlError::stream_condition),
                Some("policy-violation")
            );
        }
    }
}

#[test]
fn t6_what_is_skipped_must_still_be_well_formed() {
    let limits = Limits {
        stanza: 100,
        depth: 3,
        ..Limits::default()
    };
    let big = "x".repeat(200);
    for (bad, error) in [
        ("<!-- -->", XmlError::Comment),
        ("<a></b>", XmlError::MismatchedEndTag),
        ("</iq>", XmlError::MismatchedEndTag),
        ("&nbsp ", XmlError::MalformedReference),
        ("\u{1}<a b=\"<", XmlError::LessThanInAttribute),
        ("<a b='<", XmlError::LessThanInAttribute),
    ] {
        let document = format!("{HEADER}<message>{big}{bad}");
        for chunk in [1, 50, 10_000] {
            let (items, found) = read(document.as_bytes(), chunk, limits, true);
            assert_eq!((items.len(), found), (1, Some(error)), "{bad}");
        }
    }
}

#[test]
fn t6_below_the_depth_limit_end_tags_are_only_counted() {
    let limits = Limits {
        depth: 3,
        ..Limits::default()
    };
    let deeper = "<b>".repeat(4);
    let deep = "<presence><a>DEEPER<b><c></e></b>UPPER</a></presence>"
        .replace("DEEPER", &deeper)
        .replace("UPPER", &"</b>".repeat(4));
    assert_eq!(
        only_refused(&deep, 1, limits).reason,
        Refusal::OverLimit(Limit::Depth)
    );
    let document = format!("{HEADER}<presence><a>{deeper}<b><c></e></a>");
    let (_, error) = read(document.as_bytes(), 1, limits, true);
    assert_eq!(error, Some(XmlError::MismatchedEndTag));
}

#[test]
fn t6_size_limits_are_exact() {
    let limits = Limits {
        before_login: 300,
        stanza: 400,
        ..Limits::default()
    };
    for (size, logged_in, accepted) in [
        (300, false, true),
        (301, false, false),
        (400, true, true),
        (401, true, false),
    ] {
        let body = format!("{HEADER}<a>{}</a>", "x".repeat(size - 7));
        for chunk in [1, 33, 10_000] {
            let (items, _) = read(body.as_bytes(), chunk, limits, logged_in);
            assert_eq!(
                matches!(items.get(1), Some(StreamItem::Element(_))),
                accepted,
                "{size}"
            );
        }
    }
}

#[test]
fn t6_a_header_over_the_limit_is_an_error_even_after_login() {
    let header = HEADER.replace("id='s1'", &format!("id='{}'", "x".repeat(20_000)));
    for chunk in [1, 100_000] {
        let (items, error) = read(header.as_bytes(), chunk, Limits::default(), true);
        assert_eq!(
            (items, error),
            (vec![], Some(XmlError::OverLimit(Limit::Size)))
        );
    }
}

/// Linear work takes well under a second here even unoptimised; quadratic work takes hours.
const GENEROUS: Duration = Duration::from_secs(60);

#[test]
fn t6_linear_200_000_nested_elements() {
    let started = clock();
    let n = 200_000;
    let document = format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    for chunk in [1, 1460, document.len()] {
        let refused = only_refused(&document, chunk, Limits::default());
        assert_eq!(
            (refused.reason, refused.bytes),
            (Refusal::OverLimit(Limit::Depth), document.len())
        );
    }
    let (_, error) = read(
        format!("{HEADER}{document}").as_bytes(),
        1,
        Limits::default(),
        false,
    );
    assert_eq!(error, Some(XmlError::OverLimit(Limit::Depth)));
    assert!(started.elapsed() < GENEROUS);
}

#[test]
fn t6_linear_10_mb_of_text_one_byte_at_a_time() {
    let started = clock();
    let document = format!("<message>{}</message>", "ab]&amp;\u{fc}d".repeat(1 << 20));
    assert!(document.len() > 10_000_000);
    let refused = only_refused(&document, 1, Limits::default());
    assert_eq!(
        (refused.reason, refused.bytes),
        (Refusal::OverLimit(Limit::Size), document.len())
    );
    let wide = Limits {
        stanza: 20 << 20,
        ..Limits::default()
    };
    let (items, error) = read(format!("{HEADER}{document}").as_bytes(), 1, wide, true);
    assert_eq!((items.len(), error), (2, None));
    assert!(started.elapsed() < GENEROUS);
}

#[test]
fn t6_linear_many_small_stanzas_read_one_per_feed() {
    let started = clock();
    let mut reader = StreamReader::default();
    reader.feed(HEADER.as_bytes());
    reader.feed("<a/>".repeat(200_000).as_bytes());
    for _ in 0..200_000 {
        reader.feed(b" ");
        assert!(matches!(reader.next_item(), Ok(Some(_))));
    }
    assert!(started.elapsed() < GENEROUS);
}

#[test]
fn t6_memory_is_bounded_while_skipping() {
    let mut reader = StreamReader::default();
    reader.login_complete();
    let limits = Limits::default();
    reader.feed(format!("{HEADER}<message>").as_bytes());
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Header(_)))
    ));
    let chunk = vec![b'x'; 4096];
    for _ in 0..1000 {
        reader.feed(&chunk);
        assert_eq!(reader.next_item(), Ok(None));
        assert!(reader.buffered() <= limits.stanza + limits.wrapper + chunk.len());
    }
    assert!(reader.buffered() <= 16);
}

#[test]
fn t6_a_long_namespace_is_not_multiplied() {
    let name = "u".repeat(100_000);
    let shared = format!(
        "<message xmlns='{name}'>{}</message>",
        "<a/>".repeat(10_000)
    );
    assert_eq!(element(&shared).nodes().len(), 10_000);
    let copied = format!(
        "<message xmlns:p='{name}'>{}</message>",
        "<a p:b=''/>".repeat(5_000)
    );
    assert_eq!(
        only_refused(&copied, 1000, Limits::default()).reason,
        Refusal::OverLimit(Limit::Namespaces)
    );
}

/// These tests are about time, so here a clock is asked.
#[allow(
    clippy::disallowed_methods,
    reason = "the linearity of the reader is measured"
)]
fn clock() -> Instant {
    Instant::now()
}
