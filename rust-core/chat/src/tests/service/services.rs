use snapback_wire::stanza::StanzaError;
use snapback_wire::time::UnixTime;
use snapback_wire::xep::disco::Info;

use super::{element, result, stanza};
use crate::service::subscription::{SubscriptionNotice, SubscriptionStep};
use crate::service::upload::{MAX_HEADERS, Purpose, SlotRefusal, Upload};
use crate::service::{account, disco, nick, upload};

fn photo() -> Upload {
    Upload {
        name: "très cool.jpg".to_owned(),
        size: 23456,
        media_type: Some("image/jpeg".to_owned()),
        purpose: Purpose::Message,
    }
}

#[test]
fn a_slot_is_asked_for_as_the_specification_shows() {
    assert_eq!(
        upload::request(&photo()).to_xml(),
        "<request xmlns='urn:xmpp:http:upload:0' filename='très cool.jpg' size='23456' content-type='image/jpeg'/>"
    );
    let of = |purpose| upload::request(&Upload { purpose, ..photo() }).to_xml();
    let expires = UnixTime(1_757_545_705);
    for (purpose, child) in [
        (
            Purpose::Profile,
            "<profile xmlns='urn:xmpp:http:upload:purpose:0'/>",
        ),
        (
            Purpose::Permanent,
            "<permanent xmlns='urn:xmpp:http:upload:purpose:0'/>",
        ),
        (
            Purpose::Ephemeral { expires },
            "<ephemeral xmlns='urn:xmpp:http:upload:purpose:0' expire-before='2025-09-10T23:08:25Z'/>",
        ),
    ] {
        assert!(of(purpose).contains(child), "{}", of(purpose));
    }
}

#[test]
fn a_slot_has_two_urls_and_the_headers_that_are_allowed() {
    let slot = upload::parse_slot(&result(
        "<slot xmlns='urn:xmpp:http:upload:0'>
           <put url='https://upload.montague.tld/4a771/tr%C3%A8s%20cool.jpg'>
             <header name='Authorization'>Basic Base64String==</header>
             <header name='Cookie'>foo=bar; user=romeo</header>
             <header name='X-Forwarded-For'>evil</header>
             <header name='Host'>evil.example</header>
             <header name='cookie'>second</header>
             <header>none</header>
             <header name='eXpires'>a&#13;&#10;Host: evil&#x85;</header>
             <header name='Cook&#10;ie'>third</header>
           </put>
           <get url='https://download.montague.tld/4a771/tr%C3%A8s%20cool.jpg'/>
         </slot>",
    ))
    .unwrap();
    assert_eq!(
        slot.put,
        "https://upload.montague.tld/4a771/tr%C3%A8s%20cool.jpg"
    );
    let headers: Vec<_> = slot
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [
            ("Authorization", "Basic Base64String=="),
            ("Cookie", "foo=bar; user=romeo"),
            ("cookie", "second"),
            ("eXpires", "aHost: evil"),
            ("Cookie", "third"),
        ]
    );
    let printed = format!("{slot:?} {:?}", slot.headers);
    assert!(
        !printed.contains("Base64String") && !printed.contains("montague"),
        "{printed}"
    );
}

#[test]
fn a_slot_that_would_leak_or_is_none_is_refused() {
    let get = "<get url='https://a.example/x'/>";
    let put = "<put url='https://a.example/x'/>";
    let many = "<header name='Cookie'>a</header>".repeat(MAX_HEADERS + 1);
    for inner in [
        String::new(),
        put.to_owned(),
        get.to_owned(),
        format!("<put/>{get}"),
        format!("<put url='http://a.example/x'/>{get}"),
        format!("{put}<get url='file:///etc/passwd'/>"),
        format!("{put}<get url='https://'/>"),
        format!("{put}<get url='javascript:alert(1)'/>"),
        format!("{put}<get url='https://a.example/a b'/>"),
        format!("{put}<get url='https://a.example/é'/>"),
        format!("{put}<get url='https://a.example/{}'/>", "x".repeat(9000)),
        format!("<put url='https://a.example/x'>{many}</put>{get}"),
        format!(
            "<put url='https://a.example/x'><header name='Cookie'>{}</header></put>{get}",
            "x".repeat(9000)
        ),
    ] {
        let slot = result(&format!(
            "<slot xmlns='urn:xmpp:http:upload:0'>{inner}</slot>"
        ));
        assert!(upload::parse_slot(&slot).is_err(), "{inner}");
    }
    assert!(upload::parse_slot(&result("")).is_err());
    assert!(upload::parse_slot(&result("<slot xmlns='urn:xmpp:http:upload:0'><put url='HTTPS://a.example/x'/><get url='https://a.example/x'/></slot>")).is_ok());
}

