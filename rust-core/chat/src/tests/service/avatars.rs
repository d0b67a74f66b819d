use super::{element, result, stanza};
use crate::service::avatar::{
    self, AvatarError, AvatarId, AvatarMetadata, MAX_FORMATS, VcardAvatar,
};
use crate::service::pubsub::{self, Items};

const ID: &str = "111f4b3c50d7b0df729d299bc6f8e9ef9066971f";

fn metadata(inner: &str) -> AvatarMetadata {
    let xml = format!("<metadata xmlns='urn:xmpp:avatar:metadata'>{inner}</metadata>");
    AvatarMetadata::parse(&element(&xml)).unwrap()
}

#[test]
fn the_metadata_of_the_specification_is_read_and_written() {
    let read = metadata(&format!(
        "<info bytes='12345' id='{ID}' height='64' type='image/png' width='48'/>
         <info bytes='23456' height='64' id='357A8123A30844A3AA99861B6349264BA67A5694' type='image/gif'
           url='http://avatars.example.org/happy.gif' width='64'/>
         <pointer><x xmlns='http://example.com/virtualworlds'/></pointer>"
    ));
    assert_eq!((read.formats.len(), read.unreadable), (2, 0));
    let png = &read.formats[0];
    assert_eq!(png.id.to_string(), ID);
    assert_eq!(
        (png.bytes, png.width, png.height),
        (12345, Some(48), Some(64))
    );
    assert_eq!(png.url, None);
    let gif = &read.formats[1];
    assert_eq!(
        gif.id.to_string(),
        "357a8123a30844a3aa99861b6349264ba67a5694"
    );
    assert_eq!(
        gif.url.as_deref(),
        Some("http://avatars.example.org/happy.gif")
    );
    assert_eq!(AvatarMetadata::parse(&read.to_element()), Ok(read));
    // No avatar is a state of its own (section 4.2.3), and not an item without a payload.
    assert_eq!(metadata(""), AvatarMetadata::default());
    assert_eq!(
        AvatarMetadata::default().to_element().to_xml(),
        "<metadata xmlns='urn:xmpp:avatar:metadata'/>"
    );
}

#[test]
fn a_format_that_cannot_be_read_is_counted() {
    let good = format!("<info bytes='1' id='{ID}' type='image/png' width='-1' height='x' url=''/>");
    let read = metadata(&format!(
        "<info/><info bytes='1' id='short' type='image/png'/><info bytes='-1' id='{ID}' type='image/png'/>
         <info bytes='1' id='{ID}'/><info bytes='1' id='{}é' type='image/png'/>{good}",
        "a".repeat(38)
    ));
    assert_eq!((read.formats.len(), read.unreadable), (1, 5));
    let info = &read.formats[0];
    assert_eq!(
        (info.width, info.height, info.url.as_deref()),
        (None, None, None)
    );
    let many = metadata(&good.repeat(MAX_FORMATS + 4));
    assert_eq!((many.formats.len(), many.unreadable), (MAX_FORMATS, 4));
    assert!(AvatarMetadata::parse(&element("<x xmlns='urn:x'/>")).is_err());
}

fn items(node: &str, inner: &str) -> Items {
    let xml = format!(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'>{inner}</items></pubsub>"
    );
    pubsub::parse_items(&result(&xml), node).unwrap()
}

/// An account may have several items of metadata: the one that the service sends first is the newest.
#[test]
fn of_several_items_the_first_one_counts() {
    let node = "urn:xmpp:avatar:metadata";
    let none = "<item id='1'><metadata xmlns='urn:xmpp:avatar:metadata'/></item>";
    let some = format!(
        "<item id='{ID}'><metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='1' id='{ID}' type='image/png'/></metadata></item>"
    );
    let formats = |inner: &str| {
        AvatarMetadata::among(&items(node, inner))
            .unwrap()
            .formats
            .len()
    };
    assert_eq!(formats(&format!("{none}{some}")), 0);
    assert_eq!(formats(&format!("{some}{none}")), 1);
    assert_eq!(formats(""), 0);
}

#[test]
fn data_is_what_its_id_says() {
    let data = b"\x89PNG picture";
    let id = AvatarId::of(data);
    let node = "urn:xmpp:avatar:data";
    let read = |item_id: &str, text: &str| {
        let inner =
            format!("<item id='{item_id}'><data xmlns='urn:xmpp:avatar:data'>{text}</data></item>");
        avatar::data_among(&items(node, &inner), id)
    };
    let text = avatar::data_element(data).text();
    let own = id.to_string();
    assert_eq!(read(&own, &text), Ok(data.to_vec()));
    assert_eq!(read(&own.to_uppercase(), &text), Ok(data.to_vec()));
    let (front, back) = text.split_at(5);
    assert_eq!(
        read(&own, &format!("\n  {front}\r\n\t{back} ")),
        Ok(data.to_vec())
    );
    assert_eq!(read(&own, text.trim_end_matches('=')), Ok(data.to_vec()));
    assert_eq!(read(ID, &text), Err(AvatarError::NotThere));
    assert_eq!(read(&own, "qANQR1DBwU4D"), Err(AvatarError::WrongHash));
    for bad in ["", "=", "a", "not base64!", "\u{e9}"] {
        assert_eq!(read(&own, bad), Err(AvatarError::Malformed), "{bad}");
    }
    let other = format!("<item id='{own}'><x xmlns='urn:x'/></item>");
    assert_eq!(
        avatar::data_among(&items(node, &other), id),
        Err(AvatarError::NotThere)
    );
    assert_eq!(
        avatar::data_among(&items(node, ""), id),
        Err(AvatarError::NotThere)
    );
}

#[test]
fn presence_states_the_hash_of_a_vcard_avatar_or_that_there_is_none() {
    let of = |inner: &str| avatar::in_presence(&stanza(&format!("<presence>{inner}</presence>")));
    let x = |inner: &str| of(&format!("<x xmlns='vcard-temp:x:update'>{inner}</x>"));
    let hash = AvatarId::parse(ID).map(VcardAvatar::Hash);
    assert_eq!(x(&format!("<photo>{ID}</photo>")), hash);
    assert_eq!(x(&format!("<photo>\n{ID}\n</photo>")), hash);
    assert_eq!(x("<photo/>"), Some(VcardAvatar::None));
    assert_eq!(x(""), None);
    assert_eq!(x("<photo>sha1-hash-of-image</photo>"), None);
    assert_eq!(of(""), None);
}
