//! Deviations of the server as data: what happens instead of, or in addition to, its ordinary behaviour.

use std::time::Duration;

use crate::xml::Element;

/// The deviations of a server, by connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The rules of each connection, in the order in which connections are opened.
    pub connections: Vec<Vec<Rule>>,
    /// Whether the rules of the last one also hold for all later connections; otherwise these are ordinary.
    pub repeats_last: bool,
}

/// What a connection does at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The point.
    pub when: When,
    /// How often the point passes before the rule applies.
    pub skip: u32,
    /// How often it then applies.
    pub times: u32,
    /// Whether the server also does what it ordinarily does. Only for [`When::Reads`].
    pub is_added: bool,
    /// What is done, in order.
    pub steps: Vec<ScriptStep>,
    /// Whether it has applied on this connection.
    pub(crate) has_applied: bool,
}

/// A point of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The connection was accepted; before TLS if this is direct TLS.
    Opened,
    /// A session was bound or resumed, and the answer to that is written.
    Online,
    /// Such an element was read; an inline request (XEP-0388) counts as an element.
    Reads(Pattern),
    /// Such an element is to be written: it is replaced, wherever it is in the tree.
    Writes(Pattern),
}

/// One step of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStep {
    /// Sends XML, with placeholders. In a session, one stanza that counts for XEP-0198.
    Send(String),
    /// Sends XML, with placeholders, this many times.
    Repeat {
        /// The text; `{n}` is the number of the repetition.
        text: String,
        /// How often.
        times: u32,
    },
    /// Sends bytes of the stream.
    Bytes(Vec<u8>),
    /// Sends bytes outside TLS.
    Cleartext(String),
    /// Delivers a message of a contact with this content, and archives it.
    Contact(String),
    /// Archives a message without delivering it.
    Archive(String),
    /// Waits, while ordinary answers continue.
    Pause(Duration),
    /// Sends `</stream:stream>` and closes the connection.
    EndStream,
    /// Closes the connection; the stream is not ended.
    Close {
        /// Whether TLS is ended.
        notifies: bool,
    },
    /// Resets the connection.
    Reset,
    /// Sends nothing any more; still reads.
    Silence,
    /// Reads nothing any more.
    StopReading,
    /// Sends a few bytes at a time from now on.
    Trickle,
    /// Ends the sessions that wait to be resumed.
    ForgetSessions,
    /// Deletes all FAST tokens of the account.
    ForgetTokens,
}

impl ScriptStep {
    /// Returns whether nothing follows on the connection.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::EndStream | Self::Close { .. } | Self::Reset)
    }
}

/// A pattern of an element: `iq[type=set]/query{jabber:iq:roster}` is an `iq` with that attribute and with such a child.
/// `*` is any name, and `[#text=..]` the text content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    name: String,
    ns: Option<String>,
    attributes: Vec<(String, String)>,
    child: Option<Box<Pattern>>,
}

impl Pattern {
    /// Reads a pattern; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(['[', '{', '/']).unwrap_or(text.len());
        let (name, mut rest) = text.split_at_checked(end)?;
        let mut pattern = Self {
            name: name.to_owned(),
            ns: None,
            attributes: Vec::new(),
            child: None,
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (attribute, after) = after.split_once(']')?;
                let (name, value) = attribute.split_once('=')?;
                pattern.attributes.push((name.to_owned(), value.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (ns, after) = after.split_once('}')?;
                pattern.ns = Some(ns.to_owned());
                rest = after;
            } else {
                pattern.child = Some(Box::new(Self::parse(rest.strip_prefix('/')?)?));
                rest = "";
            }
        }
        Some(pattern).filter(|pattern| !pattern.name.is_empty())
    }

    pub(crate) fn matches(&self, element: &Element) -> bool {
        let has = |(name, value): &(String, String)| match name.as_str() {
            "#text" => element.content() == *value,
            name => element.attribute(name) == Some(value),
        };
        (self.name == "*" || element.name == *self.name)
            && self.ns.as_ref().is_none_or(|ns| element.ns == *ns)
            && self.attributes.iter().all(has)
            && self.child.as_ref().is_none_or(|child| {
                let mut children = element.elements();
                children.any(|element| child.matches(element))
            })
    }
}

impl Script {
    /// Returns the rules of a connection; the first one has the number 1.
    pub(crate) fn rules(&self, connection: u64) -> Vec<Rule> {
        let index = usize::try_from(connection.saturating_sub(1)).unwrap_or(usize::MAX);
        let rules = self.connections.get(index);
        let later = self.connections.last().filter(|_| self.repeats_last);
        rules.or(later).cloned().unwrap_or_default()
    }
}

impl Rule {
    /// Returns a rule that always applies at this point.
    pub fn new(when: When, steps: Vec<ScriptStep>) -> Self {
        Self {
            when,
            skip: 0,
            times: u32::MAX,
            is_added: false,
            steps,
            has_applied: false,
        }
    }

    /// Notes that the point was reached; returns whether the rule applies.
    pub(crate) fn applies(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let applies = self.times > 0;
        self.times = self.times.saturating_sub(1);
        self.has_applied |= applies;
        applies
    }

    /// Returns whether another rule does the same at the same point.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.when, &self.steps) == (&other.when, &other.steps)
    }
}

/// Returns `text` with its placeholders replaced: `{@id}` is an attribute of `element`, `{query@queryid}` one of its first
/// descendant of that name, `{inner}` its content.
pub(crate) fn filled(text: &str, element: Option<&Element>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((placeholder, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match element.and_then(|element| value(placeholder, element)) {
            Some(value) => out.push_str(&value),
            None => {
                out.push('{');
                out.push_str(placeholder);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn value(placeholder: &str, element: &Element) -> Option<String> {
    if placeholder == "inner" {
        return Some(element.inner_xml());
    }
    let (name, attribute) = placeholder.split_once('@')?;
    let element = match name {
        "" => element,
        name => element.descendant(name)?,
    };
    Some(element.attribute(attribute).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;

    fn query() -> Element {
        let query = Element::new(ns::MAM, "query").with("queryid", "q1");
        Element::new(ns::CLIENT, "iq")
            .with("type", "set")
            .with("id", "7")
            .child(query)
    }

    #[test]
    fn patterns_name_an_element_its_attributes_and_a_child() {
        for (text, matches) in [
            ("iq", true),
            ("*", true),
            ("message", false),
            ("iq[type=set]", true),
            ("iq[type=get]", false),
            ("iq[type=set][id=7]/query{urn:xmpp:mam:2}", true),
            ("iq/query{jabber:iq:roster}", false),
            ("iq{jabber:client}/*", true),
            ("iq[#text=]", true),
            ("iq[#text=x]", false),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!(pattern.matches(&query()), matches, "{text}");
        }
        for text in ["", "iq[type]", "iq[type=set", "iq{x", "iq/"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn placeholders_are_attributes_of_the_element() {
        let text = "<iq id='{@id}'><fin queryid='{query@queryid}'/>{n} {</iq>";
        assert_eq!(
            filled(text, Some(&query())),
            "<iq id='7'><fin queryid='q1'/>{n} {</iq>"
        );
        assert_eq!(
            filled("{inner}", Some(&query())),
            "<query xmlns='urn:xmpp:mam:2' queryid='q1'/>"
        );
    }
}
