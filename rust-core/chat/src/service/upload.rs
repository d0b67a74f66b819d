//! XEP-0363: where a file may be uploaded. The upload itself is HTTP, which the platform does.

use std::fmt;

use snapback_types::time::UnixTime;
use snapback_wire::ns;
use snapback_wire::stanza::StanzaError;
use snapback_wire::xep::datetime;
use snapback_wire::xep::disco::Info;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{bad, missing, number};
use crate::payload::files::MAX_URI;

/// The maximum number of HTTP headers of a slot, 32.
pub const MAX_HEADERS: usize = 32;
/// The maximum number of bytes of a header's value, 8192: what web servers accept.
pub const MAX_HEADER: usize = 8192;

/// The only headers that a service may ask for (section 5). Others are ignored.
const ALLOWED: [&str; 3] = ["Authorization", "Cookie", "Expires"];

/// What a file is for (section 6): services keep files of different kinds for different times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be sent in a message.
    #[default]
    Message,
    /// An avatar, or another picture of a profile: kept longer.
    Profile,
    /// Not available after this time.
    Ephemeral {
        /// When it expires, in seconds since 1970.
        expires: UnixTime,
    },
    /// To be kept.
    Permanent,
}

/// A file to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name, without a path. The service may show it in the URL.
    pub name: String,
    /// Its size in bytes: of what is uploaded, so after encryption.
    pub size: u64,
    /// Its media type, such as `image/jpeg`. Default none.
    pub media_type: Option<String>,
    /// What it is for. Default: a message.
    pub purpose: Purpose,
}

/// Where a file may be uploaded, and where it can be downloaded then. `Debug` prints neither: the URLs give access to the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot {
    /// The URL for one HTTP `PUT`, an `https` URL.
    pub put: String,
    /// The headers for it, to be sent in this order, beside `Content-Length` and `Content-Type`: `Authorization`, `Cookie` and
    /// `Expires`, in any case. Secrets.
    pub headers: Vec<Header>,
    /// The URL of the file, an `https` URL.
    pub get: String,
}

/// An HTTP header, without line breaks. `Debug` prints its name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Why a service gives no slot (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotRefusal {
    /// The file is too large for the service.
    TooLarge {
        /// The maximum size in bytes, if the service states it.
        max_file_size: Option<u64>,
    },
    /// Not now, such as over a quota.
    Later {
        /// When to try again, in seconds since 1970.
        retry_at: Option<UnixTime>,
    },
}

/// Returns the maximum size of a file in bytes, if this entity is an upload service: `Some(None)` if it states none.
pub fn service(info: &Info) -> Option<Option<u64>> {
    if !info.features.iter().any(|feature| feature == ns::UPLOAD) {
        return None;
    }
    let is_ours = |form: &&snapback_wire::xep::forms::Form| {
        let name = form.form_type().and_then(|field| field.values.first());
        name.is_some_and(|name| name == ns::UPLOAD)
    };
    let mut fields = info
        .forms
        .iter()
        .filter(is_ours)
        .flat_map(|form| &form.fields);
    let field = fields.find(|field| field.var == "max-file-size");
    let size = field.and_then(|field| field.values.first());
    Some(size.and_then(|size| number(size.trim())))
}

/// Returns the payload of an iq of type `get` that asks an upload service for a slot.
pub fn request(upload: &Upload) -> Element {
    let mut request = Element::new("request", ns::UPLOAD)
        .with_attr("filename", &upload.name)
        .with_attr("size", upload.size.to_string());
    if let Some(media_type) = &upload.media_type {
        request.set_attr("content-type", media_type);
    }
    let purpose = |name: &'static str| Element::new(name, ns::UPLOAD_PURPOSE);
    match upload.purpose {
        // The default, which services without purposes know.
        Purpose::Message => {}
        Purpose::Profile => request.push_child(purpose("profile")),
        Purpose::Ephemeral { expires } => request
            .push_child(purpose("ephemeral").with_attr("expire-before", datetime::format(expires))),
        Purpose::Permanent => request.push_child(purpose("permanent")),
    }
    request
}

/// Reads a slot.
///
/// # Errors
///
/// If it is none, or its URLs are no `https` URLs: the file, and the secrets in the headers, would travel in the clear.
pub fn parse_slot(iq: &Element) -> Result<Slot, CodecError> {
    let slot = iq.child("slot", ns::UPLOAD).ok_or(missing("iq", "slot"))?;
    let put = slot
        .child("put", ns::UPLOAD)
        .ok_or(missing("slot", "put"))?;
    let get = slot
        .child("get", ns::UPLOAD)
        .ok_or(missing("slot", "get"))?;
    Ok(Slot {
        put: url(put, "put")?,
        headers: headers(put)?,
        get: url(get, "get")?,
    })
}

impl SlotRefusal {
    /// Returns what an error says about the file or the time; `None` if it says nothing about either.
    pub fn of(error: &StanzaError) -> Option<Self> {
        if let Some(detail) = error.detail("file-too-large", ns::UPLOAD) {
            let size = detail.child("max-file-size", ns::UPLOAD).map(Element::text);
            return Some(Self::TooLarge {
                max_file_size: size.and_then(|size| number(size.trim())),
            });
        }
        let retry = error.detail("retry", ns::UPLOAD)?;
        Some(Self::Later {
            retry_at: retry.attr("stamp").and_then(datetime::parse),
        })
    }
}

fn url(element: &Element, name: &'static str) -> Result<String, CodecError> {
    let url = element.attr("url").ok_or(missing(name, "url"))?;
    let is_https = url
        .get(..8)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    // RFC 3986: other characters are percent-encoded.
    let is_printable = url.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_https || !is_printable || url.len() == 8 || url.len() > MAX_URI {
        return Err(bad(name, "url"));
    }
    Ok(url.to_owned())
}

fn headers(put: &Element) -> Result<Vec<Header>, CodecError> {
    let mut headers = Vec::new();
    for header in put
        .children()
        .filter(|child| child.is("header", ns::UPLOAD))
    {
        let name = without_breaks(header.attr("name").unwrap_or_default());
        if !ALLOWED
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&name))
        {
            continue;
        }
        let value = without_breaks(&header.text());
        if headers.len() == MAX_HEADERS || value.len() > MAX_HEADER {
            return Err(bad("put", "header"));
        }
        headers.push(Header { name, value });
    }
    Ok(headers)
}

/// Removes what could end a header and begin another one (section 5), or is no text.
fn without_breaks(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot with {} headers", self.headers.len())
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header {}", self.name)
    }
}
