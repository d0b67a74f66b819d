//! T6: what the reader accepts, what it refuses, and that neither depends on how the bytes arrive.

use crate::ns;
use crate::xml::{
    Element, Limits, Node, Refusal, StreamHeader, StreamItem, StreamReader, XmlError,
};

pub(super) const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='s1' version='1.0' xml:lang='en'>";

/// Everything a document yields, and the error it ends with.
pub(super) fn read(
    document: &[u8],
    chunk: usize,
    limits: Limits,
    logged_in: bool,
) -> (Vec<StreamItem>, Option<XmlError>) {
    let mut reader = StreamReader::new(limits);
    if logged_in {
        reader.login_complete();
    }
    let mut items = Vec::new();
    for bytes in document.chunks(chunk) {
        reader.feed(bytes);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.next_item(), Err(error), "a dead reader stays dead");
                    return (items, Some(error));
                }
            }
        }
    }
    (items, None)
}

/// Reads in chunks of many sizes and insists that the outcome is the same.
fn read_any(document: &[u8]) -> (Vec<StreamItem>, Option<XmlError>) {
    let whole = read(document, document.len().max(1), Limits::default(), true);
    for chunk in [1, 2, 3, 7, 64] {
        let parts = read(document, chunk, Limits::default(), true);
        assert_eq!(
            parts,
            whole,
            "in chunks of {chunk}: {}",
            String::from_utf8_lossy(document)
        );
    }
    whole
}

fn in_stream(body: &[u8]) -> (Vec<StreamItem>, Option<XmlError>) {
    let (mut items, error) = read_any(&[HEADER.as_bytes(), body].concat());
    assert!(
        matches!(items.first(), Some(StreamItem::Header(_))),
        "{error:?}"
    );
    items.remove(0);
    (items, error)
}

pub(super) fn element(body: &str) -> Element {
    match in_stream(body.as_bytes()) {
        (items, None) => match items.as_slice() {
            [StreamItem::Element(element)] => element.clone(),
            other => panic!("{body}: {other:?}"),
        },
        (_, Some(error)) => panic!("{body}: {error}"),
    }
}

/// Closes the stream, wherever in a stanza it stands.
fn refuses(body: impl AsRef<[u8]>, error: XmlError) {
    let body = body.as_ref();
    let (_, found) = in_stream(body);
    assert_eq!(found, Some(error), "{}", String::from_utf8_lossy(body));
}

/// Refuses the one stanza (rule T6).
fn refuses_stanza(body: &str, reason: Refusal) {
    let (items, error) = in_stream(format!("{body}<presence/>").as_bytes());
    assert_eq!(error, None, "{body}");
    let [StreamItem::Refused(refused), StreamItem::Element(next)] = items.as_slice() else {
        panic!("{body}: {items:?}");
    };
    assert_eq!(
        (refused.reason, refused.bytes),
        (reason, body.len()),
        "{body}"
    );
    assert_eq!(next.name(), "presence");
}

fn stanza(text: &str) -> String {
    format!("<message>{text}</message>")
}

#[test]
fn reads_header_stanzas_and_end() {
    let (items, error) = in_stream(
        b" \n<presence/>\r\n\t <a:b xmlns:a='urn:a' a:c='1' c='2'>x</a:b></stream:stream >\n",
    );
    assert_eq!(error, None);
    let mut other = Element::new("b", "urn:a");
    other.push_attribute(crate::xml::Attribute {
        ns: "urn:a".into(),
        name: "c".into(),
        value: "1".into(),
    });
    let other = other.with_attr("c", "2").with_text("x");
    assert_eq!(
        items,
        [
            StreamItem::Element(Element::new("presence", ns::CLIENT)),
            StreamItem::Element(other),
            StreamItem::End
        ]
    );
}

#[test]
fn header_tells_its_attributes() {
    let (items, error) = read_any(HEADER.as_bytes());
    assert_eq!(error, None);
    let header = StreamHeader {
        from: Some("example.org".into()),
        to: None,
        id: Some("s1".into()),
        version: Some("1.0".into()),
        lang: Some("en".into()),
    };
    assert_eq!(items, [StreamItem::Header(header)]);
}

