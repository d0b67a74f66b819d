//! XEP-0066: a file, or another resource, by its URI.

use snapback_wire::ns;
use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

use super::{Kind, Payloads, malformed};

/// The maximum number of files in one message, 32.
pub const MAX_FILES: usize = 32;

/// The maximum number of bytes of a URI, 8192: what web servers accept.
pub const MAX_URI: usize = 8192;

const FILE: Kind = Kind::new("x", ns::OUT_OF_BAND);

/// A file that a message refers to. The URI may have any scheme, and lead anywhere: it is not checked.
/// `Debug` does not print it, since it may contain a key (XEP-0454).
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub uri: String,
    /// What the sender says about it.
    pub description: Option<String>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file with a URI of {} bytes", self.uri.len())
    }
}

impl File {
    /// Returns the payload.
    pub fn to_element(&self) -> Element {
        let texts = [
            ("url", Some(&self.uri)),
            ("desc", self.description.as_ref()),
        ];
        let mut file = Element::new(FILE.name, FILE.ns);
        for (name, text) in texts {
            if let Some(text) = text {
                file.push_child(Element::new(name, FILE.ns).with_text(text));
            }
        }
        file
    }

    fn parse(element: &Element) -> Result<Self, CodecError> {
        let uri = element.child("url", FILE.ns).ok_or(CodecError::Missing {
            element: FILE.name,
            part: "url",
        })?;
        let uri = uri.text();
        let uri = uri.trim();
        if uri.is_empty() || uri.len() > MAX_URI {
            return Err(malformed(FILE, "url"));
        }
        Ok(Self {
            uri: uri.to_owned(),
            description: element.child("desc", FILE.ns).map(Element::text),
        })
    }
}

pub(crate) fn read(payloads: &mut Payloads<'_>) -> Vec<File> {
    payloads.many(FILE, MAX_FILES, File::parse)
}
