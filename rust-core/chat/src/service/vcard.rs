//! XEP-0292 and XEP-0054: what users say about themselves, read from vCard 4 (RFC 6351) and from vcard-temp.

use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::avatar::{AvatarId, MAX_AVATAR};
use super::{from_base64, missing};

/// The maximum number of values of one kind that are read, 32.
pub const MAX_VALUES: usize = 32;
/// The maximum number of bytes of a value that is read, 8192.
pub const MAX_VALUE: usize = 8192;

/// A vCard, as far as a chat app shows it. Every value is the user's own claim. `Debug` prints none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Vcard {
    /// The name, formatted.
    pub full_name: Option<String>,
    /// Names that the user goes by.
    pub nicknames: Vec<String>,
    /// Organisations.
    pub organisations: Vec<String>,
    /// A role or title.
    pub title: Option<String>,
    /// Birthday, as written.
    pub birthday: Option<String>,
    /// Web pages.
    pub urls: Vec<String>,
    /// Addresses of email.
    pub emails: Vec<String>,
    /// Telephone numbers; in vCard 4 as URIs.
    pub phones: Vec<String>,
    /// A text.
    pub note: Option<String>,
    /// A picture.
    pub photo: Option<Photo>,
}

/// A picture in a vCard.
#[derive(Clone, PartialEq, Eq)]
pub enum Photo {
    /// Its data.
    Data {
        /// Its media type, as stated.
        media_type: Option<String>,
        /// The bytes.
        data: Vec<u8>,
        /// Their hash, as presence states it (XEP-0153).
        id: AvatarId,
    },
    /// A link, which may lead anywhere.
    Uri(String),
}

/// Returns the payload of an iq of type `get` that asks an account for its vcard-temp.
pub fn temp_request() -> Element {
    Element::new("vCard", ns::VCARD_TEMP)
}

/// Reads the answer to [`temp_request`]. An account without a vCard has an empty one.
///
/// # Errors
///
/// If it is another element.
pub fn parse_temp(iq: &Element) -> Result<Vcard, CodecError> {
    let card = iq
        .child("vCard", ns::VCARD_TEMP)
        .ok_or(missing("iq", "vCard"))?;
    let temp = Values {
        card,
        namespace: ns::VCARD_TEMP,
    };
    Ok(Vcard {
        full_name: temp.first("FN", None),
        nicknames: temp.all("NICKNAME", None),
        organisations: temp.all("ORG", Some("ORGNAME")),
        title: temp
            .first("TITLE", None)
            .or_else(|| temp.first("ROLE", None)),
        birthday: temp.first("BDAY", None),
        urls: temp.all("URL", None),
        emails: temp.all("EMAIL", Some("USERID")),
        phones: temp.all("TEL", Some("NUMBER")),
        note: temp
            .first("DESC", None)
            .or_else(|| temp.first("NOTE", None)),
        photo: card.child("PHOTO", ns::VCARD_TEMP).and_then(temp_photo),
    })
}

/// Reads `<vcard/>`, the payload of the item on the node `urn:xmpp:vcard4`.
///
/// # Errors
///
/// If it is another element.
pub fn parse_4(element: &Element) -> Result<Vcard, CodecError> {
    if !element.is("vcard", ns::VCARD4) {
        return Err(missing("item", "vcard"));
    }
    let card = Values {
        card: element,
        namespace: ns::VCARD4,
    };
    let text = Some("text");
    let any = |name| {
        let uris = card.all(name, Some("uri"));
        if uris.is_empty() {
            card.all(name, text)
        } else {
            uris
        }
    };
    let birthday = ["date", "date-time", "text"];
    Ok(Vcard {
        full_name: card.first("fn", text),
        nicknames: card.all("nickname", text),
        organisations: card.all("org", text),
        title: card
            .first("title", text)
            .or_else(|| card.first("role", text)),
        birthday: birthday
            .iter()
            .find_map(|form| card.first("bday", Some(form))),
        urls: any("url"),
        emails: card.all("email", text),
        phones: any("tel"),
        note: card.first("note", text),
        photo: element
            .child("photo", ns::VCARD4)
            .and_then(|photo| photo.child("uri", ns::VCARD4))
            .and_then(|uri| photo_uri(uri.text().trim())),
    })
}

/// The properties of a vCard.
struct Values<'a> {
    card: &'a Element,
    namespace: &'static str,
}

impl Values<'_> {
    /// Returns the values of a property: its text, or that of its children of this name.
    fn all(&self, name: &str, inner: Option<&str>) -> Vec<String> {
        let properties = self
            .card
            .children()
            .filter(|child| child.is(name, self.namespace));
        let texts = properties.flat_map(|property| {
            let of_property = inner.is_none().then(|| property.text());
            let of_children = property
                .children()
                .filter(move |child| inner.is_some_and(|inner| child.is(inner, self.namespace)));
            of_property
                .into_iter()
                .chain(of_children.map(Element::text))
        });
        texts
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty() && text.len() <= MAX_VALUE)
            .take(MAX_VALUES)
            .collect()
    }

    fn first(&self, name: &str, inner: Option<&str>) -> Option<String> {
        self.all(name, inner).into_iter().next()
    }
}

fn temp_photo(photo: &Element) -> Option<Photo> {
    let of = |name| photo.child(name, ns::VCARD_TEMP).map(Element::text);
    if let Some(text) = of("BINVAL") {
        let media_type = of("TYPE").filter(|kind| kind.len() <= 256 && !kind.trim().is_empty());
        return data(&text, media_type.map(|kind| kind.trim().to_owned()));
    }
    let uri = of("EXTVAL")?;
    photo_uri(uri.trim())
}

/// A picture of vCard 4 is a URI; many are `data:` URIs (RFC 2397) with base64.
fn photo_uri(uri: &str) -> Option<Photo> {
    let Some(inline) = uri.strip_prefix("data:") else {
        let is_short = !uri.is_empty() && uri.len() <= MAX_VALUE;
        return is_short.then(|| Photo::Uri(uri.to_owned()));
    };
    let (kind, text) = inline.split_once(',')?;
    let kind = kind.strip_suffix(";base64")?;
    data(text, (!kind.is_empty()).then(|| kind.to_owned()))
}

fn data(text: &str, media_type: Option<String>) -> Option<Photo> {
    let data = from_base64(text, MAX_AVATAR)?;
    let id = AvatarId::of(&data);
    Some(Photo::Data {
        media_type,
        data,
        id,
    })
}

impl std::fmt::Debug for Vcard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("vCard")
    }
}

impl std::fmt::Debug for Photo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data { data, .. } => write!(f, "photo of {} bytes", data.len()),
            Self::Uri(_) => f.write_str("photo by its URI"),
        }
    }
}
