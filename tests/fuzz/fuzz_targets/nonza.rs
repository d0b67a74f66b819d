//! Every codec of `wire/src/xep` and `wire/src/stream`: no element makes one panic, and what a codec reads, writes
//! and reads again is the same.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use snapback_fuzz::elements;
use snapback_proto::secret::Secret;
use snapback_proto::stream::error::StreamError;
use snapback_proto::stream::features::StreamFeatures;
use snapback_proto::xep::bind2::{Bind2, EnableSm};
use snapback_proto::xep::caps::{self, Caps};
use snapback_proto::xep::delay::Delay;
use snapback_proto::xep::disco::{self, Info};
use snapback_proto::xep::fast::{self, FastToken};
use snapback_proto::xep::forms::Form;
use snapback_proto::xep::mam::{ArchiveMetadata, Archived, Begin, Fin};
use snapback_proto::xep::sasl1::{self, Sasl1};
use snapback_proto::xep::sasl2::{Authenticate, Sasl2, UserAgent};
use snapback_proto::xep::sm::{self, Nonza};
use snapback_proto::xep::{bind, carbons, datetime, mam, ping, roster, sasl2, stanza_id};
use snapback_proto::xml::Element;

const OWN: &str = "juliet@example.org";

fuzz_target!(|input: &[u8]| {
    for element in elements(input) {
        assert_eq!(elements(element.to_xml().as_bytes()), [element.clone()]);
        read(&element);
        for child in element.children() {
            read(child);
        }
        write(&element);
    }
});

/// Reads the element with every codec.
fn read(element: &Element) {
    twice(
        Some(StreamFeatures::parse(element)),
        |f| f.to_element(),
        |e| Some(StreamFeatures::parse(e)),
    );
    // Less is written of an error than is read.
    if let Some(error) = StreamError::parse(element) {
        let said = StreamError::parse(&error.to_element());
        twice(said, StreamError::to_element, StreamError::parse);
    }
    twice(Caps::parse(element), Caps::to_element, Caps::parse);
    let delay_of = |e: &Element| Delay::of(&Element::new("x", "").with_child(e.clone()));
    twice(delay_of(element), Delay::to_element, delay_of);
    twice(Some(Form::parse(element)), Form::to_element, |e| {
        Some(Form::parse(e))
    });
    let info_of = |e: &Element| Info::parse_result(&result(e)).ok();
    twice(info_of(element), Info::to_element, info_of);

    if let Ok(info) = Info::parse_result(element) {
        let _ = caps::verification_string(&info);
        if let Some(caps) = Caps::parse(element) {
            let _ = caps.check(&info);
        }
    }
    if let Some(Ok(Nonza::Ack { h })) = Nonza::parse(element) {
        assert_eq!(Nonza::parse(&sm::ack(h)), Some(Ok(Nonza::Ack { h })));
    }
    if let Some(time) = datetime::parse(&element.text()) {
        assert_eq!(datetime::parse(&datetime::format(time)), Some(time));
    }
    let _ = Sasl1::parse(element);
    let _ = Sasl2::parse(element);
    let _ = FastToken::parse(element);
    let _ = bind::parse_result(element);
    let _ = roster::parse_result(element);
    let _ = roster::Push::parse(element, OWN);
    let _ = carbons::unwrap(element, OWN);
    let _ = Archived::parse(element, OWN, "q");
    let _ = Fin::parse(element);
    let _ = ArchiveMetadata::parse(element);
    let _ = disco::as_request(element);
    let _ = ping::is_ping(element);
    let _ = stanza_id::parse_origin_id(element);
    let _ = stanza_id::stanza_id(element, OWN);
}

/// Asserts that what is read, written and read again is the same.
fn twice<T: Debug + PartialEq>(
    first: Option<T>,
    write: impl Fn(&T) -> Element,
    read: impl Fn(&Element) -> Option<T>,
) {
    let Some(first) = first else { return };
    let wire = write(&first).to_xml();
    let [again] = elements(wire.as_bytes()).try_into().expect("one element");
    assert_eq!(read(&again), Some(first), "{wire}");
}

/// Writes with every codec, with texts as the network may have sent them.
fn write(element: &Element) {
    let text = element.text();
    let word = element.attr("id").unwrap_or(&text);
    let number = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let written = [
        bind::request(word, Some(&text)),
        carbons::enable(word),
        disco::request(word, Some(&text), Some(word)),
        fast::fast(Some(number), true),
        fast::request_token(word),
        mam::query(word, &text, &Begin::AfterId(text.clone()), number),
        ping::request(word, Some(&text)),
        roster::request(word, Some(&text)),
        sasl1::auth(word, Some(text.as_bytes())),
        sasl1::response(text.as_bytes()),
        sasl2::response(text.as_bytes()),
        sm::enable(true, Some(number)),
        sm::resume(word, number),
        stanza_id::origin_id(word),
        Bind2 {
            tag: Some(text.clone()),
            enable_sm: Some(EnableSm {
                resume: true,
                max: Some(number),
            }),
            carbons: true,
            csi_inactive: true,
        }
        .to_element(),
        Authenticate {
            mechanism: word.to_owned(),
            initial_response: Some(Secret::new(text.clone().into_bytes())),
            user_agent: Some(UserAgent {
                id: Some(word.to_owned()),
                software: Some(text.clone()),
                device: Some(text.clone()),
            }),
            inline: vec![element.clone()],
        }
        .into_element(),
    ];
    for element in written {
        assert_eq!(elements(element.to_xml().as_bytes()), [element]);
    }
}

/// Returns the answer to a request with this content.
fn result(payload: &Element) -> Element {
    Element::new("iq", "jabber:client")
        .with_attr("type", "result")
        .with_child(payload.clone())
}
