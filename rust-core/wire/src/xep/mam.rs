//! XEP-0313: the archive, as far as it is needed after a failed resumption. Pages are those of XEP-0059.

use crate::jid;
use crate::ns;
use crate::stanza;
use crate::time::UnixTime;
use crate::xml::Element;

use super::datetime;
use super::delay::Delay;
use super::error::CodecError;
use super::forms::{Field, Form};
use super::stanza_id;
use super::value::{boolean, u32_digits};

/// Where a query begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest message.
    Start,
    /// After the message with this archive id.
    AfterId(String),
    /// At this time.
    Time(UnixTime),
}

/// Returns the iq that queries the account's archive for the next page: at most `max` messages, oldest first.
pub fn query(id: &str, query_id: &str, from: &Begin, max: u32) -> Element {
    let mut query = Element::new("query", ns::MAM).with_attr("queryid", query_id);
    let mut set = Element::new("set", ns::RSM)
        .with_child(Element::new("max", ns::RSM).with_text(max.to_string()));
    match from {
        Begin::Start => {}
        Begin::AfterId(after) => set.push_child(Element::new("after", ns::RSM).with_text(after)),
        Begin::Time(start) => {
            let form = Form::submit(
                ns::MAM,
                vec![Field::single("start", &datetime::format(*start))],
            );
            query.push_child(form.to_element());
        }
    }
    stanza::iq("set", id, None).with_child(query.with_child(set))
}

/// Returns the iq that queries the account's archive for its newest message.
pub fn newest(id: &str, query_id: &str) -> Element {
    before(id, query_id, None, 1)
}

/// Returns the iq that queries the account's archive for the page of at most `max` messages that ends before the message with
/// this archive id; without one, with the newest message. Within the page the oldest comes first (XEP-0059 section 2.5).
pub fn before(id: &str, query_id: &str, before: Option<&str>, max: u32) -> Element {
    let query = Element::new("query", ns::MAM).with_attr("queryid", query_id);
    stanza::iq("set", id, None).with_child(query.with_child(page_before(before, max)))
}

/// Returns the part of a query that names the page.
pub(super) fn page_before(before: Option<&str>, max: u32) -> Element {
    let mut end = Element::new("before", ns::RSM);
    if let Some(before) = before {
        end.push_text(before);
    }
    Element::new("set", ns::RSM)
        .with_child(Element::new("max", ns::RSM).with_text(max.to_string()))
        .with_child(end)
}

/// Returns the `queryid` of the result that this message carries, if it carries one.
pub fn query_id(message: &Element) -> Option<&str> {
    message.child("result", ns::MAM)?.attr("queryid")
}

/// A message from the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its id in the archive.
    pub id: String,
    /// When it was archived.
    pub delay: Option<Delay>,
    /// The message itself.
    pub message: Element,
}

/// A `<result/>` that must not be trusted, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultError {
    /// It does not come from the account's archive (T7).
    Forged,
    /// It belongs to no query of this client (T7).
    ForeignQuery,
    /// It violates its specification.
    Malformed(CodecError),
}

