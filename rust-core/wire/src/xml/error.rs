//! XML errors that close a stream (RFC 6120 sections 4.9.3 and 11).

use std::fmt;

/// A limit of an element. Exceeding a limit does not make XML not well-formed: any contact can send a stanza that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes of one top-level element, or of the stream header.
    Size,
    /// Levels of nesting; the top-level element is the first.
    Depth,
    /// Attributes of one element, namespace declarations not counted.
    Attributes,
    /// Namespace declarations of one element, or namespace names that expand out of proportion.
    Namespaces,
    /// Elements and attributes of one top-level element.
    Nodes,
}

/// Why a single stanza is refused while the stream continues (rule T6): its end is known, and any contact can cause it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It exceeds this limit.
    OverLimit(Limit),
    /// It contains a reference to an entity other than the five predefined ones.
    UndeclaredEntity,
    /// It contains a character that XML 1.0 forbids, written literally or as a reference.
    ForbiddenCharacter,
    /// It contains a prefix that no enclosing element declares.
    UndeclaredPrefix,
    /// It binds the prefixes `xml` or `xmlns`, or their namespaces, to something else, or a prefix to nothing.
    NamespaceMisuse,
    /// It has two attributes of the same expanded name in one tag.
    DuplicateAttribute,
}

impl Refusal {
    /// Returns the refusal for this error where the stream may continue after the stanza; `None` if the stream must be closed.
    pub(super) fn of(error: XmlError) -> Option<Self> {
        match error {
            XmlError::OverLimit(limit) => Some(Self::OverLimit(limit)),
            XmlError::UndeclaredEntity => Some(Self::UndeclaredEntity),
            XmlError::ForbiddenCharacter => Some(Self::ForbiddenCharacter),
            XmlError::UndeclaredPrefix => Some(Self::UndeclaredPrefix),
            XmlError::NamespaceMisuse => Some(Self::NamespaceMisuse),
            XmlError::DuplicateAttribute => Some(Self::DuplicateAttribute),
            _ => None,
        }
    }
}

impl From<Refusal> for XmlError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OverLimit(limit) => Self::OverLimit(limit),
            Refusal::UndeclaredEntity => Self::UndeclaredEntity,
            Refusal::ForbiddenCharacter => Self::ForbiddenCharacter,
            Refusal::UndeclaredPrefix => Self::UndeclaredPrefix,
            Refusal::NamespaceMisuse => Self::NamespaceMisuse,
            Refusal::DuplicateAttribute => Self::DuplicateAttribute,
        }
    }
}

/// An error that closes the stream. The reader never skips bytes to find a place to continue. Where that place is known, a
/// stanza is refused instead, see [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XmlError {
    /// A document type declaration.
    Doctype,
    /// A comment.
    Comment,
    /// A processing instruction, or an XML declaration anywhere but at the very start of a document.
    ProcessingInstruction,
    /// A reference to an entity other than the five predefined ones.
    UndeclaredEntity,
    /// A `&` that begins no reference, or a character reference without digits or with more than any character needs.
    MalformedReference,
    /// A character that XML 1.0 forbids, written literally or as a reference.
    ForbiddenCharacter,
    /// Bytes that are not UTF-8.
    BadUtf8,
    /// A name that XML 1.0 or Namespaces in XML does not allow.
    BadName,
    /// A prefix that no enclosing element declares.
    UndeclaredPrefix,
    /// The prefixes `xml` and `xmlns` or their namespaces bound to something else, or a prefix bound to nothing.
    NamespaceMisuse,
    /// Two attributes of the same expanded name in one tag.
    DuplicateAttribute,
    /// A `<` in an attribute value.
    LessThanInAttribute,
    /// `]]>` in text.
    CdataEndInText,
    /// Text other than white space between stanzas or before the stream header.
    StreamLevelText,
    /// An end tag that does not match the element it closes.
    MismatchedEndTag,
    /// A tag, attribute or `<!` section that the grammar does not know.
    MalformedMarkup,
    /// An XML declaration that the grammar does not know.
    MalformedDeclaration,
    /// An XML version other than 1.0.
    UnsupportedVersion,
    /// An encoding other than UTF-8.
    UnsupportedEncoding,
    /// The root element is not called `stream`.
    NotAStream,
    /// The root element is not in the streams namespace.
    StreamNamespace,
    /// The stream's default namespace is not `jabber:client`.
    ContentNamespace,
    /// Something other than white space after the end of the stream.
    AfterEnd,
    /// Over a limit where skipping is not allowed: in the stream header, or before login.
    OverLimit(Limit),
}

impl XmlError {
    /// Returns the stream error condition to close with (RFC 6120 section 4.9.3).
    pub fn stream_condition(self) -> &'static str {
        match self {
            Self::Doctype
            | Self::Comment
            | Self::ProcessingInstruction
            | Self::UndeclaredEntity => "restricted-xml",
            Self::UndeclaredPrefix => "bad-namespace-prefix",
            Self::StreamNamespace | Self::ContentNamespace => "invalid-namespace",
            Self::NotAStream => "bad-format",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::OverLimit(_) => "policy-violation",
            Self::MalformedReference
            | Self::ForbiddenCharacter
            | Self::BadUtf8
            | Self::BadName
            | Self::NamespaceMisuse
            | Self::DuplicateAttribute
            | Self::LessThanInAttribute
            | Self::CdataEndInText
            | Self::StreamLevelText
            | Self::MismatchedEndTag
            | Self::MalformedMarkup
            | Self::MalformedDeclaration
            | Self::UnsupportedVersion
            | Self::AfterEnd => "not-well-formed",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Doctype => "document type declaration",
            Self::Comment => "comment",
            Self::ProcessingInstruction => "processing instruction",
            Self::UndeclaredEntity => "undeclared entity",
            Self::MalformedReference => "malformed reference",
            Self::ForbiddenCharacter => "forbidden character",
            Self::BadUtf8 => "bytes that are not UTF-8",
            Self::BadName => "ill-formed name",
            Self::UndeclaredPrefix => "undeclared namespace prefix",
            Self::NamespaceMisuse => "misused namespace declaration",
            Self::DuplicateAttribute => "duplicate attribute",
            Self::LessThanInAttribute => "'<' in an attribute value",
            Self::CdataEndInText => "']]>' in text",
            Self::StreamLevelText => "text outside of stanzas",
            Self::MismatchedEndTag => "mismatched end tag",
            Self::MalformedMarkup => "malformed markup",
            Self::MalformedDeclaration => "malformed XML declaration",
            Self::UnsupportedVersion => "XML version other than 1.0",
            Self::UnsupportedEncoding => "encoding other than UTF-8",
            Self::NotAStream => "root element that is not a stream",
            Self::StreamNamespace => "root element outside the streams namespace",
            Self::ContentNamespace => "content namespace other than jabber:client",
            Self::AfterEnd => "data after the end of the stream",
            Self::OverLimit(_) => "over a limit",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size",
            Self::Depth => "depth",
            Self::Attributes => "attributes",
            Self::Namespaces => "namespaces",
            Self::Nodes => "nodes",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverLimit(limit) => limit.fmt(f),
            fault => f.write_str(XmlError::from(*fault).name()),
        }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverLimit(limit) => write!(f, "XML over the limit on {limit}"),
            error => write!(f, "XML refused: {}", error.name()),
        }
    }
}

impl std::error::Error for XmlError {}
