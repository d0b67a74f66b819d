//! XEP-0077: password change and deletion of the account, within its session.

use snapback_chat::service::account;
use snapback_proto::secret::Secret;
use snapback_proto::xep::error::CodecError;

use super::ServiceError;
use crate::client::Client;

impl Client {
    /// Changes the account's password at the server, and from then on logs in with the new one, as after
    /// [`Client::set_password`]. The request contains the password: it is stored like all that is sent (sealed, in a
    /// [`SqliteStore`](crate::SqliteStore)) until the server acknowledges it.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`]. After [`IqError::TimedOut`](crate::IqError) or [`IqError::SessionLost`](crate::IqError) the
    /// password may have been changed or not: the next login shows it.
    pub async fn change_password(
        &self,
        password: impl Into<Secret<String>>,
    ) -> Result<(), ServiceError> {
        let password = password.into();
        let payload = account::change_password(&self.account, password.expose());
        let payload = payload.ok_or(CodecError::Missing {
            element: "query",
            part: "username",
        })?;
        let server = self.server()?;
        self.set(Some(&server), payload).await?;
        self.set_password(password);
        Ok(())
    }

    /// Deletes the account at the server, then logs out ([`Client::log_out`]). The server ends the session; contacts lose the
    /// user.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`]. After [`IqError::TimedOut`](crate::IqError) or [`IqError::SessionLost`](crate::IqError) the
    /// account may have been deleted: a server may end the stream before its answer.
    pub async fn delete_account(&self) -> Result<(), ServiceError> {
        self.set(None, account::delete_account()).await?;
        self.log_out().await;
        Ok(())
    }
}