impl std::fmt::Display for ResultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forged => f.write_str("an archive result that is not from our own account"),
            Self::ForeignQuery => f.write_str("an archive result for no query of ours"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ResultError {}

impl Archived {
    /// Reads a message that carries a result. None if it carries none. `own_bare` is the account's bare JID, prepared.
    pub fn parse(
        message: &Element,
        own_bare: &str,
        query_id: &str,
    ) -> Option<Result<Self, ResultError>> {
        if !message.is("message", ns::CLIENT) {
            return None;
        }
        message.child("result", ns::MAM)?;
        if message
            .attr("from")
            .is_some_and(|from| !is_own(from, own_bare))
        {
            return Some(Err(ResultError::Forged));
        }
        Some(Self::of_query(message, query_id))
    }

    /// Reads a result of this query, whose sender the caller has checked.
    pub(super) fn of_query(message: &Element, query_id: &str) -> Result<Self, ResultError> {
        let result = message.child("result", ns::MAM);
        let result = result.filter(|result| result.attr("queryid") == Some(query_id));
        Self::read(result.ok_or(ResultError::ForeignQuery)?).map_err(ResultError::Malformed)
    }

    /// Returns the message as it would have arrived live, with its archive id, and stamped with the time at which it was
    /// archived, unless it contains a stamp of its own.
    pub fn into_live(self, own_bare: &str) -> Element {
        let is_given_by_us = |child: &Element| stanza_id::is_by(child, own_bare);
        let mut message = self.message.without_children(is_given_by_us);
        message.push_child(
            Element::new("stanza-id", ns::STANZA_ID)
                .with_attr("by", own_bare)
                .with_attr("id", self.id),
        );
        if let Some(delay) = self.delay
            && !message.has_child("delay", ns::DELAY)
        {
            message.push_child(delay.to_element());
        }
        message
    }

    fn read(result: &Element) -> Result<Self, CodecError> {
        let missing = |part| CodecError::Missing {
            element: "result",
            part,
        };
        let id = result.attr("id").ok_or(missing("id"))?;
        let forwarded = result
            .child("forwarded", ns::FORWARD)
            .ok_or(missing("forwarded"))?;
        let message = forwarded
            .child("message", ns::CLIENT)
            .ok_or(missing("message"))?;
        Ok(Self {
            id: id.to_owned(),
            delay: Delay::of(forwarded),
            message: message.clone(),
        })
    }
}

fn is_own(from: &str, own_bare: &str) -> bool {
    jid::is_same(from, own_bare)
}

/// `<fin/>`: the end of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fin {
    /// Nothing follows this page.
    pub complete: bool,
    /// Archive id of the first message of the page.
    pub first: Option<String>,
    /// Archive id of the last message of the page: where the next one begins.
    pub last: Option<String>,
    /// The total number of messages, if the server counts.
    pub count: Option<u32>,
}

impl Fin {
    /// Reads the result of the iq. The caller has matched it to the query (T7).
    pub fn parse(iq: &Element) -> Result<Self, CodecError> {
        let fin = iq.child("fin", ns::MAM).ok_or(CodecError::Missing {
            element: "iq",
            part: "fin",
        })?;
        let set = fin.child("set", ns::RSM);
        let text = |name| {
            set.and_then(|set| set.child(name, ns::RSM))
                .map(|child| child.text().trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        Ok(Self {
            complete: fin.attr("complete").and_then(boolean) == Some(true),
            first: text("first"),
            last: text("last"),
            count: text("count").as_deref().and_then(u32_digits),
        })
    }
}

/// `<metadata/>`: the first and the last message of the archive. Both are none if it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveMetadata {
    /// The oldest message.
    pub start: Option<ArchivePoint>,
    /// The newest message.
    pub end: Option<ArchivePoint>,
}

/// One message of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivePoint {
    /// Its id in the archive.
    pub id: String,
    /// When it was archived.
    pub timestamp: UnixTime,
}

