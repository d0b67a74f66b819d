//! The Hashed Token mechanisms (draft-schmaus-kitten-sasl-ht), which FAST (XEP-0484) uses.

use super::Proven;
use super::binding::{ChannelBindingType, ChannelBindings};
use super::digest::constant_time_eq;
use super::error::SaslError;
use super::mechanism::{Hash, HtBinding};
use crate::secret::Secret;

impl HtBinding {
    /// Returns the channel-binding type of the mechanism's name; none for `-NONE`.
    pub fn channel_binding(self) -> Option<ChannelBindingType> {
        match self {
            Self::None => None,
            Self::Exporter => Some(ChannelBindingType::TlsExporter),
            Self::EndPoint => Some(ChannelBindingType::TlsServerEndPoint),
        }
    }
}

/// Returns the initiator's message: `authcid NUL HMAC(token, "Initiator" || cb-data)`.
///
/// # Errors
///
/// [`SaslError::NoChannelBinding`] if this connection cannot bind as the token's mechanism demands;
/// [`SaslError::BadCredentialText`] if the user name or token is empty, or the user name holds a NUL.
pub fn initial_response(
    binding: HtBinding,
    authcid: &str,
    token: &Secret<String>,
    bindings: &ChannelBindings,
) -> Result<Vec<u8>, SaslError> {
    if authcid.is_empty() || authcid.contains('\0') {
        return Err(SaslError::BadCredentialText);
    }
    let hashed = hashed_token(binding, token, bindings, b"Initiator")?;
    let mut message = authcid.as_bytes().to_vec();
    message.push(0);
    message.extend_from_slice(&hashed);
    Ok(message)
}

/// Verifies the responder's message, `HMAC(token, "Responder" || cb-data)`: the additional data of `<success/>`.
///
/// # Errors
///
/// [`SaslError::WrongResponderProof`] if the server does not know the token; otherwise as [`initial_response`].
pub fn verify(
    binding: HtBinding,
    token: &Secret<String>,
    bindings: &ChannelBindings,
    additional_data: &[u8],
) -> Result<Proven, SaslError> {
    let expected = hashed_token(binding, token, bindings, b"Responder")?;
    if constant_time_eq(&expected, additional_data) {
        Ok(Proven(()))
    } else {
        Err(SaslError::WrongResponderProof)
    }
}

/// Returns `HMAC-SHA-256(token, role || cb-data)`. The token is opaque text: its bytes are the key, without decoding.
fn hashed_token(
    binding: HtBinding,
    token: &Secret<String>,
    bindings: &ChannelBindings,
    role: &[u8],
) -> Result<Vec<u8>, SaslError> {
    // Every entity knows an empty key: any server could prove its identity with it.
    if token.expose().is_empty() {
        return Err(SaslError::BadCredentialText);
    }
    let data = match binding.channel_binding() {
        None => &[],
        Some(kind) => bindings
            .get(kind)
            .ok_or(SaslError::NoChannelBinding(binding))?,
    };
    Ok(Hash::Sha256.hmac(token.expose().as_bytes(), &[role, data]))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with python3 hmac; the token is the one of XEP-0484, example 4.
    const INITIATOR_NONE: &str = "581c549e189a97e6bbc5c10703a6fff3a202e573b00aa2dd4a2af41eb8078de7";
    const RESPONDER_NONE: &str = "302033283e9073211538f30da370398aa6801942816d6185ded58400992f6e1e";
    const INITIATOR_BOUND: &str =
        "1c426b536653576f1823e304b0ebb3252066f41316b4f5f720c67a95490532bd";
    const RESPONDER_BOUND: &str =
        "b6f143b088a6df2387ab863beba853281aeab48883715a8e9be73166b92df8df";

    fn token() -> Secret<String> {
        Secret::from("WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFyYWZm")
    }

    fn unhex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn exporter() -> ChannelBindings {
        ChannelBindings {
            tls_exporter: Some((0..32).collect()),
            tls_server_end_point: None,
        }
    }

    fn end_point() -> ChannelBindings {
        ChannelBindings {
            tls_exporter: None,
            tls_server_end_point: Some((0..32).collect()),
        }
    }

    #[test]
    fn s5_messages_match_an_independent_computation() {
        let table = [
            (
                HtBinding::None,
                ChannelBindings::default(),
                INITIATOR_NONE,
                RESPONDER_NONE,
            ),
            (
                HtBinding::Exporter,
                exporter(),
                INITIATOR_BOUND,
                RESPONDER_BOUND,
            ),
            (
                HtBinding::EndPoint,
                end_point(),
                INITIATOR_BOUND,
                RESPONDER_BOUND,
            ),
        ];
        for (binding, bindings, initiator, responder) in table {
            let message = initial_response(binding, "user", &token(), &bindings).unwrap();
            assert_eq!(
                message,
                [b"user\0".as_slice(), &unhex(initiator)].concat(),
                "{binding:?}"
            );
            assert_eq!(
                verify(binding, &token(), &bindings, &unhex(responder)),
                Ok(Proven(())),
                "{binding:?}"
            );
        }
    }

    #[test]
    fn t4_no_other_proof_verifies() {
        let good = unhex(RESPONDER_BOUND);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(
                    verify(HtBinding::Exporter, &token(), &exporter(), &bad),
                    Err(SaslError::WrongResponderProof)
                );
            }
        }
        let reflected = unhex(INITIATOR_BOUND);
        for bad in [
            &[][..],
            &good[..31],
            &[good.clone(), vec![0]].concat(),
            &reflected,
        ] {
            assert_eq!(
                verify(HtBinding::Exporter, &token(), &exporter(), bad),
                Err(SaslError::WrongResponderProof)
            );
        }
    }

    #[test]
    fn s6_a_missing_binding_is_an_error_not_a_downgrade() {
        let early_data = end_point();
        let refused = initial_response(HtBinding::Exporter, "user", &token(), &early_data);
        assert_eq!(
            refused,
            Err(SaslError::NoChannelBinding(HtBinding::Exporter))
        );
        let refused = verify(
            HtBinding::EndPoint,
            &token(),
            &exporter(),
            &unhex(RESPONDER_NONE),
        );
        assert_eq!(
            refused,
            Err(SaslError::NoChannelBinding(HtBinding::EndPoint))
        );
    }

    #[test]
    fn empty_or_split_credentials_are_refused() {
        let none = ChannelBindings::default();
        for (user, token) in [("", "t"), ("a\0b", "t"), ("a", "")] {
            let refused = initial_response(HtBinding::None, user, &Secret::from(token), &none);
            assert_eq!(refused, Err(SaslError::BadCredentialText));
        }
        assert_eq!(
            verify(HtBinding::None, &Secret::from(""), &none, &[]),
            Err(SaslError::BadCredentialText)
        );
    }
}
