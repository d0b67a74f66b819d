//! RFC 6121 section 5.2: `<body/>`, `<subject/>` and `<thread/>`, texts in several languages.

use snapback_wire::ns;
use snapback_wire::xml::{Attribute, Element};

use super::{Kind, MAX_ID, Payloads, ProblemReason, malformed};

/// The maximum number of languages of one text, 32: a message for people has one or two.
pub const MAX_LANGUAGES: usize = 32;

pub(crate) const BODY: Kind = Kind::new("body", ns::CLIENT);
pub(crate) const SUBJECT: Kind = Kind::new("subject", ns::CLIENT);
const THREAD: Kind = Kind::new("thread", ns::CLIENT);

/// A text in one language.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// The language (RFC 5646), such as `de`: the element's own, or the stanza's. `None` if neither states one.
    pub lang: Option<String>,
    /// The text.
    pub text: String,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "text of {} bytes in {:?}", self.text.len(), self.lang)
    }
}

/// The same text in several languages, each once. The first one is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(Vec<Text>);

impl Texts {
    /// Returns a text in a language that is not stated.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Text {
            lang: None,
            text: text.into(),
        }])
    }

    /// Adds a text in another language, or replaces the one in this language.
    #[must_use]
    pub fn with(mut self, lang: impl Into<String>, text: impl Into<String>) -> Self {
        let (lang, text) = (Some(lang.into()), text.into());
        self.0.retain(|other| other.lang != lang);
        self.0.push(Text { lang, text });
        self
    }

    /// Returns the texts, the default one first.
    pub fn all(&self) -> &[Text] {
        &self.0
    }

    /// Returns the default text: the one in the stanza's own language, else the first one.
    pub fn default_text(&self) -> Option<&str> {
        self.0.first().map(|first| first.text.as_str())
    }

    /// Returns the text in the first of these languages that there is, else the default text. `de` finds `de-AT` (the basic
    /// filtering of RFC 4647 section 3.3.1).
    pub fn in_languages(&self, preferred: &[&str]) -> Option<&str> {
        let found = preferred.iter().find_map(|range| {
            let mut texts = self.0.iter();
            texts.find(|text| text.lang.as_deref().is_some_and(|lang| is_in(lang, range)))
        });
        found.map(|text| text.text.as_str()).or(self.default_text())
    }

    /// Puts this before each text; returns whether there is one.
    pub(crate) fn prepend(&mut self, prefix: &str) -> bool {
        for text in &mut self.0 {
            text.text.insert_str(0, prefix);
        }
        !self.0.is_empty()
    }

    /// Returns the elements.
    pub(crate) fn to_elements(&self, kind: Kind) -> impl Iterator<Item = Element> {
        self.0.iter().map(move |text| {
            let mut element = Element::new(kind.name, kind.ns).with_text(&text.text);
            if let Some(lang) = &text.lang {
                element.push_attribute(Attribute {
                    ns: ns::XML.into(),
                    name: "lang".into(),
                    value: lang.clone(),
                });
            }
            element
        })
    }
}

/// Returns whether a language is in the range, in any case.
fn is_in(lang: &str, range: &str) -> bool {
    let (head, rest) = (lang.get(..range.len()), lang.get(range.len()..));
    head.is_some_and(|head| head.eq_ignore_ascii_case(range))
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The conversation that a message belongs to (RFC 6121 section 5.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub id: String,
    /// The id of the thread that it is part of.
    pub parent: Option<String>,
}

impl Thread {
    /// Returns the element.
    pub fn to_element(&self) -> Element {
        let mut thread = Element::new(THREAD.name, THREAD.ns).with_text(&self.id);
        if let Some(parent) = &self.parent {
            thread.set_attr("parent", parent);
        }
        thread
    }
}

pub(crate) fn read_thread(payloads: &mut Payloads<'_>) -> Option<Thread> {
    // An empty one names no conversation; some clients send it.
    let thread = payloads.one(THREAD, |element| {
        let id = element.text();
        let parent = element.attr("parent").filter(|parent| !parent.is_empty());
        if id.len() > MAX_ID || parent.is_some_and(|parent| parent.len() > MAX_ID) {
            return Err(malformed(THREAD, "id"));
        }
        Ok(Thread {
            id,
            parent: parent.map(str::to_owned),
        })
    });
    thread.filter(|thread| !thread.id.is_empty())
}

/// Reads the texts of this kind. Of several in one language the first that is not empty counts, and the others are reported: they
/// can be used to show different texts to different people.
pub(crate) fn read(kind: Kind, payloads: &mut Payloads<'_>) -> Texts {
    let outer = payloads.message.lang().filter(|lang| !lang.is_empty());
    let mut texts: Vec<Text> = Vec::new();
    for element in payloads.message.children().filter(|child| kind.is(child)) {
        let own = element.lang().or(outer).filter(|lang| !lang.is_empty());
        let fault = add(&mut texts, own, element.text(), kind);
        if let Some(fault) = fault {
            payloads.report(kind, fault);
        }
    }
    // The one in the stanza's language comes first.
    let default = texts.iter().position(|text| text.lang.as_deref() == outer);
    if let Some(until) = default.and_then(|at| texts.get_mut(..=at)) {
        until.rotate_right(1);
    }
    Texts(texts)
}

/// Adds a text, or returns what is wrong with it.
fn add(
    texts: &mut Vec<Text>,
    lang: Option<&str>,
    text: String,
    kind: Kind,
) -> Option<ProblemReason> {
    let is_full = texts.len() == MAX_LANGUAGES;
    if let Some(same) = texts.iter_mut().find(|other| other.lang.as_deref() == lang) {
        if same.text == text {
            return None;
        }
        if same.text.is_empty() {
            same.text = text;
        }
        return Some(ProblemReason::Repeated);
    }
    if is_full {
        return Some(ProblemReason::TooMany(MAX_LANGUAGES));
    }
    if lang.is_some_and(|lang| lang.len() > MAX_ID) {
        return Some(ProblemReason::Malformed(malformed(kind, "xml:lang")));
    }
    texts.push(Text {
        lang: lang.map(str::to_owned),
        text,
    });
    None
}
