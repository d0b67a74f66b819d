//! History: pages of an archive (XEP-0313).

use snapback_client as core;

use crate::chat::MessageContent;
use crate::client::CoreClient;
use crate::services::{ServiceError, jid};
use crate::stanza::Stanza;

/// A page of history.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct HistoryPage {
    /// The messages, the newest one first.
    pub messages: Vec<HistoryMessage>,
    /// Where the next page ends; missing if this page begins with the oldest message.
    pub next: Option<String>,
    /// How many results could not be read.
    pub unreadable: u64,
}

/// A message of an archive.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct HistoryMessage {
    /// Its id in the archive.
    pub archive_id: String,
    /// When it was archived, by the server's clock, in milliseconds since 1970.
    pub archived_at_ms: Option<i64>,
    /// The message.
    pub stanza: Stanza,
    /// Its payloads.
    pub content: MessageContent,
}

#[uniffi::export]
impl CoreClient {
    /// Returns a page of history: of a room, or of the account, and there of one conversation or of all.
    pub async fn history(
        &self,
        room: Option<String>,
        with: Option<String>,
        before: Option<String>,
        limit: u32,
    ) -> Result<HistoryPage, ServiceError> {
        let mut request = match room {
            Some(room) => core::HistoryRequest::room(jid(&room)?.bare().clone()),
            None => core::HistoryRequest::account(),
        };
        if let Some(with) = with {
            request = request.with(jid(&with)?);
        }
        if let Some(before) = before {
            request = request.before(before);
        }
        let request = request.limit(limit);
        let page = self
            .serve(|client| async move { client.history(request).await })
            .await?;
        let message = |message: core::HistoryMessage| HistoryMessage {
            archive_id: message.archive_id,
            archived_at_ms: message.archived_at.map(|at| at.0.saturating_mul(1000)),
            content: MessageContent::read(&message.stanza, self.account()),
            stanza: Stanza::from(&message.stanza),
        };
        Ok(HistoryPage {
            messages: page.messages.into_iter().map(message).collect(),
            next: page.next,
            unreadable: page.unreadable as u64,
        })
    }
}
