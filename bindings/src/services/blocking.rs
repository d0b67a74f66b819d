//! The block list (XEP-0191).

use crate::block_list::BlockList;
use crate::client::CoreClient;
use crate::services::{ServiceError, jids};

#[uniffi::export]
impl CoreClient {
    /// Returns the block list. From then on, and as long as the session exists, the server reports each change.
    pub async fn block_list(&self) -> Result<BlockList, ServiceError> {
        self.serve(|client| async move { client.block_list().await })
            .await
            .map(Into::into)
    }

    /// Blocks these addresses.
    pub async fn block(&self, jids_to_block: Vec<String>) -> Result<(), ServiceError> {
        let list = jids(&jids_to_block)?;
        self.serve(|client| async move { client.block(&list).await })
            .await
    }

    /// Unblocks these addresses.
    pub async fn unblock(&self, jids_to_unblock: Vec<String>) -> Result<(), ServiceError> {
        let list = jids(&jids_to_unblock)?;
        self.serve(|client| async move { client.unblock(&list).await })
            .await
    }

    /// Unblocks all addresses.
    pub async fn unblock_all(&self) -> Result<(), ServiceError> {
        self.serve(|client| async move { client.unblock_all().await })
            .await
    }
}
