//! XEP-0030 and XEP-0115: what other entities support.

use snapback_chat::service::disco::{self, Items};
use snapback_proto::jid::{FullJid, Jid};
use snapback_proto::xep::caps::Caps;
use snapback_proto::xep::disco::Info;

use super::ServiceError;
use crate::client::Client;

/// What an entity supports, and for whom this holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapsInfo {
    /// Its identities and features.
    pub info: Info,
    /// Whether it has the hash of the caps, so that it holds for every entity that shows them. If not, it holds for the entity
    /// that was asked (rule S9).
    pub is_valid: bool,
}

impl Client {
    /// Returns the identities and features of an entity, or of a node of it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn disco_info(&self, to: &Jid, node: Option<&str>) -> Result<Info, ServiceError> {
        let answer = self.get(Some(to), disco::info_request(node)).await?;
        Ok(Info::parse_result(&answer)?)
    }

    /// Returns the items of an entity, such as the services of a server.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn disco_items(&self, to: &Jid, node: Option<&str>) -> Result<Items, ServiceError> {
        let answer = self.get(Some(to), disco::items_request(node)).await?;
        Ok(disco::parse_items(&answer)?)
    }

    /// Returns what a client supports whose presence shows these caps ([`caps_of`](crate::service::disco::caps_of)), and verifies
    /// the hash. An app keeps the valid ones, and asks once for each hash.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`].
    pub async fn disco_caps(&self, of: &FullJid, caps: &Caps) -> Result<CapsInfo, ServiceError> {
        let to = Jid::from(of.clone());
        let info = self.disco_info(&to, Some(&caps.disco_node())).await?;
        Ok(CapsInfo {
            is_valid: disco::is_valid_for(&info, caps),
            info,
        })
    }
}
