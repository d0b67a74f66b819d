//! The message archive (XEP-0313 `urn:xmpp:mam:2`) with result set management (XEP-0059).

use std::sync::Arc;

use super::World;
use super::route::is_message;
use crate::jid;
use crate::ns;
use crate::switches::UnknownId;
use crate::time::{self, Timestamp};
use crate::xml::Element;

/// The maximum number of results on a page, whatever the client requests.
const MAX_PAGE: usize = 250;
/// The maximum number of messages kept for an account, the latest ones.
const MAX_ARCHIVE: usize = 10_000;

#[derive(Clone, Debug)]
pub(crate) struct ArchivedMessage {
    id: String,
    with: String,
    at: Timestamp,
    message: Arc<Element>,
}

impl ArchivedMessage {
    pub(super) fn new(id: String, with: &str, at: Timestamp, message: Arc<Element>) -> Self {
        Self {
            id,
            with: with.to_owned(),
            at,
            message,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn message(&self) -> &Element {
        &self.message
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at
    }
}

#[derive(Debug, Default)]
struct Query {
    with: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    before_id: Option<String>,
    after_id: Option<String>,
}

/// One page, or the reason why there is none.
#[derive(Debug)]
pub(crate) enum ArchiveAnswer {
    /// `<result/>` for each message, then `<fin/>`.
    Page { results: Vec<Element>, fin: Element },
    /// An id that is not in the archive.
    ItemNotFound,
    /// A field that cannot be read.
    BadRequest,
}

impl World {
    /// Keeps a message; returns its archive id.
    pub(super) fn archive(
        &mut self,
        account: &str,
        with: &str,
        message: &Arc<Element>,
        now: Timestamp,
    ) -> Option<String> {
        if !self.switches.archive {
            return None;
        }
        let id = self.rng.token();
        let archive = &mut self.accounts.get_mut(account)?.archive;
        if archive.len() >= MAX_ARCHIVE {
            archive.remove(0);
        }
        archive.push(ArchivedMessage {
            id: id.clone(),
            with: jid::bare(with).to_owned(),
            at: now,
            message: Arc::clone(message),
        });
        Some(id)
    }

    /// Archives a message that another client of the account sent.
    pub fn archive_only(&mut self, account: &str, to: &str, body: &str, now: Timestamp) -> String {
        let id = self.rng.token();
        let message = Element::new(ns::CLIENT, "message")
            .with("from", format!("{}/elsewhere", self.bare_jid(account)))
            .with("to", to)
            .with("type", "chat")
            .with("id", id.clone())
            .child(Element::new(ns::CLIENT, "body").text(body))
            .child(Element::new(ns::STANZA_ID, "origin-id").with("id", id.clone()));
        self.archive(account, to, &Arc::new(message), now);
        id
    }

    /// Archives a message whose XML is returned as it is.
    pub(crate) fn archive_verbatim(
        &mut self,
        account: &str,
        with: &str,
        message: String,
        now: Timestamp,
    ) {
        let message = Arc::new(Element::verbatim(message));
        self.archive(account, with, &message, now);
    }

    /// Removes the oldest messages from the archive of an account, and keeps this many.
    pub fn expire_archive(&mut self, account: &str, keep: usize) {
        if let Some(account) = self.accounts.get_mut(account) {
            let excess = account.archive.len().saturating_sub(keep);
            account.archive.drain(..excess);
        }
    }

    /// Removes from the archive of an account what was archived before this time.
    pub fn expire_archive_before(&mut self, account: &str, time: Timestamp) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.archive.retain(|entry| entry.at >= time);
        }
    }

    /// Returns the archive ids of an account's messages, in their order.
    pub fn archive_ids(&self, account: &str) -> impl Iterator<Item = &str> {
        let account = self.accounts.get(account);
        let entries = account.into_iter().flat_map(|account| &account.archive);
        entries.map(|entry| entry.id.as_str())
    }

    /// Returns whether the archive of an account has such a message.
    pub fn is_archived(&self, account: &str, id: &str, body: &str) -> bool {
        let account = self.accounts.get(account);
        account.is_some_and(|account| {
            let mut entries = account.archive.iter();
            entries.any(|entry| is_message(entry.message(), id, body))
        })
    }

    /// Returns `<metadata/>`: the ends of the archive.
    pub(crate) fn archive_metadata(&self, account: &str) -> Element {
        let mut metadata = Element::new(ns::MAM, "metadata");
        let archive = self.accounts.get(account).map(|account| &account.archive);
        for (name, entry) in [
            ("start", archive.and_then(|archive| archive.first())),
            ("end", archive.and_then(|archive| archive.last())),
        ] {
            if let Some(entry) = entry {
                metadata = metadata.child(
                    Element::new(ns::MAM, name)
                        .with("id", entry.id.clone())
                        .with("timestamp", time::to_text(entry.at)),
                );
            }
        }
        metadata
    }

    /// Answers `<query/>`.
    pub(crate) fn query_archive(&self, account: &str, asked: &Element) -> ArchiveAnswer {
        let archive = self.accounts.get(account);
        let archive = archive.map_or(&[][..], |account| &account.archive);
        query(archive, asked, self.switches.archive_unknown)
    }
}