fn refusal(detail: &str) -> Option<SlotRefusal> {
    let stanza = stanza(&format!(
        "<iq type='error' id='1'><error type='modify'>
           <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{detail}</error></iq>"
    ));
    SlotRefusal::of(&StanzaError::of(&stanza).unwrap())
}

#[test]
fn a_refused_slot_says_how_large_or_when() {
    let too_large = |size: &str| {
        refusal(&format!(
            "<file-too-large xmlns='urn:xmpp:http:upload:0'>{size}</file-too-large>"
        ))
    };
    for (size, expected) in [
        ("<max-file-size>20000</max-file-size>", Some(20000)),
        ("<max-file-size> 20000 </max-file-size>", Some(20000)),
        ("<max-file-size>-1</max-file-size>", None),
        ("<max-file-size>99999999999999999999</max-file-size>", None),
        ("", None),
    ] {
        let max_file_size = expected;
        assert_eq!(
            too_large(size),
            Some(SlotRefusal::TooLarge { max_file_size }),
            "{size}"
        );
    }
    let stamp = "2017-12-03T23:42:05Z";
    for (attribute, expected) in [
        (format!(" stamp='{stamp}'"), Some(UnixTime(1_512_344_525))),
        (" stamp='soon'".to_owned(), None),
        (String::new(), None),
    ] {
        let retry = refusal(&format!(
            "<retry xmlns='urn:xmpp:http:upload:0'{attribute}/>"
        ));
        assert_eq!(retry, Some(SlotRefusal::Later { retry_at: expected }));
    }
    assert_eq!(refusal("<retry xmlns='urn:x'/>"), None);
}

