//! XEP-0334: how a message is to be processed.

use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::{Kind, Payloads};

const NO_PERMANENT_STORE: Kind = Kind::new("no-permanent-store", ns::HINTS);
const NO_STORE: Kind = Kind::new("no-store", ns::HINTS);
const NO_COPY: Kind = Kind::new("no-copy", ns::HINTS);
const STORE: Kind = Kind::new("store", ns::HINTS);

/// What the sender of a message wishes of those who process it. They need not comply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// No archive shall keep it.
    pub no_permanent_store: bool,
    /// No entity shall keep it, not even until its recipient is online.
    pub no_store: bool,
    /// Other clients of the two accounts shall get no copy.
    pub no_copy: bool,
    /// It shall be kept, though it has no text.
    pub store: bool,
}

impl Hints {
    /// Returns the payloads, one for each hint.
    pub fn to_elements(self) -> impl Iterator<Item = Element> {
        self.kinds()
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(kind, _)| Element::new(kind.name, kind.ns))
    }

    fn kinds(self) -> [(Kind, bool); 4] {
        [
            (NO_PERMANENT_STORE, self.no_permanent_store),
            (NO_STORE, self.no_store),
            (NO_COPY, self.no_copy),
            (STORE, self.store),
        ]
    }
}

pub(crate) fn read(payloads: &Payloads<'_>) -> Hints {
    Hints {
        no_permanent_store: payloads.flag(NO_PERMANENT_STORE),
        no_store: payloads.flag(NO_STORE),
        no_copy: payloads.flag(NO_COPY),
        store: payloads.flag(STORE),
    }
}
