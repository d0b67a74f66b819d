//! History: pages of an archive (XEP-0313), of the account or of a room, for an app that scrolls back.

use snapback_proto::jid::{BareJid, Jid};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::history::HistoryQuery;
use snapback_proto::xep::mam::Fin;
use snapback_proto::xml::Element;

use crate::iq;

use super::{ANSWER_TIMEOUT, Client, ServiceError};

/// The maximum number of messages in a page. Servers have limits of their own: Prosody's is 50 where nothing else is configured.
const MAX_PAGE: u32 = 100;

/// Which messages of an archive are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRequest {
    room: Option<BareJid>,
    with: Option<Jid>,
    before: Option<String>,
    limit: u32,
}

/// A page of history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryPage {
    /// The messages, the newest one first.
    pub messages: Vec<HistoryMessage>,
    /// Where the next page ends: [`HistoryRequest::before`] takes it. `None` if this page begins with the oldest message.
    pub next: Option<String>,
    /// How many results could not be read (rule T6).
    pub unreadable: usize,
}

/// A message of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryMessage {
    /// Its id in the archive, which a live message carries as `stanza-id` (XEP-0359).
    pub archive_id: String,
    /// When it was archived, by the server's clock.
    pub archived_at: Option<UnixTime>,
    /// The message, as it would have arrived live: with its archive id, and with a stamp (XEP-0203). Messages of the account itself
    /// are among them.
    pub stanza: Element,
}

impl HistoryRequest {
    /// Asks for the newest messages of the account's archive.
    pub fn account() -> Self {
        Self {
            room: None,
            with: None,
            before: None,
            limit: 50,
        }
    }

    /// Asks for the newest messages of a room's archive.
    pub fn room(room: BareJid) -> Self {
        Self {
            room: Some(room),
            ..Self::account()
        }
    }

    /// Asks only for the conversation with this address; with a bare one, whatever the resource.
    #[must_use]
    pub fn with(mut self, address: Jid) -> Self {
        self.with = Some(address);
        self
    }

    /// Asks for the messages before the one with this archive id.
    #[must_use]
    pub fn before(mut self, archive_id: impl Into<String>) -> Self {
        self.before = Some(archive_id.into());
        self
    }

    /// Asks for at most this number of messages: 50 if it is not called, and never more than 100. The server may return fewer.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit.clamp(1, MAX_PAGE);
        self
    }
}

impl Client {
    /// Returns a page of history, from the newest message backwards. It is complete when it is returned, and its messages are no
    /// events: they are neither stored nor confirmed, and messages that arrive meanwhile are not among them. Waits for a session, and
    /// continues over connections that break, for at most 60 s.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`]: `item-not-found` if the archive no longer has the message of [`HistoryRequest::before`],
    /// `service-unavailable` if there is no archive, [`IqError::AnswerTooBig`](crate::IqError::AnswerTooBig) for a page of more than 16 MiB in memory;
    /// [`ServiceError::Unreadable`] if the answer violates XEP-0313.
    pub async fn history(&self, request: HistoryRequest) -> Result<HistoryPage, ServiceError> {
        let room = request.room.as_ref().map(ToString::to_string);
        let query = HistoryQuery::new(&self.new_id(), room.as_deref());
        let with = request.with.as_ref().map(ToString::to_string);
        let iq = query.request(with.as_deref(), request.before.as_deref(), request.limit);
        let answer = iq::ask_for_results(&self.requests, iq, ANSWER_TIMEOUT).await?;
        let fin = Fin::parse(&answer.iq)?;
        let archive = room.unwrap_or_else(|| self.account.to_string());
        let mut page = HistoryPage {
            unreadable: answer.refused,
            ..HistoryPage::default()
        };
        for result in answer.results.iter().take(MAX_PAGE as usize) {
            match query.read(result) {
                Ok(archived) => page.messages.push(HistoryMessage {
                    archive_id: archived.id.clone(),
                    archived_at: archived.delay.as_ref().map(|delay| delay.stamp),
                    stanza: archived.into_live(&archive),
                }),
                Err(_) => page.unreadable = page.unreadable.saturating_add(1),
            }
        }
        page.messages.reverse();
        let oldest = page.messages.last().map(|message| &message.archive_id);
        page.next = fin.first.or_else(|| oldest.cloned());
        page.next.take_if(|_| fin.complete);
        Ok(page)
    }
}
