//! The payloads of a message, one module for each extension: between an [`Element`] and typed values.
//!
//! Every payload comes from a stranger. One that cannot be read is left out of the typed message and reported as a [`Problem`];
//! the others are read all the same, and the element stays in the stanza.

pub mod chat_state;
pub mod fallback;
pub mod files;
pub mod hints;
pub mod ids;
pub mod marker;
pub mod reactions;
pub mod receipt;
pub mod reply;
pub mod retraction;
pub mod text;

use std::fmt;

use snapback_wire::xep::error::CodecError;
use snapback_wire::xml::Element;

/// The maximum number of bytes of an id that is read, 1024: servers and clients assign at most a hundred, and apps keep them.
pub const MAX_ID: usize = 1024;

/// The maximum number of problems that are reported of one message, 16: the first ones tell what is wrong with it.
pub const MAX_PROBLEMS: usize = 16;

/// A payload that is not typed, and why. Safe to log: it names the specification, never the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The local name of the payload's element.
    pub name: &'static str,
    /// Its namespace.
    pub ns: &'static str,
    /// What is wrong with it.
    pub reason: ProblemReason,
}

/// What is wrong with a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemReason {
    /// It violates its specification.
    Malformed(CodecError),
    /// There is more than one with different contents, where the specification allows one: none of them is typed.
    Repeated,
    /// There are more than this number: the first ones are typed.
    TooMany(usize),
    /// It does not fit the text that it describes.
    OutOfRange,
}

impl fmt::Display for ProblemReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::Repeated => f.write_str("there is more than one"),
            Self::TooMany(limit) => write!(f, "there are more than {limit}"),
            Self::OutOfRange => f.write_str("it exceeds the text that it describes"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns='{}'/>: {}", self.name, self.ns, self.reason)
    }
}

/// Which element a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) ns: &'static str,
}

impl Kind {
    pub(crate) const fn new(name: &'static str, ns: &'static str) -> Self {
        Self { name, ns }
    }

    pub(crate) fn is(self, element: &Element) -> bool {
        element.is(self.name, self.ns)
    }
}

/// Reads the payloads of a message, and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Payloads<'a> {
    pub(crate) message: &'a Element,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Payloads<'a> {
    pub(crate) fn of(message: &'a Element) -> Self {
        Self {
            message,
            problems: Vec::new(),
        }
    }

    /// Returns the payload that may stand once in a message. A copy of it with the same content is no problem.
    pub(crate) fn one<T>(
        &mut self,
        kind: Kind,
        read: impl FnOnce(&'a Element) -> Result<T, CodecError>,
    ) -> Option<T> {
        let mut found = self.message.children().filter(|child| kind.is(child));
        let first = found.next()?;
        if found.any(|other| other != first) {
            self.report(kind, ProblemReason::Repeated);
            return None;
        }
        self.typed(kind, read(first))
    }

    /// Returns the first `limit` payloads that can be read.
    pub(crate) fn many<T>(
        &mut self,
        kind: Kind,
        limit: usize,
        read: impl Fn(&'a Element) -> Result<T, CodecError>,
    ) -> Vec<T> {
        let mut typed = Vec::new();
        for child in self.message.children().filter(|child| kind.is(child)) {
            if typed.len() == limit {
                self.report(kind, ProblemReason::TooMany(limit));
                break;
            }
            if let Some(one) = self.typed(kind, read(child)) {
                typed.push(one);
            }
        }
        typed
    }

    /// Returns whether there is an element that says everything with its name.
    pub(crate) fn flag(&self, kind: Kind) -> bool {
        self.message.has_child(kind.name, kind.ns)
    }

    pub(crate) fn typed<T>(&mut self, kind: Kind, read: Result<T, CodecError>) -> Option<T> {
        match read {
            Ok(typed) => Some(typed),
            Err(error) => {
                self.report(kind, ProblemReason::Malformed(error));
                None
            }
        }
    }

    pub(crate) fn report(&mut self, kind: Kind, reason: ProblemReason) {
        let problem = Problem {
            name: kind.name,
            ns: kind.ns,
            reason,
        };
        if self.problems.len() < MAX_PROBLEMS && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Returns an attribute that names a message or an entity.
pub(crate) fn id_of(
    element: &Element,
    kind: Kind,
    part: &'static str,
) -> Result<String, CodecError> {
    match element.attr(part) {
        None | Some("") => Err(CodecError::Missing {
            element: kind.name,
            part,
        }),
        Some(id) if id.len() > MAX_ID => Err(malformed(kind, part)),
        Some(id) => Ok(id.to_owned()),
    }
}

pub(crate) fn malformed(kind: Kind, part: &'static str) -> CodecError {
    CodecError::Malformed {
        element: kind.name,
        part,
    }
}

/// Returns an empty element with an id.
pub(crate) fn with_id(kind: Kind, id: &str) -> Element {
    Element::new(kind.name, kind.ns).with_attr("id", id)
}
