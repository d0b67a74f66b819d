//! The proxy of an account.

use std::net::SocketAddr;

use snapback_client as core;
pub use snapback_client::ProxyKind;

use crate::password::Password;

/// A proxy for the connections of an account. Its password is an argument of `open`.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Its IP address and port, such as `127.0.0.1:9050` or `[::1]:9050`.
    pub address: String,
    /// The user, if it requires one.
    #[uniffi(default = None)]
    pub user: Option<String>,
    /// Whether the proxy looks names up; then no query leaves the device.
    #[uniffi(default = true)]
    pub remote_names: bool,
}

/// The protocol of a proxy.
#[uniffi::remote(Enum)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928).
    Socks5,
    /// HTTP CONNECT (RFC 9110 section 9.3.6).
    HttpConnect,
}

impl Proxy {
    /// Returns the proxy for the core; `None` if the address is none, or there is a password without a user.
    pub(crate) fn prepare(self, password: Option<Password>) -> Option<core::Proxy> {
        let address: SocketAddr = self.address.parse().ok()?;
        let credentials = match (self.user, password) {
            (None, None) => None,
            (None, Some(_)) => return None,
            (Some(user), password) => Some(core::ProxyCredentials {
                user,
                password: password.map_or_else(|| core::Secret::from(""), Password::into_secret),
            }),
        };
        Some(core::Proxy {
            credentials,
            names: match self.remote_names {
                true => core::ProxyNames::Remote,
                false => core::ProxyNames::Local,
            },
            ..core::Proxy::new(self.kind, address)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(address: &str) -> Proxy {
        Proxy {
            kind: ProxyKind::Socks5,
            address: address.to_owned(),
            user: None,
            remote_names: true,
        }
    }

    #[test]
    fn a_proxy_has_an_address_and_a_port() {
        for address in ["127.0.0.1:9050", "[::1]:9050"] {
            let prepared = proxy(address).prepare(None).unwrap();
            assert_eq!(prepared.address.to_string(), address);
            assert_eq!(prepared.names, core::ProxyNames::Remote);
            assert!(prepared.credentials.is_none());
        }
        for wrong in ["127.0.0.1", "localhost:9050", "", ":9050"] {
            assert!(proxy(wrong).prepare(None).is_none(), "{wrong}");
        }
        let local = Proxy {
            remote_names: false,
            user: Some("juliet".to_owned()),
            ..proxy("127.0.0.1:9050")
        };
        let local = local.prepare(None).unwrap();
        assert_eq!(local.names, core::ProxyNames::Local);
        assert_eq!(local.credentials.unwrap().user, "juliet");
    }
}
