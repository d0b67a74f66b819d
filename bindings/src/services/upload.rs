//! Upload slots (XEP-0363).

use std::fmt;

use snapback_client as core;
use snapback_client::proto::time::UnixTime;
use snapback_client::service::upload::{self, Purpose};

use crate::client::CoreClient;
use crate::services::{ServiceError, jid};

/// A service that takes files.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct UploadService {
    /// Its address.
    pub jid: String,
    /// The maximum size of a file in bytes, if it states one.
    pub max_file_size: Option<u64>,
}

/// A file to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct FileUpload {
    /// Its name, without a path.
    pub name: String,
    /// Its size in bytes: of what is uploaded, so after encryption.
    pub size: u64,
    /// Its media type, such as `image/jpeg`.
    #[uniffi(default = None)]
    pub media_type: Option<String>,
    /// What it is for.
    pub purpose: UploadPurpose,
}

/// What a file is for: services keep files of different kinds for different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum UploadPurpose {
    /// To be sent in a message.
    Message,
    /// A picture of a profile: kept longer.
    Profile,
    /// Not available after this time.
    Ephemeral {
        /// When it expires, in milliseconds since 1970.
        expires_ms: i64,
    },
    /// To be kept.
    Permanent,
}

/// Where a file may be uploaded, and where it can be downloaded then.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct UploadSlot {
    /// The URL for one HTTP `PUT`.
    pub put_url: String,
    /// The headers for it, in this order.
    pub headers: Vec<HttpHeader>,
    /// The URL of the file.
    pub get_url: String,
}

/// An HTTP header.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// Its value, without line breaks: a secret.
    pub value: String,
}

impl fmt::Debug for UploadSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot with {} headers", self.headers.len())
    }
}

impl fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "header {}", self.name)
    }
}

#[uniffi::export]
impl CoreClient {
    /// Returns the upload service of the account's server, if there is one.
    pub async fn upload_service(&self) -> Result<Option<UploadService>, ServiceError> {
        let service = self
            .serve(|client| async move { client.upload_service().await })
            .await?;
        Ok(service.map(|service| UploadService {
            jid: service.jid.to_string(),
            max_file_size: service.max_file_size,
        }))
    }

    /// Asks an upload service where a file may be uploaded.
    pub async fn upload_slot(
        &self,
        service: UploadService,
        file: FileUpload,
    ) -> Result<UploadSlot, ServiceError> {
        let service = core::UploadService {
            jid: jid(&service.jid)?,
            max_file_size: service.max_file_size,
        };
        let file = upload::Upload {
            name: file.name,
            size: file.size,
            media_type: file.media_type,
            purpose: file.purpose.into(),
        };
        let slot = self
            .serve(|client| async move { client.upload_slot(&service, &file).await })
            .await?;
        let headers = slot.headers.into_iter().map(|header| HttpHeader {
            name: header.name,
            value: header.value,
        });
        Ok(UploadSlot {
            put_url: slot.put,
            headers: headers.collect(),
            get_url: slot.get,
        })
    }
}

impl From<UploadPurpose> for Purpose {
    fn from(purpose: UploadPurpose) -> Self {
        match purpose {
            UploadPurpose::Message => Self::Message,
            UploadPurpose::Profile => Self::Profile,
            UploadPurpose::Ephemeral { expires_ms } => Self::Ephemeral {
                expires: UnixTime(expires_ms.div_euclid(1000)),
            },
            UploadPurpose::Permanent => Self::Permanent,
        }
    }
}
