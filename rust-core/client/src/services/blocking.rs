//! XEP-0191: the block list.

use snapback_proto::jid::Jid;
use snapback_proto::xep::blocking::{self, BlockList};

use super::ServiceError;
use crate::client::Client;

impl Client {
    /// Returns the block list. From then on, and as long as the session exists, the server reports each change
    /// ([`Event::BlockListChanged`](crate::Event::BlockListChanged)); after [`Event::Online`](crate::Event::Online) with a new
    /// session the app asks again.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`], with `service-unavailable` of a server without block lists, and
    /// [`ServiceError::Unreadable`].
    pub async fn block_list(&self) -> Result<BlockList, ServiceError> {
        let answer = self.get(None, blocking::list_request()).await?;
        Ok(blocking::parse_list(&answer)?)
    }

    /// Blocks these addresses: of accounts, domains, or single resources. Does nothing without an address.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`]. The same request may be sent again without harm.
    pub async fn block(&self, jids: &[Jid]) -> Result<(), ServiceError> {
        if !jids.is_empty() {
            self.set(None, blocking::block_request(jids)).await?;
        }
        Ok(())
    }

    /// Unblocks these addresses. Does nothing without an address.
    ///
    /// # Errors
    ///
    /// As [`Client::block`].
    pub async fn unblock(&self, jids: &[Jid]) -> Result<(), ServiceError> {
        if !jids.is_empty() {
            self.set(None, blocking::unblock_request(jids)).await?;
        }
        Ok(())
    }

    /// Unblocks all addresses (section 3.5).
    ///
    /// # Errors
    ///
    /// As [`Client::block`].
    pub async fn unblock_all(&self) -> Result<(), ServiceError> {
        self.set(None, blocking::unblock_request(&[])).await?;
        Ok(())
    }
}