#[test]
fn header_that_closes_itself_is_header_and_end() {
    let (items, error) =
        read_any(b"<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'/>");
    assert_eq!(error, None);
    assert_eq!(
        items,
        [StreamItem::Header(StreamHeader::default()), StreamItem::End]
    );
}

#[test]
fn header_must_be_a_client_stream() {
    for (document, error) in [
        ("<stream xmlns='jabber:client'>", XmlError::StreamNamespace),
        ("<html>", XmlError::StreamNamespace),
        (
            "<stream:stream xmlns='jabber:client'>",
            XmlError::UndeclaredPrefix,
        ),
        (
            "<s:strom xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>",
            XmlError::NotAStream,
        ),
        (
            "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams'>",
            XmlError::ContentNamespace,
        ),
        (
            "<s:stream xmlns:s='http://etherx.jabber.org/streams'>",
            XmlError::ContentNamespace,
        ),
        ("HTTP/1.1 400 Bad Request", XmlError::StreamLevelText),
        ("\u{feff}<stream>", XmlError::StreamLevelText),
        ("</stream>", XmlError::MalformedMarkup),
    ] {
        assert_eq!(
            read_any(document.as_bytes()),
            (vec![], Some(error)),
            "{document}"
        );
    }
}

#[test]
fn text_is_one_node_with_references_and_cdata_expanded() {
    let message = element(&stanza(
        "a&amp;&lt;&gt;&quot;&apos;&#65;&#x1F600;<![CDATA[<&]]]>]] > \r\n\r ü",
    ));
    assert_eq!(
        message.nodes(),
        [Node::Text("a&<>\"'A\u{1F600}<&]]] > \n\n ü".into())]
    );
    assert!(
        element("<message><![CDATA[]]></message>")
            .nodes()
            .is_empty()
    );
}

#[test]
fn attribute_values_are_normalised() {
    let message = element("<message a = \"x\ty\r\nz'&#10;&#9;>\" b\n='&lt;\"'/>");
    assert_eq!(message.attr("a"), Some("x y z'\n\t>"));
    assert_eq!(message.attr("b"), Some("<\""));
}

#[test]
fn namespaces_are_scoped() {
    let message = element(
        "<message><a xmlns='urn:a' xmlns:p='urn:p'><p:b><c xmlns=''/></p:b></a><d/><stream:e/><xml:f/></message>",
    );
    let a = message.child("a", "urn:a").unwrap();
    let b = a.child("b", "urn:p").unwrap();
    assert!(b.has_child("c", ""));
    assert!(message.has_child("d", ns::CLIENT));
    assert!(message.has_child("e", ns::STREAM));
    refuses_stanza(
        &stanza("<a xmlns:p='urn:p'/><p:b/>"),
        Refusal::UndeclaredPrefix,
    );
}

#[test]
fn t6_refuses_doctype() {
    refuses("<!DOCTYPE a>", XmlError::Doctype);
    refuses(stanza("<!DOCTYPE a [<!ENTITY b 'c'>]>"), XmlError::Doctype);
    assert_eq!(
        read_any(b"<?xml version='1.0'?><!DOCTYPE a>").1,
        Some(XmlError::Doctype)
    );
}

#[test]
fn t6_refuses_comments_and_processing_instructions() {
    refuses("<!-- c -->", XmlError::Comment);
    refuses(stanza("<!-- c -->"), XmlError::Comment);
    refuses("<?p ?>", XmlError::ProcessingInstruction);
    refuses(stanza("<?p?>"), XmlError::ProcessingInstruction);
    refuses("<?xml version='1.0'?>", XmlError::ProcessingInstruction);
    refuses(stanza("<!ELEMENT a>"), XmlError::MalformedMarkup);
    refuses("<![CDATA[x]]>", XmlError::StreamLevelText);
}

