//! Password change and deletion of the account (XEP-0077).

use crate::client::CoreClient;
use crate::password::Password;
use crate::services::ServiceError;

#[uniffi::export]
impl CoreClient {
    /// Changes the account's password at the server, and logs in with it from then on.
    pub async fn change_password(&self, password: Password) -> Result<(), ServiceError> {
        let password = password.into_secret();
        self.serve(|client| async move { client.change_password(password).await })
            .await
    }

    /// Deletes the account at the server, then logs out.
    pub async fn delete_account(&self) -> Result<(), ServiceError> {
        self.serve(|client| async move { client.delete_account().await })
            .await
    }
}
