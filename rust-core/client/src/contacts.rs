//! Changes of the roster (RFC 6121 section 2).

use snapback_proto::jid::BareJid;
use snapback_proto::xep::roster;

use crate::client::Client;
use crate::iq::IqError;
use crate::services::ANSWER_TIMEOUT;

impl Client {
    /// Adds a contact to the roster, or changes one. Name and groups are replaced: without a name the contact has none. The
    /// subscription stays as it is; `subscribe` is a presence ([`Client::send_presence`]). Returns when the server has answered, within
    /// 60 s; the change also arrives as a roster push ([`Event::RosterChanged`](crate::Event::RosterChanged)).
    ///
    /// # Errors
    ///
    /// As [`Client::iq`]. The same change may be sent again without harm.
    pub async fn set_contact(
        &self,
        jid: &BareJid,
        name: Option<&str>,
        groups: &[String],
    ) -> Result<(), IqError> {
        let request = roster::set_request("", jid, name, groups);
        self.iq(request, ANSWER_TIMEOUT).await.map(drop)
    }

    /// Removes a contact from the roster, and both subscriptions with it. Returns as [`Client::set_contact`] does.
    ///
    /// # Errors
    ///
    /// As [`Client::iq`]; a server refuses to remove a contact that is not there.
    pub async fn remove_contact(&self, jid: &BareJid) -> Result<(), IqError> {
        let request = roster::remove_request("", jid);
        self.iq(request, ANSWER_TIMEOUT).await.map(drop)
    }
}
