//! What is read, and what is refused; `rxml` reads the same input.

use super::*;

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

#[test]
fn stops_exactly_after_the_closing_bracket() {
    let text = format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\x16\x03");
    let mut input = text.as_bytes();
    let mut reader = StreamReader::new(4096);
    assert!(matches!(
        reader.next(&mut input, false),
        Ok(Some(Item::Header(_)))
    ));
    assert!(matches!(
        reader.next(&mut input, false),
        Ok(Some(Item::Element { .. }))
    ));
    assert_eq!(input, b"\x16\x03");
}

#[test]
fn an_empty_element_is_complete_with_its_last_byte() {
    let text = format!("{HEADER}<a/>");
    let mut reader = StreamReader::new(4096);
    let mut items = 0;
    for byte in text.as_bytes() {
        let mut input = std::slice::from_ref(byte);
        while let Some(_item) = reader.next(&mut input, false).unwrap() {
            items += 1;
        }
    }
    assert_eq!(items, 2);
}

#[test]
fn prefixes_stand_for_what_is_declared_around_them() {
    let text = format!(
        "{HEADER}<p:a xmlns:p='u' p:b='1' b='2' xml:lang='en'><a xmlns=''/><p:c xmlns:p='v'/><p:d/><e/></p:a>"
    );
    let mut input = text.as_bytes();
    let mut reader = StreamReader::new(4096);
    reader.next(&mut input, false).unwrap();
    let Ok(Some(Item::Element { element, .. })) = reader.next(&mut input, false) else {
        panic!("there is an element");
    };
    let inner: Vec<_> = element.elements().map(|e| (&*e.ns, &*e.name)).collect();
    assert!(element.is("u", "a") && element.attribute("b") == Some("2"));
    assert_eq!(
        inner,
        [("", "a"), ("v", "c"), ("u", "d"), (ns::CLIENT, "e")]
    );
    assert!(element.to_xml().contains(" xml:lang='en'"));
}

#[test]
fn refuses_what_xmpp_refuses() {
    for (bad, error) in [
        ("<!-- c -->", ReadError::RestrictedXml),
        ("<a></b>", ReadError::NotWellFormed),
        ("<a>&x;</a>", ReadError::RestrictedXml),
        ("text<a/>", ReadError::BadFormat),
        ("<a b='1' b='2'/>", ReadError::NotWellFormed),
        ("<a xmlns='u' xmlns='v'/>", ReadError::NotWellFormed),
        ("<a xmlns:b='u' xmlns:b='v'/>", ReadError::NotWellFormed),
        (
            "<a xmlns:b='u' xmlns:c='u' b:d='1' c:d='2'/>",
            ReadError::NotWellFormed,
        ),
        ("<b:a/>", ReadError::NotWellFormed),
        ("<a b:c='1'/>", ReadError::NotWellFormed),
        ("<a xmlns:b='u'/><b:a/>", ReadError::NotWellFormed),
        ("<a xmlns:b=''/>", ReadError::NotWellFormed),
        ("<a xmlns:xml='u'/>", ReadError::NotWellFormed),
    ] {
        let text = format!("{HEADER}{bad}");
        let mut input = text.as_bytes();
        let mut reader = StreamReader::new(4096);
        let mut outcome = Ok(());
        for _ in 0..4 {
            match reader.next(&mut input, false) {
                Ok(_) => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        assert_eq!(outcome, Err(error), "{bad}");
    }
}

#[test]
fn references_and_sections_are_text() {
    for (written, read) in [
        (
            "<a>1 &lt; 2 &amp;&#x41;&#66;&apos;&quot;&gt;</a>",
            "1 < 2 &AB'\">",
        ),
        ("<a><![CDATA[<b>&x;]]]></a>", "<b>&x;]"),
        ("<a>x<![CDATA[]]>y</a>", "xy"),
        ("<a>\r\n\r\u{e9}\u{1f600}</a>", "\n\n\u{e9}\u{1f600}"),
    ] {
        let element = read_element(written.as_bytes(), usize::MAX).unwrap();
        assert_eq!(element.content(), read, "{written}");
    }
    let element = read_element(b"<a b = '1\t&#9;\n\"' c=\">\"\t/>", usize::MAX).unwrap();
    assert_eq!(element.attribute("b"), Some("1 \t \""));
    assert_eq!(element.attribute("c"), Some(">"));
}

/// Returns the first stanza of a stream that comes in pieces of this size.
fn read_element(stanza: &[u8], piece: usize) -> Result<Element, ReadError> {
    let stream = [HEADER.as_bytes(), stanza].concat();
    let mut reader = StreamReader::new(65_536);
    for mut piece in stream.chunks(piece.min(stream.len())) {
        while let Some(item) = reader.next(&mut piece, false)? {
            if let Item::Element { element, .. } = item {
                return Ok(element);
            }
        }
    }
    Err(ReadError::BadFormat)
}

/// Typical mistakes in XML.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "'",
    "\"",
    "=",
    " ",
    "&",
    ";",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?",
    "?>",
    "a",
    "b",
    ":",
    "xmlns",
    "xmlns:b='u'",
    "xml:lang='en'",
    "&lt;",
    "&#0;",
    "&#x10FFFF;",
    "&x;",
    "\u{1}",
    "\u{7f}",
    "\u{e9}",
    "\u{fffe}",
    "\r",
    "\n",
    "</a>",
    "<a>",
    "<b:a/>",
    "b='1'",
    "b:b='2'",
    "-",
    ".",
    "1",
    "!",
    "#",
];

/// Whatever is read, `rxml` reads the same; the division into pieces makes no difference.
#[test]
fn rxml_agrees_on_streams_that_were_damaged() {
    let whole = "<a xmlns='u' xmlns:b='v' b:c='1' d=\"x&amp;'y'\">t<b:e/>u &#65;<f xml:lang='en'>v</f><![CDATA[w]]></a>";
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let mut text: Vec<char> = whole.chars().collect();
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(3) {
                0 => drop(text.remove(at)),
                1 => text
                    .splice(at..at, PIECES[random(PIECES.len())].chars())
                    .for_each(drop),
                _ => text[at] = PIECES[random(PIECES.len())].chars().next().unwrap(),
            }
        }
        let text: String = text.into_iter().collect();
        let outcome = read_element(text.as_bytes(), usize::MAX).ok();
        let torn = read_element(text.as_bytes(), 1 + random(7)).ok();
        let xml = |element: &Option<Element>| element.as_ref().map(Element::to_xml);
        assert_eq!(xml(&outcome), xml(&torn), "{text}");
        read += usize::from(outcome.is_some());
    }
    assert!((1_000..19_000).contains(&read), "{read}");
}
