//! The block list (XEP-0191).

use crate::block_list::BlockList;
use crate::client::CoreClient;
use crate::services::ServiceError;

#[uniffi::export]
impl CoreClient {
    /// Returns the block list. From then on, and as long as the session exists, the server reports each change.
    pub async fn block_list(&self) -> Result<BlockList, ServiceError> {
        self.serve(|client| async move { client.block_list().await })
            .await
            .map(Into::into)
    }
}