#[test]
fn an_upload_service_is_known_by_its_feature_and_its_form() {
    let info = |inner: &str| {
        let query = format!("<query xmlns='http://jabber.org/protocol/disco#info'>{inner}</query>");
        Info::parse_result(&result(&query)).unwrap()
    };
    let feature = "<feature var='urn:xmpp:http:upload:0'/>";
    let form = |form_type: &str, size: &str| {
        format!(
            "{feature}<x type='result' xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>{form_type}</value></field>
             <field var='max-file-size'><value>{size}</value></field></x>"
        )
    };
    let ours = "urn:xmpp:http:upload:0";
    for (inner, expected) in [
        (form(ours, "5242880"), Some(Some(5_242_880))),
        (form(ours, "lots"), Some(None)),
        (form("urn:x", "7"), Some(None)),
        (feature.to_owned(), Some(None)),
        ("<feature var='urn:xmpp:http:upload'/>".to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(upload::service(&info(&inner)), expected, "{inner}");
    }
}

#[test]
fn items_of_a_server_are_read_and_bounded() {
    let items = disco::parse_items(&result(
        "<query xmlns='http://jabber.org/protocol/disco#items'>
           <item jid='upload.montague.tld' name='HTTP File Upload'/><item jid='@'/><item/>
           <item jid='Conference.Montague.tld' node='n'/></query>",
    ))
    .unwrap();
    assert_eq!((items.items.len(), items.unreadable), (2, 2));
    assert_eq!(items.items[0].name.as_deref(), Some("HTTP File Upload"));
    assert_eq!(items.items[1].jid.to_string(), "conference.montague.tld");
    let many = "<item jid='a.example'/>".repeat(disco::MAX_ITEMS + 3);
    let many = format!("<query xmlns='http://jabber.org/protocol/disco#items'>{many}</query>");
    let many = disco::parse_items(&result(&many)).unwrap();
    assert_eq!((many.items.len(), many.unreadable), (disco::MAX_ITEMS, 3));
    assert!(disco::parse_items(&result("<query xmlns='urn:x'/>")).is_err());
}

/// The example of XEP-0115 section 5.2.
#[test]
fn s9_an_answer_holds_for_others_only_with_the_hash_and_the_node_of_the_caps() {
    let presence = stanza(
        "<presence from='romeo@montague.lit/orchard'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1'
           node='http://code.google.com/p/exodus' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>",
    );
    let caps = disco::caps_of(&presence).unwrap();
    let features = [
        "http://jabber.org/protocol/caps",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/muc",
    ]
    .map(|var| format!("<feature var='{var}'/>"))
    .join("");
    let info = |node: &str, more: &str| {
        let query = format!(
            "<query xmlns='http://jabber.org/protocol/disco#info'{node}>
               <identity category='client' name='Exodus 0.9.1' type='pc'/>{features}{more}</query>"
        );
        Info::parse_result(&result(&query)).unwrap()
    };
    let node = format!(" node='{}'", caps.disco_node());
    assert!(disco::is_valid_for(&info(&node, ""), &caps));
    assert!(disco::is_valid_for(&info("", ""), &caps));
    assert!(!disco::is_valid_for(&info(" node='other'", ""), &caps));
    assert!(!disco::is_valid_for(
        &info(&node, "<feature var='urn:x'/>"),
        &caps
    ));
}

#[test]
fn a_nickname_is_read_and_bounded() {
    let nick = |text: &str| {
        nick::of(&stanza(&format!(
            "<presence type='subscribe'><nick xmlns='http://jabber.org/protocol/nick'>{text}</nick></presence>"
        )))
    };
    assert_eq!(nick(" Ishmael ").as_deref(), Some("Ishmael"));
    assert_eq!(nick(""), None);
    assert_eq!(nick(&"x".repeat(1024)), Some("x".repeat(1024)));
    assert_eq!(nick(&"x".repeat(1025)), None);
    assert_eq!(nick::of(&element("<x xmlns='urn:x'/>")), None);
    assert_eq!(
        nick::to_element("<Ishmael>").to_xml(),
        "<nick xmlns='http://jabber.org/protocol/nick'>&lt;Ishmael&gt;</nick>"
    );
}

#[test]
fn requests_about_the_account_are_as_the_specification_shows() {
    let bill = "bill@shakespeare.lit".parse().unwrap();
    assert_eq!(
        account::change_password(&bill, "n<w").unwrap().to_xml(),
        "<query xmlns='jabber:iq:register'><username>bill</username><password>n&lt;w</password></query>"
    );
    let server = "shakespeare.lit".parse().unwrap();
    assert_eq!(account::change_password(&server, "x"), None);
    assert_eq!(
        account::delete_account().to_xml(),
        "<query xmlns='jabber:iq:register'><remove/></query>"
    );
}

#[test]
fn a_presence_about_a_subscription_is_of_a_bare_address() {
    let of = |from: &str, kind: &str| {
        let nick = "<nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick>";
        let presence = format!("<presence from='{from}' type='{kind}'>{nick}</presence>");
        SubscriptionNotice::of(&stanza(&presence))
    };
    let asked = of("Narrator@moby-dick.lit/pda", "subscribe").unwrap();
    assert_eq!(asked.contact.to_string(), "narrator@moby-dick.lit");
    assert_eq!(asked.step, SubscriptionStep::Requested);
    assert_eq!(asked.nick.as_deref(), Some("Ishmael"));
    for (kind, step) in [
        ("subscribed", SubscriptionStep::Approved),
        ("unsubscribed", SubscriptionStep::Refused),
        ("unsubscribe", SubscriptionStep::Ended),
    ] {
        assert_eq!(
            of("a@b.example", kind).map(|notice| notice.step),
            Some(step)
        );
    }
    for (from, kind) in [
        ("@", "subscribe"),
        ("a@b.example", "unavailable"),
        ("a@b.example", "probe"),
    ] {
        assert_eq!(of(from, kind), None);
    }
    assert_eq!(
        SubscriptionNotice::of(&stanza("<presence type='subscribe'/>")),
        None
    );
    assert_eq!(
        SubscriptionNotice::of(&stanza("<message from='a@b.example' type='subscribe'/>")),
        None
    );
}
