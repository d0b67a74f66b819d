//! Service discovery of other entities (XEP-0030, XEP-0115).

use snapback_client as core;
use snapback_client::proto::xep::disco::Info;
use snapback_client::service::disco;

use crate::client::CoreClient;
use crate::error::IqError;
use crate::services::{ServiceError, jid, xml};

/// What an entity supports.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DiscoInfo {
    /// What it is.
    pub identities: Vec<DiscoIdentity>,
    /// What it can do, as namespaces.
    pub features: Vec<String>,
    /// Further data, as forms in XML (XEP-0128).
    pub forms: Vec<String>,
}

/// What an entity is.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DiscoIdentity {
    /// Such as `client`.
    pub category: String,
    /// Such as `phone`.
    pub kind: String,
    /// The language of the name.
    pub language: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// An item of an entity, such as a service of a server.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DiscoItem {
    /// Its address.
    pub jid: String,
    /// Which part of that address it is.
    pub node: Option<String>,
    /// Its name, for people.
    pub name: Option<String>,
}

/// What a client supports whose presence shows caps.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CapsInfo {
    /// What it supports.
    pub info: DiscoInfo,
    /// The hash that its presence shows.
    pub ver: String,
    /// Whether the answer has that hash, so that it holds for every client that shows it.
    pub is_valid: bool,
}

impl From<Info> for DiscoInfo {
    fn from(info: Info) -> Self {
        let identities = info.identities.into_iter().map(|identity| DiscoIdentity {
            category: identity.category,
            kind: identity.kind,
            language: identity.lang,
            name: identity.name,
        });
        Self {
            identities: identities.collect(),
            features: info.features,
            forms: info.forms.iter().map(written).collect(),
        }
    }
}

fn written(form: &snapback_client::proto::xep::forms::Form) -> String {
    let mut text = String::new();
    form.to_element().write(&mut text, "");
    text
}

#[uniffi::export]
impl CoreClient {
    /// Returns the identities and features of an entity, or of a node of it.
    pub async fn disco_info(
        &self,
        to: String,
        node: Option<String>,
    ) -> Result<DiscoInfo, ServiceError> {
        let to = jid(&to)?;
        self.serve(|client| async move { client.disco_info(&to, node.as_deref()).await })
            .await
            .map(Into::into)
    }

    /// Returns the items of an entity.
    pub async fn disco_items(
        &self,
        to: String,
        node: Option<String>,
    ) -> Result<Vec<DiscoItem>, ServiceError> {
        let to = jid(&to)?;
        let items = self
            .serve(|client| async move { client.disco_items(&to, node.as_deref()).await })
            .await?;
        let items = items.items.into_iter().map(|item| DiscoItem {
            jid: item.jid.to_string(),
            node: item.node,
            name: item.name,
        });
        Ok(items.collect())
    }

    /// Returns what the sender of this presence supports, with its hash verified; nothing if the presence shows no caps.
    pub async fn disco_caps(&self, presence: String) -> Result<Option<CapsInfo>, ServiceError> {
        let presence = xml(&presence)?;
        let Some(caps) = disco::caps_of(&presence) else {
            return Ok(None);
        };
        let from = presence.attr("from").unwrap_or_default();
        let of = core::FullJid::try_from(from).map_err(|error| ServiceError::Request {
            problem: IqError::Recipient {
                problem: error.into(),
            },
        })?;
        let ver = caps.ver.clone();
        let known = self
            .serve(|client| async move { client.disco_caps(&of, &caps).await })
            .await?;
        Ok(Some(CapsInfo {
            info: known.info.into(),
            ver,
            is_valid: known.is_valid,
        }))
    }
}