#[test]
fn t6_refuses_undeclared_entities_and_bad_references() {
    refuses_stanza(&stanza("&nbsp;"), Refusal::UndeclaredEntity);
    refuses("<a b='&nbsp;'/>", XmlError::UndeclaredEntity);
    refuses_stanza(&stanza("&ampx;"), Refusal::UndeclaredEntity);
    refuses(stanza("a & b"), XmlError::MalformedReference);
    refuses(stanza("&;"), XmlError::MalformedReference);
    for bad in [
        "&#;",
        "&#x;",
        "&#a;",
        "&#x110000000",
        "&#99999999x;",
        "&#X41;",
        "&#-1;",
        "&#65 ;",
    ] {
        refuses(stanza(bad), XmlError::MalformedReference);
    }
    for bad in [
        "&#0;",
        "&#8;",
        "&#xD800;",
        "&#xFFFE;",
        "&#xFFFF;",
        "&#x110000;",
        "&#x110000000;",
        "&#99999999999999999999999999999999999999;",
    ] {
        refuses_stanza(&stanza(bad), Refusal::ForbiddenCharacter);
        refuses(format!("<a b='{bad}'/>"), XmlError::ForbiddenCharacter);
    }
}

#[test]
fn t6_refuses_forbidden_characters_and_bad_utf8() {
    for bad in ["\0", "\u{1}", "\u{b}", "\u{1f}", "\u{FFFE}", "\u{FFFF}"] {
        refuses(format!("<a b='{bad}'/>"), XmlError::ForbiddenCharacter);
        for inside in [
            bad.to_owned(),
            format!("<![CDATA[{bad}]]>"),
            format!("<a b='{bad}'/>"),
        ] {
            refuses_stanza(&stanza(&inside), Refusal::ForbiddenCharacter);
        }
    }
    let bad_utf8: [&[u8]; 7] = [
        b"\x80",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\xc3(",
    ];
    for bad in bad_utf8 {
        refuses([b"<message>", bad].concat(), XmlError::BadUtf8);
        refuses([b"<a b='", bad].concat(), XmlError::BadUtf8);
        refuses([b"<a", bad].concat(), XmlError::BadUtf8);
        refuses([b"<a><![CDATA[", bad].concat(), XmlError::BadUtf8);
    }
}

#[test]
fn t6_refuses_ill_formed_names() {
    for bad in [
        "<1a/>",
        "<-a/>",
        "<a:b:c/>",
        "<:a/>",
        "<a:/>",
        "<a:1/>",
        "< a/>",
        "<\u{d7}/>",
        "<\u{300}/>",
        "<a \u{2f}b='c'/>",
    ] {
        let (_, error) = in_stream(bad.as_bytes());
        assert!(
            matches!(error, Some(XmlError::BadName | XmlError::MalformedMarkup)),
            "{bad} {error:?}"
        );
    }
    for bad in [
        "<a 1='b'/>",
        "<a b:='c'/>",
        "<a :b='c'/>",
        "<a ='c'/>",
        "<a b:c:d='e'/>",
    ] {
        refuses(bad, XmlError::BadName);
    }
    assert_eq!(
        element("<\u{e9}t\u{300}-1.\u{1F600}/>").name(),
        "\u{e9}t\u{300}-1.\u{1F600}"
    );
}

#[test]
fn t6_refuses_duplicate_attributes_by_expanded_name() {
    refuses("<a b='1' b='2'/>", XmlError::DuplicateAttribute);
    refuses(
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        XmlError::DuplicateAttribute,
    );
    refuses("<a xmlns='u' xmlns='u'/>", XmlError::DuplicateAttribute);
    refuses("<a xmlns:p='u' xmlns:p='u'/>", XmlError::DuplicateAttribute);
    let many: String = (0..20).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(element(&format!("<a{many}/>")).attributes().len(), 20);
    refuses(format!("<a{many} a7=''/>"), XmlError::DuplicateAttribute);
    assert_eq!(
        element("<a xmlns='u' xmlns:q='u' b='1' q:b='2'/>")
            .attributes()
            .len(),
        2
    );
}

/// Decision 0112: servers based on jabberd2 offer `<ack:ack/>` without a declaration.
#[test]
fn t6_an_undeclared_prefix_in_stream_features_is_no_feature() {
    let mechanisms = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    for odd in [
        "<ack:ack/>",
        "<ack:ack><ack:b xmlns:q='u'/>x</ack:ack>",
        "<ack:ack xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<x ack:y='1'/>",
    ] {
        for document in [
            format!("<stream:features>{odd}{mechanisms}</stream:features>"),
            format!("<stream:features>{mechanisms}{odd}</stream:features>"),
        ] {
            for logged_in in [false, true] {
                let document = format!("{HEADER}{document}");
                let (items, error) = read(document.as_bytes(), 7, Limits::default(), logged_in);
                assert_eq!(error, None, "{document}");
                let Some(StreamItem::Element(features)) = items.last() else {
                    panic!("{document}: {items:?}");
                };
                assert!(features.has_child("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl"));
                assert!(!features.has_child("ack", "urn:ietf:params:xml:ns:xmpp-tls"));
            }
        }
    }
    for (document, expected) in [
        (
            "<stream:features><a b='' b=''/><p:a/></stream:features>",
            XmlError::DuplicateAttribute,
        ),
        (
            "<stream:features><p:a/><a xmlns:xml='u'/></stream:features>",
            XmlError::UndeclaredPrefix,
        ),
        (
            "<p:features><p:a/></p:features>",
            XmlError::UndeclaredPrefix,
        ),
        ("<features><p:a/></features>", XmlError::UndeclaredPrefix),
        (
            "<stream:error><p:a/></stream:error>",
            XmlError::UndeclaredPrefix,
        ),
    ] {
        let document = format!("{HEADER}{document}");
        let (_, error) = read(document.as_bytes(), 7, Limits::default(), false);
        assert_eq!(error, Some(expected), "{document}");
    }
}

#[test]
fn t6_refuses_undeclared_prefixes_and_namespace_misuse() {
    refuses("<p:a/>", XmlError::UndeclaredPrefix);
    refuses("<a p:b='c'/>", XmlError::UndeclaredPrefix);
    refuses("<xmlns:a/>", XmlError::UndeclaredPrefix);
    for bad in [
        "xmlns:p=''",
        "xmlns:xmlns='u'",
        "xmlns:xml='u'",
        "xmlns:p='http://www.w3.org/XML/1998/namespace'",
        "xmlns='http://www.w3.org/XML/1998/namespace'",
        "xmlns:p='http://www.w3.org/2000/xmlns/'",
        "xmlns='http://www.w3.org/2000/xmlns/'",
    ] {
        refuses(format!("<a {bad}/>"), XmlError::NamespaceMisuse);
    }
    element("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>");
}

#[test]
fn t6_refuses_broken_markup() {
    refuses("<a b='<'/>", XmlError::LessThanInAttribute);
    refuses(stanza("]]>"), XmlError::CdataEndInText);
    refuses("<a></b>", XmlError::MismatchedEndTag);
    refuses("<a><b></a></b>", XmlError::MismatchedEndTag);
    refuses("</a>", XmlError::MismatchedEndTag);
    refuses("<a></stream:stream>", XmlError::MismatchedEndTag);
    for bad in [
        "<a b='1'c='2'/>",
        "<a b/>",
        "<a b=c/>",
        "<a / >",
        "<a></a b>",
        "<a b='1' /c>",
    ] {
        refuses(bad, XmlError::MalformedMarkup);
    }
    refuses("x<message/>", XmlError::StreamLevelText);
    refuses("&#32;<message/>", XmlError::StreamLevelText);
    refuses("</stream:stream><a/>", XmlError::AfterEnd);
}

#[test]
fn xml_declaration_only_at_the_very_start() {
    let root = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";
    for good in [
        "",
        " \n",
        "<?xml version='1.0'?>",
        "<?xml\tversion = \"1.0\" encoding='utf-8' ?>\n",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
    ] {
        let (items, error) = read_any(format!("{good}{root}").as_bytes());
        assert_eq!((items.len(), error), (1, None), "{good}");
    }
    for (bad, error) in [
        (" <?xml version='1.0'?>", XmlError::ProcessingInstruction),
        (
            "<?xml version='1.0'?><?xml version='1.0'?>",
            XmlError::ProcessingInstruction,
        ),
        ("<?xmlx version='1.0'?>", XmlError::ProcessingInstruction),
        ("<?xml?>", XmlError::ProcessingInstruction),
        ("<?php ?>", XmlError::ProcessingInstruction),
        ("<?xml version='1.1'?>", XmlError::UnsupportedVersion),
        (
            "<?xml version='1.0' encoding='ISO-8859-1'?>",
            XmlError::UnsupportedEncoding,
        ),
        ("<?xml encoding='utf-8'?>", XmlError::MalformedDeclaration),
        (
            "<?xml version='1.0'encoding='utf-8'?>",
            XmlError::MalformedDeclaration,
        ),
        ("<?xml version='1.0\"?>", XmlError::MalformedDeclaration),
        (
            "<?xml version='1.0' standalone='no'?>",
            XmlError::MalformedDeclaration,
        ),
        (
            "<?xml version='1.0' x='y'?>",
            XmlError::MalformedDeclaration,
        ),
    ] {
        assert_eq!(
            read_any(format!("{bad}{root}").as_bytes()),
            (vec![], Some(error)),
            "{bad}"
        );
    }
}

#[test]
fn an_element_is_returned_with_its_last_byte_and_no_byte_more() {
    let document = format!("{HEADER}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    let mut reader = StreamReader::default();
    let (last, rest) = document.as_bytes().split_last().unwrap();
    reader.feed(rest);
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Header(_)))
    ));
    assert_eq!(reader.next_item(), Ok(None));
    reader.feed(&[*last, b'\n', 0x16, 0x03, 0x03, b'<']);
    let proceed = Element::new("proceed", ns::TLS);
    assert_eq!(reader.next_item(), Ok(Some(StreamItem::Element(proceed))));
    assert_eq!(reader.take_unread(), [b'\n', 0x16, 0x03, 0x03, b'<']);
    assert_eq!(reader.take_unread(), []);
    reader.restart();
    reader.feed(HEADER.as_bytes());
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Header(_)))
    ));
}

