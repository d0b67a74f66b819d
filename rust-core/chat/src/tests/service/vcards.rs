use super::{element, result};
use crate::service::avatar::AvatarId;
use crate::service::vcard::{self, MAX_VALUES, Photo, Vcard};

fn temp(inner: &str) -> Vcard {
    let xml = format!("<vCard xmlns='vcard-temp'>{inner}</vCard>");
    vcard::parse_temp(&result(&xml)).unwrap()
}

fn of_4(inner: &str) -> Vcard {
    let xml = format!("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>{inner}</vcard>");
    vcard::parse_4(&element(&xml)).unwrap()
}

/// The example of XEP-0054 section 3.1.
#[test]
fn a_vcard_temp_is_read() {
    let card = temp(
        "<FN>Peter Saint-Andre</FN><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN><MIDDLE/></N>
         <NICKNAME>stpeter</NICKNAME><URL>http://www.xmpp.org/xsf/people/stpeter.shtml</URL><BDAY>1966-08-06</BDAY>
         <ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT/></ORG><TITLE>Executive Director</TITLE><ROLE>Patron Saint</ROLE>
         <TEL><WORK/><VOICE/><NUMBER>303-308-3282</NUMBER></TEL><TEL><WORK/><FAX/><NUMBER/></TEL>
         <EMAIL><INTERNET/><PREF/><USERID>stpeter@jabber.org</USERID></EMAIL><JABBERID>stpeter@jabber.org</JABBERID>
         <DESC>About me</DESC>",
    );
    assert_eq!(card.full_name.as_deref(), Some("Peter Saint-Andre"));
    assert_eq!(card.nicknames, ["stpeter"]);
    assert_eq!(card.organisations, ["XMPP Standards Foundation"]);
    assert_eq!(card.title.as_deref(), Some("Executive Director"));
    assert_eq!(card.birthday.as_deref(), Some("1966-08-06"));
    assert_eq!(card.phones, ["303-308-3282"]);
    assert_eq!(card.emails, ["stpeter@jabber.org"]);
    assert_eq!(card.note.as_deref(), Some("About me"));
    assert_eq!(card.urls.len(), 1);
    assert_eq!(temp(""), Vcard::default());
}

/// The example of XEP-0292 section 3.1.
#[test]
fn a_vcard_4_is_read() {
    let card = of_4(
        "<fn><text>Peter Saint-Andre</text></fn><nickname><text>stpeter</text></nickname><nickname><text>psa</text></nickname>
         <photo><uri>https://stpeter.im/images/stpeter_oscon.jpg</uri></photo><bday><date>1966-08-06</date></bday>
         <tel><parameters><type><text>work</text></type></parameters><uri>tel:+1-303-308-3282</uri></tel>
         <title><text>Executive Director</text></title><org><parameters><type><text>work</text></type></parameters>
         <text>XMPP Standards Foundation</text></org><url><uri>https://stpeter.im/</uri></url>
         <note><text>
           More
         </text></note><email><text>psaintan@cisco.com</text></email><email><text>stpeter@jabber.org</text></email>",
    );
    assert_eq!(card.full_name.as_deref(), Some("Peter Saint-Andre"));
    assert_eq!(card.nicknames, ["stpeter", "psa"]);
    assert_eq!(card.birthday.as_deref(), Some("1966-08-06"));
    assert_eq!(card.phones, ["tel:+1-303-308-3282"]);
    assert_eq!(card.organisations, ["XMPP Standards Foundation"]);
    assert_eq!(card.emails.len(), 2);
    assert_eq!(card.note.as_deref(), Some("More"));
    let uri = "https://stpeter.im/images/stpeter_oscon.jpg".to_owned();
    assert_eq!(card.photo, Some(Photo::Uri(uri)));
    assert!(!format!("{card:?}").contains("Peter"));
    assert!(vcard::parse_4(&element("<x xmlns='urn:x'/>")).is_err());
    assert!(vcard::parse_temp(&result("")).is_err());
}

#[test]
fn a_photo_is_data_or_a_link_and_what_is_neither_is_left_out() {
    let expected = |media_type: Option<&str>| {
        Some(Photo::Data {
            media_type: media_type.map(str::to_owned),
            data: b"picture".to_vec(),
            id: AvatarId::of(b"picture"),
        })
    };
    let in_temp = |inner: &str| temp(&format!("<FN>x</FN><PHOTO>{inner}</PHOTO>"));
    let photo = |inner: &str| in_temp(inner).photo;
    assert_eq!(
        photo("<TYPE>image/png</TYPE><BINVAL>cGlj\n  dHVyZQ==</BINVAL>"),
        expected(Some("image/png"))
    );
    assert_eq!(photo("<BINVAL>cGljdHVyZQ</BINVAL>"), expected(None));
    let link = "https://a.example/x".to_owned();
    assert_eq!(
        photo("<EXTVAL>https://a.example/x</EXTVAL>"),
        Some(Photo::Uri(link))
    );
    for bad in [
        "",
        "<BINVAL/>",
        "<BINVAL>not base64!</BINVAL>",
        "<TYPE>image/png</TYPE>",
        "<EXTVAL/>",
    ] {
        let card = in_temp(bad);
        assert_eq!(
            (card.photo, card.full_name.as_deref()),
            (None, Some("x")),
            "{bad}"
        );
    }
    let in_4 = |uri: &str| of_4(&format!("<photo><uri>{uri}</uri></photo>")).photo;
    assert_eq!(
        in_4("data:image/png;base64,cGljdHVyZQ=="),
        expected(Some("image/png"))
    );
    for bad in [
        "data:image/png,picture",
        "data:",
        "data:image/png;base64,!",
        "",
    ] {
        assert_eq!(in_4(bad), None, "{bad}");
    }
    let long = in_4(&format!("data:image/png;base64,{}", "AAAA".repeat(10_000)));
    assert!(matches!(long, Some(Photo::Data { data, .. }) if data.len() == 30_000));
    assert_eq!(
        in_4(&format!("https://a.example/{}", "x".repeat(9000))),
        None
    );
    let huge = "AAAA".repeat(700_000);
    assert_eq!(photo(&format!("<BINVAL>{huge}</BINVAL>")), None);
}

#[test]
fn values_are_bounded() {
    let many = temp(&"<NICKNAME>x</NICKNAME>".repeat(1000));
    assert_eq!(many.nicknames.len(), MAX_VALUES);
    let long = temp(&format!("<FN>{}</FN><NOTE> n </NOTE>", "x".repeat(9000)));
    assert_eq!((long.full_name, long.note.as_deref()), (None, Some("n")));
}
