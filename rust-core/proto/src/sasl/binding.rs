//! Channel binding (RFC 5056): what the TLS connection supports, and what SCRAM's GS2 header states about it.

use std::fmt;

/// A channel-binding type that is implemented, weakest first. tls-unique is absent: TLS 1.3 does not define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelBindingType {
    /// A hash of the server's certificate (RFC 5929): it does not detect an attacker who has stolen the key.
    TlsServerEndPoint,
    /// A value exported from this TLS connection (RFC 9266).
    TlsExporter,
}

impl ChannelBindingType {
    /// All types, strongest first: the order in which they are tried.
    pub const BY_STRENGTH: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// Returns the type of this IANA prefix, if it is implemented.
    pub fn parse(name: &str) -> Option<Self> {
        Self::BY_STRENGTH
            .into_iter()
            .find(|known| known.as_str() == name)
    }

    /// Returns the channel-binding unique prefix that IANA registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

impl fmt::Display for ChannelBindingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The channel bindings that this TLS connection can offer. Printed by name only: the exporter is a secret of the
/// connection (rule T9).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// RFC 9266: 32 bytes under the label `EXPORTER-Channel-Binding`. Does not exist in early data, nor in TLS 1.2
    /// without extended master secret.
    pub tls_exporter: Option<Vec<u8>>,
    /// RFC 5929: the certificate's hash. Undefined where its signature algorithm names no hash (Ed25519).
    pub tls_server_end_point: Option<Vec<u8>>,
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ChannelBindingType::BY_STRENGTH
            .iter()
            .filter(|kind| self.get(**kind).is_some());
        f.debug_set().entries(names).finish()
    }
}

impl ChannelBindings {
    /// Returns the data of one type.
    pub fn get(&self, kind: ChannelBindingType) -> Option<&[u8]> {
        match kind {
            ChannelBindingType::TlsExporter => self.tls_exporter.as_deref(),
            ChannelBindingType::TlsServerEndPoint => self.tls_server_end_point.as_deref(),
        }
    }

    /// Returns whether there is nothing to bind to: this client "does not support channel binding" here.
    pub fn is_empty(&self) -> bool {
        self.tls_exporter.is_none() && self.tls_server_end_point.is_none()
    }
}

/// What SCRAM's GS2 header states about channel binding (RFC 5802, section 6). `Display` writes that header, without the data.
#[derive(Clone, PartialEq, Eq)]
pub enum Gs2 {
    /// `n`: the client cannot bind to this connection at all.
    Unsupported,
    /// `n` as well, but conditionally: both sides support channel binding, yet have no type in common. An attacker could have
    /// emptied the list, so the server's first message must carry the XEP-0474 hash, and it must match.
    NothingInCommon,
    /// `y`: the client supports it, the server offered none. A server that did offer it refuses.
    NotOffered,
    /// `p=`: bound to this channel.
    Bound(ChannelBindingType, Vec<u8>),
}

impl fmt::Debug for Gs2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingInCommon => f.write_str("NothingInCommon"),
            other => write!(f, "Gs2({})", other.header()),
        }
    }
}

impl Gs2 {
    /// Returns the type that is bound to, if any.
    pub fn channel_binding(&self) -> Option<ChannelBindingType> {
        match self {
            Self::Bound(kind, _) => Some(*kind),
            Self::Unsupported | Self::NothingInCommon | Self::NotOffered => None,
        }
    }

    /// Returns `gs2-header`, without an authorization identity: the client only logs in as its own account.
    pub(super) fn header(&self) -> String {
        match self {
            Self::Unsupported | Self::NothingInCommon => "n,,".to_owned(),
            Self::NotOffered => "y,,".to_owned(),
            Self::Bound(kind, _) => format!("p={kind},,"),
        }
    }

    /// Returns `cbind-input`: the header again, followed by the channel-binding data.
    pub(super) fn cbind_input(&self) -> Vec<u8> {
        let mut input = self.header().into_bytes();
        if let Self::Bound(_, data) = self {
            input.extend_from_slice(data);
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_round_trip_and_rank() {
        for kind in ChannelBindingType::BY_STRENGTH {
            assert_eq!(ChannelBindingType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(ChannelBindingType::parse("tls-unique"), None);
        assert!(ChannelBindingType::TlsExporter > ChannelBindingType::TlsServerEndPoint);
    }

    #[test]
    fn t9_an_exporter_does_not_print() {
        let bindings = ChannelBindings {
            tls_exporter: Some(vec![211; 32]),
            tls_server_end_point: None,
        };
        let bound = Gs2::Bound(ChannelBindingType::TlsExporter, vec![211; 32]);
        let printed = format!("{bindings:?} {bound:?}");
        assert_eq!(printed, "{TlsExporter} Gs2(p=tls-exporter,,)");
    }

    #[test]
    fn headers_of_rfc_5802_section_7() {
        let bound = Gs2::Bound(ChannelBindingType::TlsExporter, vec![1, 2]);
        assert_eq!(bound.header(), "p=tls-exporter,,");
        assert_eq!(bound.cbind_input(), b"p=tls-exporter,,\x01\x02");
        assert_eq!(Gs2::Unsupported.cbind_input(), b"n,,");
        assert_eq!(Gs2::NothingInCommon.cbind_input(), b"n,,");
        assert_eq!(Gs2::NotOffered.cbind_input(), b"y,,");
    }
}