impl ArchiveMetadata {
    /// Reads `<metadata/>`. An entry that cannot be read is none.
    pub fn parse(element: &Element) -> Self {
        let point = |name| {
            let point = element.child(name, ns::MAM)?;
            Some(ArchivePoint {
                id: point.attr("id")?.to_owned(),
                timestamp: point.attr("timestamp").and_then(datetime::parse)?,
            })
        };
        Self {
            start: point("start"),
            end: point("end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    const RESULT: &str = "<message xmlns='jabber:client' id='aeb213' to='juliet@capulet.lit/chamber'>
        <result xmlns='urn:xmpp:mam:2' queryid='f27' id='28482-98726-73623'>
          <forwarded xmlns='urn:xmpp:forward:0'>
            <delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>
            <message xmlns='jabber:client' from='witch@shakespeare.lit' to='macbeth@shakespeare.lit'><body>Hail to thee</body></message>
          </forwarded>
        </result></message>";

    fn parse(xml: &str) -> Option<Result<Archived, ResultError>> {
        Archived::parse(&element(xml), "juliet@capulet.lit", "f27")
    }

    #[test]
    fn asks_after_an_id_or_from_a_time() {
        let after = Begin::AfterId("09af3".to_owned());
        assert_eq!(
            query("j1", "f27", &after, 50).to_xml(),
            "<iq type='set' id='j1'><query xmlns='urn:xmpp:mam:2' queryid='f27'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>50</max><after>09af3</after></set></query></iq>"
        );
        assert_eq!(
            query("j1", "f27", &Begin::Start, 50).to_xml(),
            "<iq type='set' id='j1'><query xmlns='urn:xmpp:mam:2' queryid='f27'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>50</max></set></query></iq>"
        );
        assert_eq!(
            newest("j1", "f27").to_xml(),
            "<iq type='set' id='j1'><query xmlns='urn:xmpp:mam:2' queryid='f27'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></query></iq>"
        );
        let start = Begin::Time(UnixTime(1_281_139_200));
        assert_eq!(
            query("j1", "f27", &start, 50).to_xml(),
            "<iq type='set' id='j1'><query xmlns='urn:xmpp:mam:2' queryid='f27'>\
             <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
             <field var='start'><value>2010-08-07T00:00:00Z</value></field></x>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>50</max></set></query></iq>"
        );
    }

    #[test]
    fn reads_a_result() {
        let archived = parse(RESULT).unwrap().unwrap();
        assert_eq!(archived.id, "28482-98726-73623");
        assert_eq!(archived.delay.unwrap().stamp, UnixTime(1_278_803_305));
        assert_eq!(archived.message.attr("from"), Some("witch@shakespeare.lit"));
    }

    #[test]
    fn t7_only_our_own_archive_and_query_are_believed() {
        for (from, expected) in [
            ("from='juliet@capulet.lit'", None),
            (
                "from='juliet@capulet.lit/chamber'",
                Some(ResultError::Forged),
            ),
            ("from='tybalt@capulet.lit'", Some(ResultError::Forged)),
            ("from=''", Some(ResultError::Forged)),
        ] {
            let xml = RESULT.replacen("id='aeb213'", &format!("id='aeb213' {from}"), 1);
            assert_eq!(parse(&xml).unwrap().err(), expected, "{from}");
        }
        for query_id in ["queryid='f28'", "queryid=''", ""] {
            let xml = RESULT.replacen("queryid='f27'", query_id, 1);
            assert_eq!(
                parse(&xml),
                Some(Err(ResultError::ForeignQuery)),
                "{query_id}"
            );
        }
    }

    #[test]
    fn a_malformed_result_is_a_typed_error() {
        for inner in [
            "<result xmlns='urn:xmpp:mam:2' queryid='f27'/>",
            "<result xmlns='urn:xmpp:mam:2' queryid='f27' id='1'/>",
            "<result xmlns='urn:xmpp:mam:2' queryid='f27' id='1'><forwarded xmlns='urn:xmpp:forward:0'/></result>",
        ] {
            let xml = format!("<message xmlns='jabber:client'>{inner}</message>");
            assert!(
                matches!(parse(&xml), Some(Err(ResultError::Malformed(_)))),
                "{inner}"
            );
        }
        assert_eq!(parse("<message xmlns='jabber:client'/>"), None);
    }

    #[test]
    fn reads_the_end_of_a_page() {
        let fin = |inner: &str| {
            Fin::parse(&element(&format!(
                "<iq xmlns='jabber:client' type='result' id='1'>{inner}</iq>"
            )))
        };
        assert_eq!(
            fin(
                "<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>23452-4534-1</first><last>390-2342-22</last><count>16</count></set></fin>"
            ),
            Ok(Fin {
                complete: true,
                first: Some("23452-4534-1".to_owned()),
                last: Some("390-2342-22".to_owned()),
                count: Some(16),
            })
        );
        assert_eq!(fin("<fin xmlns='urn:xmpp:mam:2'/>"), Ok(Fin::default()));
        assert!(fin("").is_err());
    }

    #[test]
    fn metadata_of_an_empty_archive_is_empty() {
        let metadata = element("<metadata xmlns='urn:xmpp:mam:2'/>");
        assert_eq!(
            ArchiveMetadata::parse(&metadata),
            ArchiveMetadata::default()
        );
        let broken = element(
            "<metadata xmlns='urn:xmpp:mam:2'><start id='x' timestamp='?'/><end/></metadata>",
        );
        assert_eq!(ArchiveMetadata::parse(&broken), ArchiveMetadata::default());
    }
}
