//! Why an element could not be read.

use std::fmt;

/// The peer sent an element that violates its specification. Names parts of the specification, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// A required attribute or child is missing.
    Missing {
        /// The element.
        element: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// An attribute or child has a value that its type does not allow.
    Malformed {
        /// The element.
        element: &'static str,
        /// What has the wrong form.
        part: &'static str,
    },
    /// Two parts exclude each other.
    Conflicting {
        /// The element.
        element: &'static str,
        /// The parts that exclude each other.
        parts: (&'static str, &'static str),
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { element, part } => write!(f, "<{element}/> lacks {part}"),
            Self::Malformed { element, part } => write!(f, "<{element}/> has a malformed {part}"),
            Self::Conflicting { element, parts } => {
                write!(f, "<{element}/> has both {} and {}", parts.0, parts.1)
            }
        }
    }
}

impl std::error::Error for CodecError {}
