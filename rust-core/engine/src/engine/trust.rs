//! Which certificates are accepted (rule T13): those of an authority and those with a key that the user trusts, and of both
//! only those with a key that the app demands, if it demands any.
//!
//! ```text
//!   verifier's verdict     key demanded?   key trusted?   accepted
//!   valid                  yes, or none    -              yes
//!   revoked, malformed     -               -              no
//!   any other refusal      yes, or none    yes            yes
//!   any other refusal      yes, or none    no             no: reported, and the user may trust the key
//!   -                      another         -              no: reported
//! ```

use std::collections::VecDeque;
use std::fmt;

use snapback_proto::knowledge::Op;
use snapback_store::StoreError;
use snapback_tls::{CertificateError, Presented};
use snapback_types::key_trust::{KeyHash, KeyTrust, KeyTrustChange, MAX_PINS, Pins};

use crate::link::tls::Tls;
use crate::link::{Acceptance, LinkInput};
use crate::supervisor::{self, AttemptId, ConnectionState, OfflineReason, Pace, Verdict, Wait};

use super::asked::Asked;
use super::{Engine, EngineEvent, EngineOutput, Ticket};

/// How many keys of refused certificates may be trusted: a domain has a few servers, and a user answers late.
const MAX_REFUSED: usize = 8;

/// A change of the keys that the server may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Trusts the key of a certificate that was refused.
    Trust(KeyHash),
    /// Trusts any key, in place of an authority, too.
    TrustDespiteAuthority(KeyHash),
    /// Ends the trust in a key.
    Forget(KeyHash),
    /// Accepts no certificate without one of these keys; an empty list ends the demand.
    Require(Vec<KeyHash>),
}

/// Why the keys were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No certificate with this key was refused in this process, or it was refused for a reason that no trust outweighs: it
    /// is revoked, or lacks a key that is demanded.
    NotRefused,
    /// An authority once issued the certificate of a proven login of this account. A self-signed one in its place is what an
    /// attacker would show.
    ProvenByAuthority,
    /// More keys than can be kept.
    TooMany {
        /// How many can be kept.
        limit: usize,
    },
    /// The store does not take the change.
    Store(StoreError),
    /// The client is closed.
    Closed,
}

/// What is known of the keys, and of the certificate that is being verified.
#[derive(Debug, Default)]
pub(super) struct Trust {
    known: KeyTrust,
    /// The certificate whose verdict is awaited.
    presented: Option<Presented>,
    /// The keys of refused certificates that the user may trust, the newest last.
    refused: VecDeque<KeyHash>,
}

impl Trust {
    /// Takes what the store knows. Called before each connection.
    pub(super) fn load(&mut self, known: &KeyTrust) {
        self.known = known.clone();
        self.presented = None;
    }

    /// Records the certificate that is about to be verified.
    pub(super) fn present(&mut self, presented: Option<Presented>) {
        self.presented = presented;
    }

    /// Records what a connection has stored.
    pub(super) fn note_stored(&mut self, ops: &[Op]) {
        self.known.proven_by_authority |= ops
            .iter()
            .any(|op| matches!(op, Op::KeyTrust(KeyTrustChange::ProvenByAuthority)));
    }

