//! XEP-0313: pages of an archive that the app asks for, of an account or of a room, from the newest message backwards.

use crate::jid;
use crate::ns;
use crate::stanza;
use crate::xml::{Element, RefusedStanza};

use super::forms::{Field, Form};
use super::mam::{self, Archived, ResultError};

/// The beginning of the query ids of these queries: their results are collected, and are not delivered as messages.
const PREFIX: &str = "history-";

/// A query whose results are collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The id of the iq.
    pub id: String,
    query: String,
    /// The address of the archive, as the query names it; `None` for the account's own.
    archive: Option<String>,
}

impl HistoryQuery {
    /// Returns a query to the archive with this address, without one to the account's own. Its iq has this id.
    pub fn new(id: &str, archive: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            query: [PREFIX, id].concat(),
            archive: archive.map(str::to_owned),
        }
    }

    /// Returns the iq that asks for the page of at most `max` messages that ends before the message with the archive id `before`;
    /// without one, with the newest message. `with`: only messages of a conversation with this address.
    pub fn request(&self, with: Option<&str>, before: Option<&str>, max: u32) -> Element {
        let mut query = Element::new("query", ns::MAM).with_attr("queryid", &self.query);
        if let Some(with) = with {
            let form = Form::submit(ns::MAM, vec![Field::single("with", with)]);
            query.push_child(form.to_element());
        }
        query.push_child(mam::page_before(before, max));
        stanza::iq("set", &self.id, self.archive.as_deref()).with_child(query)
    }

    /// Returns the query that this iq makes, if its results are collected.
    pub fn of(iq: &Element) -> Option<Self> {
        let query = iq.child("query", ns::MAM)?.attr("queryid")?;
        (iq.attr("type") == Some("set") && query.starts_with(PREFIX)).then_some(())?;
        Some(Self {
            id: iq.attr("id")?.to_owned(),
            query: query.to_owned(),
            archive: iq.attr("to").map(str::to_owned),
        })
    }

    /// Returns whether this message carries a result of any such query.
    pub fn is_result(message: &Element) -> bool {
        mam::query_id(message).is_some_and(|query| query.starts_with(PREFIX))
    }

    /// Returns whether this message is a result of the query. T7: from the archive that was asked, and no other entity. `own`: the
    /// account's bare address, prepared.
    pub fn has_result(&self, message: &Element, own: &str) -> bool {
        let archive = self.archive.as_deref().unwrap_or(own);
        let is_from_archive = match message.attr("from") {
            Some(from) => jid::is_same(from, archive),
            None => jid::is_same(own, archive),
        };
        is_from_archive && mam::query_id(message) == Some(&self.query)
    }

    /// Returns whether a message that was refused by the reader is a result of the query, as [`Self::has_result`].
    pub fn has_refused(&self, refused: &RefusedStanza, own: &str) -> bool {
        let mut message = Element::new("message", ns::CLIENT);
        if let Some(from) = &refused.from {
            message.set_attr("from", from);
        }
        if let Some(child) = &refused.first_child {
            message.push_child(child.clone());
        }
        refused.name == "message" && self.has_result(&message, own)
    }

    /// Reads a result.
    ///
    /// # Errors
    ///
    /// If it is none of this query, or violates its specification.
    pub fn read(&self, message: &Element) -> Result<Archived, ResultError> {
        Archived::of_query(message, &self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    const OWN: &str = "juliet@capulet.lit";

    fn result(attributes: &str, query: &str) -> Element {
        element(&format!(
            "<message xmlns='jabber:client' {attributes}><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='a1'>\
             <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>Hail</body></message></forwarded>\
             </result></message>"
        ))
    }

    #[test]
    fn asks_backwards() {
        let request =
            HistoryQuery::new("h1", None).request(Some("romeo@montague.lit"), Some("a9"), 20);
        assert_eq!(
            request.to_xml(),
            "<iq type='set' id='h1'><query xmlns='urn:xmpp:mam:2' queryid='history-h1'>\
             <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
             <field var='with'><value>romeo@montague.lit</value></field></x>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>20</max><before>a9</before></set></query></iq>"
        );
        let room =
            HistoryQuery::new("h2", Some("coven@chat.shakespeare.lit")).request(None, None, 5);
        assert!(room.to_xml().contains("to='coven@chat.shakespeare.lit'"));
        assert!(room.to_xml().contains("<max>5</max><before/>"));
    }

    #[test]
    fn t7_results_are_of_the_archive_that_was_asked() {
        let own = HistoryQuery::of(&HistoryQuery::new("h1", None).request(None, None, 5)).unwrap();
        let coven = "coven@chat.shakespeare.lit";
        let room = HistoryQuery::of(&HistoryQuery::new("h1", Some(coven)).request(None, None, 5));
        let room = room.unwrap();
        let table = [
            ("", "history-h1", true, false),
            ("from='Juliet@capulet.lit'", "history-h1", true, false),
            ("from='juliet@capulet.lit/x'", "history-h1", false, false),
            (
                "from='coven@chat.shakespeare.lit'",
                "history-h1",
                false,
                true,
            ),
            (
                "from='coven@chat.shakespeare.lit/witch'",
                "history-h1",
                false,
                false,
            ),
            ("from='tybalt@capulet.lit'", "history-h1", false, false),
            ("", "history-h2", false, false),
        ];
        for (from, query, is_own, is_of_room) in table {
            let message = result(from, query);
            assert_eq!(own.has_result(&message, OWN), is_own, "{from} {query}");
            assert_eq!(room.has_result(&message, OWN), is_of_room, "{from} {query}");
        }
        let other = mam::before("h1", "snapback-h1", None, 5);
        assert_eq!(HistoryQuery::of(&other), None);
    }
}