#[test]
fn a_restart_begins_a_document_at_the_first_unread_byte() {
    let mut reader = StreamReader::default();
    reader.feed(format!("{HEADER}<success/>{HEADER}<features/>").as_bytes());
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Header(_)))
    ));
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Element(_)))
    ));
    reader.restart();
    assert!(matches!(
        reader.next_item(),
        Ok(Some(StreamItem::Header(_)))
    ));
    let features = Element::new("features", ns::CLIENT);
    assert_eq!(reader.next_item(), Ok(Some(StreamItem::Element(features))));
}

#[test]
fn written_elements_read_back_the_same() {
    let tricky = "&<>'\"\r\n\t ]]> \u{1F600}";
    let written = Element::new("message", ns::CLIENT)
        .with_attr("id", tricky)
        .with_child(Element::new("a", "urn:a").with_child(Element::new("b", "").with_text(tricky)))
        .with_child(
            Element::new("error", ns::STREAM).with_child(Element::new("c", ns::STREAM_ERRORS)),
        )
        .with_text(tricky);
    assert_eq!(element(&written.to_xml()), written);
}

#[test]
fn no_prefix_of_a_document_is_refused() {
    let document = format!(
        "{HEADER}<message a='&amp;\u{fc}'>\u{1F600}]]&#65;<![CDATA[]]]]><b/></message></stream:stream>"
    );
    for len in 0..document.len() {
        let (_, error) = read(
            &document.as_bytes()[..len],
            len.max(1),
            Limits::default(),
            true,
        );
        assert_eq!(error, None, "{len}");
    }
}

#[test]
fn what_is_written_is_never_refused() {
    let written = Element::new("message", ns::CLIENT)
        .with_attr("id", "a\0b\u{FFFE}")
        .with_text("\u{1b}[0m\u{FFFF}");
    let read = element(&written.to_xml());
    assert_eq!(read.attr("id"), Some("a\u{FFFD}b\u{FFFD}"));
    assert_eq!(read.text(), "\u{FFFD}[0m\u{FFFD}");
}