    fn check(&self, change: &KeyChange) -> Result<(), KeyError> {
        match change {
            KeyChange::Trust(_) if self.known.proven_by_authority => {
                Err(KeyError::ProvenByAuthority)
            }
            KeyChange::Trust(key) if !self.refused.contains(key) => Err(KeyError::NotRefused),
            KeyChange::Require(keys) if keys.len() > MAX_PINS => {
                Err(KeyError::TooMany { limit: MAX_PINS })
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, change: &KeyChange) {
        self.known.apply(&change.stored());
        if let KeyChange::Forget(key) = change {
            self.refused.retain(|refused| refused != key);
        }
    }

    fn refuse(&mut self, problem: CertificateError, presented: Presented) -> EngineEvent {
        let key = presented.spki_sha256;
        self.refused.retain(|refused| *refused != key);
        if is_outweighed_by_trust(problem) {
            if self.refused.len() >= MAX_REFUSED {
                self.refused.pop_front();
            }
            self.refused.push_back(key);
        }
        EngineEvent::CertificateRefused {
            problem,
            chain: presented.chain.into(),
            spki_sha256: key,
            may_be_trusted: self.check(&KeyChange::Trust(key)).is_ok(),
        }
    }
}

impl KeyChange {
    /// Returns the change of what is stored.
    fn stored(&self) -> KeyTrustChange {
        match self {
            Self::Trust(key) | Self::TrustDespiteAuthority(key) => KeyTrustChange::Trust(*key),
            Self::Forget(key) => KeyTrustChange::Forget(*key),
            Self::Require(keys) => KeyTrustChange::Require(keys.clone()),
        }
    }
}

/// Returns whether the user's trust in a key outweighs this refusal. A key that is trusted needs no issuer, no name and no
/// dates. A revoked one may be in the hands of others.
fn is_outweighed_by_trust(problem: CertificateError) -> bool {
    !matches!(
        problem,
        CertificateError::Revoked | CertificateError::BadEncoding | CertificateError::KeyNotAllowed
    )
}

/// Decides about a certificate with this key; without one, about a malformed certificate.
fn judge(
    pins: &Pins,
    key: Option<&KeyHash>,
    verdict: Result<(), CertificateError>,
) -> Result<Acceptance, CertificateError> {
    let is_allowed = match key {
        Some(key) => pins.allows(key),
        None => pins.required().is_empty(),
    };
    match verdict {
        Err(problem) if !is_outweighed_by_trust(problem) => Err(problem),
        _ if !is_allowed => Err(CertificateError::KeyNotAllowed),
        Ok(()) => Ok(Acceptance::Authority),
        Err(_) if key.is_some_and(|key| pins.trusts(key)) => Ok(Acceptance::TrustedKey),
        Err(problem) => Err(problem),
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Decides about the certificate that a verifier has looked at.
    pub(super) fn certificate_verified(
        &mut self,
        attempt: AttemptId,
        verdict: Result<(), CertificateError>,
    ) {
        // I9: the certificate of an older attempt is not the one that is presented.
        if self.attempt.as_ref().map(|attempt| attempt.number) != Some(attempt) {
            return;
        }
        let presented = self.trust.presented.take();
        let key = presented.as_ref().map(|presented| &presented.spki_sha256);
        let verdict = judge(&self.trust.known.pins, key, verdict);
        if let (Err(problem), Some(presented)) = (verdict, presented)
            && problem != CertificateError::VerifierUnavailable
        {
            let event = self.trust.refuse(problem, presented);
            self.event(event);
        }
        self.link_input(LinkInput::CertificateVerified(verdict));
    }

    /// Changes the keys that the server may show. Ends in [`EngineOutput::KeysChanged`].
    pub(super) fn change_keys(&mut self, ticket: Ticket, change: KeyChange) {
        match self.trust.check(&change) {
            Ok(()) => {
                let ops = vec![Op::KeyTrust(change.stored())];
                self.apply(Asked::KeysChanged { ticket, change }, ops);
            }
            Err(error) => self.outputs.push_back(EngineOutput::KeysChanged {
                ticket,
                outcome: Err(error),
            }),
        }
    }

    /// Continues once the change is stored, or could not be.
    pub(super) fn keys_changed(
        &mut self,
        ticket: Ticket,
        change: &KeyChange,
        stored: Result<(), StoreError>,
    ) {
        if stored.is_ok() {
            self.trust.change(change);
            match change {
                KeyChange::Trust(_) | KeyChange::TrustDespiteAuthority(_) => self.try_again(),
                KeyChange::Forget(_) | KeyChange::Require(_) => self.drop_distrusted(),
            }
        }
        let outcome = stored.map_err(KeyError::Store);
        self.outputs
            .push_back(EngineOutput::KeysChanged { ticket, outcome });
    }

    /// Connects at once if the last attempt failed: it may have failed for this key.
    fn try_again(&mut self) {
        let ConnectionState::Offline { reason, .. } = self.supervisor.state() else {
            return;
        };
        if matches!(reason, OfflineReason::Failed | OfflineReason::Refused) {
            self.wake_for_credentials();
        }
    }

    /// Drops a connection that may rely on a key that is not trusted any more: one that no authority vouched for, or that was
    /// established by a ticket, of which it is not known who vouched for it. The next attempt decides by the certificate.
    fn drop_distrusted(&mut self) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        let pins = &self.trust.known.pins;
        let is_trusted = attempt.link.accepted().is_some_and(|(acceptance, key)| {
            pins.allows(&key) && (acceptance == Acceptance::Authority || pins.trusts(&key))
        });
        if is_trusted {
            return;
        }
        let attempt = attempt.number;
        self.drop_attempt();
        self.tell(supervisor::Input::Ended {
            attempt,
            verdict: Some(Verdict::Retry(Pace::AtOnce(Wait::Normal))),
        });
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRefused => f.write_str(
                "no certificate with this key was refused, or trust does not outweigh why",
            ),
            Self::ProvenByAuthority => {
                f.write_str("an authority has issued a certificate of this domain before")
            }
            Self::TooMany { limit } => write!(f, "more than {limit} keys"),
            Self::Store(error) => error.fmt(f),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyHash = [1; 32];
    const OTHER: KeyHash = [2; 32];

    fn pins(trusted: &[KeyHash], required: &[KeyHash]) -> Pins {
        Pins::restore(trusted.to_vec(), required.to_vec())
    }

    #[test]
    fn t13_why_a_certificate_is_accepted() {
        use Acceptance::{Authority, TrustedKey};
        use CertificateError::{KeyNotAllowed, Revoked, UnknownIssuer};
        let (none, trusted) = (pins(&[], &[]), pins(&[KEY], &[]));
        let (required, other) = (pins(&[], &[KEY]), pins(&[], &[OTHER]));
        let both = pins(&[KEY], &[KEY]);
        let mixed = pins(&[KEY], &[OTHER]);
        let table = [
            (&none, Ok(()), Ok(Authority)),
            (&none, Err(UnknownIssuer), Err(UnknownIssuer)),
            (&trusted, Ok(()), Ok(Authority)),
            (&trusted, Err(UnknownIssuer), Ok(TrustedKey)),
            (&trusted, Err(CertificateError::Expired), Ok(TrustedKey)),
            (
                &trusted,
                Err(CertificateError::NotValidForName),
                Ok(TrustedKey),
            ),
            (
                &trusted,
                Err(CertificateError::VerifierUnavailable),
                Ok(TrustedKey),
            ),
            (&trusted, Err(Revoked), Err(Revoked)),
            (&required, Ok(()), Ok(Authority)),
            (&required, Err(UnknownIssuer), Err(UnknownIssuer)),
            (&other, Ok(()), Err(KeyNotAllowed)),
            (&other, Err(UnknownIssuer), Err(KeyNotAllowed)),
            (&both, Err(UnknownIssuer), Ok(TrustedKey)),
            (&mixed, Err(UnknownIssuer), Err(KeyNotAllowed)),
        ];
        for (pins, verdict, expected) in table {
            assert_eq!(
                judge(pins, Some(&KEY), verdict),
                expected,
                "{pins:?} {verdict:?}"
            );
        }
        assert_eq!(judge(&none, None, Ok(())), Ok(Authority));
        assert_eq!(judge(&other, None, Ok(())), Err(KeyNotAllowed));
        assert_eq!(
            judge(&trusted, None, Err(UnknownIssuer)),
            Err(UnknownIssuer)
        );
    }

    fn refuse(trust: &mut Trust, problem: CertificateError, key: KeyHash) -> bool {
        let presented = Presented {
            chain: Vec::new(),
            spki_sha256: key,
        };
        match trust.refuse(problem, presented) {
            EngineEvent::CertificateRefused { may_be_trusted, .. } => may_be_trusted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn t13_only_a_refused_key_may_be_trusted() {
        let mut trust = Trust::default();
        let change = KeyChange::Trust(KEY);
        assert_eq!(trust.check(&change), Err(KeyError::NotRefused));
        assert!(!refuse(&mut trust, CertificateError::Revoked, KEY));
        assert_eq!(trust.check(&change), Err(KeyError::NotRefused));
        assert!(refuse(&mut trust, CertificateError::UnknownIssuer, KEY));
        assert_eq!(trust.check(&change), Ok(()));
        // A later verdict on the same key counts.
        assert!(!refuse(&mut trust, CertificateError::Revoked, KEY));
        assert_eq!(trust.check(&change), Err(KeyError::NotRefused));
        // The oldest of many refused keys makes room.
        refuse(&mut trust, CertificateError::UnknownIssuer, KEY);
        for byte in 10..10 + MAX_REFUSED as u8 {
            assert!(refuse(
                &mut trust,
                CertificateError::UnknownIssuer,
                [byte; 32]
            ));
        }
        assert_eq!(trust.check(&change), Err(KeyError::NotRefused));
    }

    #[test]
    fn t13_after_an_authority_only_danger_trusts_a_key() {
        let mut trust = Trust::default();
        assert!(refuse(&mut trust, CertificateError::UnknownIssuer, KEY));
        trust.note_stored(&[Op::ForgetFloor]);
        assert_eq!(trust.check(&KeyChange::Trust(KEY)), Ok(()));
        trust.note_stored(&[Op::KeyTrust(KeyTrustChange::ProvenByAuthority)]);
        let refusal = Err(KeyError::ProvenByAuthority);
        assert_eq!(trust.check(&KeyChange::Trust(KEY)), refusal);
        assert!(!refuse(&mut trust, CertificateError::UnknownIssuer, KEY));
        let danger = KeyChange::TrustDespiteAuthority(OTHER);
        assert_eq!(trust.check(&danger), Ok(()));
    }

    #[test]
    fn t13_a_forgotten_key_has_to_be_refused_again() {
        let mut trust = Trust::default();
        refuse(&mut trust, CertificateError::UnknownIssuer, KEY);
        trust.change(&KeyChange::Trust(KEY));
        assert!(trust.known.pins.trusts(&KEY));
        trust.change(&KeyChange::Forget(KEY));
        assert!(!trust.known.pins.trusts(&KEY));
        let again = trust.check(&KeyChange::Trust(KEY));
        assert_eq!(again, Err(KeyError::NotRefused));
        let many = KeyChange::Require(vec![KEY; MAX_PINS + 1]);
        assert_eq!(
            trust.check(&many),
            Err(KeyError::TooMany { limit: MAX_PINS })
        );
    }
}