/// Answers `<query/>` for this archive.
pub(super) fn query(
    archive: &[ArchivedMessage],
    query: &Element,
    unknown: UnknownId,
) -> ArchiveAnswer {
    let Some(filter) = Query::parse(query) else {
        return ArchiveAnswer::BadRequest;
    };
    let set = query.find(ns::RSM, "set");
    let value = |name| {
        set.and_then(|set| set.find(ns::RSM, name))
            .map(Element::content)
    };
    let is_after_unknown =
        value("after").is_some_and(|after| archive.iter().all(|entry| entry.id != after));
    if is_after_unknown && unknown == UnknownId::EmptyPage {
        return ArchiveAnswer::Page {
            results: Vec::new(),
            fin: Element::new(ns::MAM, "fin")
                .with("complete", "true")
                .child(Element::new(ns::RSM, "set")),
        };
    }
    let known = |id: &Option<String>| {
        id.as_ref()
            .is_none_or(|id| archive.iter().any(|entry| entry.id == *id))
    };
    if !known(&filter.before_id) || !known(&filter.after_id) {
        return ArchiveAnswer::ItemNotFound;
    }
    let found: Vec<_> = filter.select(archive);
    let max = match value("max").map(|max| max.trim().parse::<usize>()) {
        None => MAX_PAGE,
        Some(Ok(max)) => max.min(MAX_PAGE),
        Some(Err(_)) => return ArchiveAnswer::BadRequest,
    };
    let position = |id: &str| found.iter().position(|entry| entry.id == id);
    let (from, to) = match (value("after"), value("before")) {
        (Some(after), _) => match position(&after) {
            Some(at) => (at + 1, (at + 1 + max).min(found.len())),
            None => return ArchiveAnswer::ItemNotFound,
        },
        (None, Some(before)) if before.is_empty() => (found.len().saturating_sub(max), found.len()),
        (None, Some(before)) => match position(&before) {
            Some(at) => (at.saturating_sub(max), at),
            None => return ArchiveAnswer::ItemNotFound,
        },
        (None, None) => (0, max.min(found.len())),
    };
    let backward = value("before").is_some();
    let complete = if backward {
        from == 0
    } else {
        to == found.len()
    };
    let page = found.get(from..to).unwrap_or_default();
    let queryid = query.attribute("queryid");
    let mut rsm = Element::new(ns::RSM, "set");
    if let (Some(first), Some(last)) = (page.first(), page.last()) {
        rsm = rsm
            .child(
                Element::new(ns::RSM, "first")
                    .with("index", from.to_string())
                    .text(first.id.clone()),
            )
            .child(Element::new(ns::RSM, "last").text(last.id.clone()));
    }
    rsm = rsm.child(Element::new(ns::RSM, "count").text(found.len().to_string()));
    let mut fin = Element::new(ns::MAM, "fin");
    if complete {
        fin.set("complete", "true");
    }
    ArchiveAnswer::Page {
        results: page.iter().map(|entry| entry.result(queryid)).collect(),
        fin: fin.child(rsm),
    }
}

impl Query {
    fn parse(query: &Element) -> Option<Self> {
        let mut parsed = Self::default();
        let fields = query
            .find(ns::FORMS, "x")
            .into_iter()
            .flat_map(Element::elements);
        for field in fields.filter(|field| field.is(ns::FORMS, "field")) {
            let value = field
                .find(ns::FORMS, "value")
                .map(|value| value.content())
                .unwrap_or_default();
            match field.attribute("var") {
                Some("with") => parsed.with = Some(jid::bare(&value).to_owned()),
                Some("start") => parsed.start = Some(time::from_text(&value)?),
                Some("end") => parsed.end = Some(time::from_text(&value)?),
                Some("before-id") => parsed.before_id = Some(value),
                Some("after-id") => parsed.after_id = Some(value),
                _ => {}
            }
        }
        Some(parsed)
    }

    fn select<'a>(&self, archive: &'a [ArchivedMessage]) -> Vec<&'a ArchivedMessage> {
        let position = |id: &Option<String>| {
            id.as_ref()
                .and_then(|id| archive.iter().position(|e| e.id == *id))
        };
        let from = position(&self.after_id).map_or(0, |at| at + 1);
        let to = position(&self.before_id).unwrap_or(archive.len());
        archive
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .filter(|entry| self.with.as_ref().is_none_or(|with| entry.with == *with))
            .filter(|entry| self.start.is_none_or(|start| entry.at >= start))
            .filter(|entry| self.end.is_none_or(|end| entry.at <= end))
            .collect()
    }
}

impl ArchivedMessage {
    fn result(&self, queryid: Option<&str>) -> Element {
        let mut result = Element::new(ns::MAM, "result").with("id", self.id.clone());
        if let Some(queryid) = queryid {
            result.set("queryid", queryid);
        }
        result.child(
            Element::new(ns::FORWARD, "forwarded")
                .child(Element::new(ns::DELAY, "delay").with("stamp", time::to_text(self.at)))
                .child(Element::clone(&self.message)),
        )
    }
}
