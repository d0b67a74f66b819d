//! XEP-0363: upload slots. The upload itself is HTTP, which the platform does.

use snapback_chat::service::disco;
use snapback_chat::service::upload::{self, Slot, SlotRefusal, Upload};
use snapback_proto::jid::Jid;
use snapback_proto::xep::disco::Info;

use super::ServiceError;
use crate::client::Client;
use crate::iq::IqError;

/// The maximum number of services of a server that are asked whether they take files. 32: servers have a handful.
const MAX_SERVICES: usize = 32;

/// A service that takes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadService {
    /// Its address.
    pub jid: Jid,
    /// The maximum size of a file in bytes, if it states one.
    pub max_file_size: Option<u64>,
}

impl Client {
    /// Returns the upload service of the account's server: the first among the server itself and its items; `None` if there is none.
    /// An app asks once for each session.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Request`] and [`ServiceError::Unreadable`], if the server does not list its items.
    pub async fn upload_service(&self) -> Result<Option<UploadService>, ServiceError> {
        let server = self.server()?;
        let of_server = self.get(Some(&server), disco::info_request(None));
        let items = self.disco_items(&server, None).await?;
        let mut asked = vec![(server, of_server)];
        // All of them at once: one round trip.
        for item in items.items.into_iter().take(MAX_SERVICES) {
            let answer = self.get(Some(&item.jid), disco::info_request(item.node.as_deref()));
            asked.push((item.jid, answer));
        }
        for (jid, answer) in asked {
            // A service that does not answer is none.
            let Ok(answer) = answer.await else { continue };
            let info = Info::parse_result(&answer);
            if let Some(max_file_size) = info.ok().as_ref().and_then(upload::service) {
                return Ok(Some(UploadService { jid, max_file_size }));
            }
        }
        Ok(None)
    }

    /// Asks an upload service where a file may be uploaded. The app then sends one HTTP `PUT` to [`Slot::put`] with exactly
    /// [`Upload::size`] bytes and the slot's headers, and shares [`Slot::get`].
    ///
    /// # Errors
    ///
    /// [`ServiceError::FileTooLarge`], without a request if the service has stated its limit; [`ServiceError::RetryLater`];
    /// [`ServiceError::Unreadable`] if the URLs are no `https` URLs; [`ServiceError::Request`].
    pub async fn upload_slot(
        &self,
        service: &UploadService,
        file: &Upload,
    ) -> Result<Slot, ServiceError> {
        let limit = service.max_file_size;
        if limit.is_some_and(|limit| file.size > limit) {
            return Err(ServiceError::FileTooLarge { limit });
        }
        match self.get(Some(&service.jid), upload::request(file)).await {
            Ok(answer) => Ok(upload::parse_slot(&answer)?),
            Err(IqError::Refused(error)) => Err(match SlotRefusal::of(&error) {
                Some(SlotRefusal::TooLarge { max_file_size }) => ServiceError::FileTooLarge {
                    limit: max_file_size,
                },
                Some(SlotRefusal::Later { retry_at }) => ServiceError::RetryLater {
                    at: retry_at.map(|at| at.0),
                },
                None => IqError::Refused(error).into(),
            }),
            Err(error) => Err(error.into()),
        }
    }
}
