//! The choice of the mechanism (XEP-0440 "Business Rules", as XEP-0474 amends them), and which ones are too weak.
//!
//! The ranking: channel binding comes first, because it stops a man in the middle, whatever the hash. tls-exporter comes before
//! tls-server-end-point, because the latter does not detect a stolen key. Then the hash: SHA-512, SHA-256, SHA-1. PLAIN comes
//! last, and only if the app allowed it. A server that offers binding only with SHA-1 therefore gets SCRAM-SHA-1-PLUS, not
//! SCRAM-SHA-512.

use std::fmt;

use super::binding::{ChannelBindingType, ChannelBindings, Gs2};
use super::mechanism::{Hash, HtBinding, Mechanism, any_plus};

/// The profile of SASL in which the offer was made; their rules on channel binding differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// RFC 6120.
    Sasl1,
    /// XEP-0388.
    Sasl2,
}

/// What the server advertised, unchanged: XEP-0474 hashes these lists, so unknown names are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The profile that will be used.
    pub profile: Profile,
    /// The mechanisms of that profile, without those inside `<fast/>`.
    pub mechanisms: Vec<String>,
    /// The channel-binding types of XEP-0440; `None` if the feature was not advertised.
    pub channel_bindings: Option<Vec<String>>,
}

/// What the app and earlier logins of the account require of a login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SaslPolicy {
    /// Whether the password may be sent in plain text (inside TLS).
    pub allow_plain: bool,
    /// Whether a login without channel binding is refused.
    pub require_channel_binding: bool,
    /// The minimum strength, which an earlier login has proved the server to support.
    pub floor: Option<Floor>,
    /// The only mechanism that the app allows, in place of a password ([`Method`](super::Method)). The minimum strength does not apply
    /// to it: it is about passwords, and a man in the middle has no influence on what the app allows.
    pub only: Option<Mechanism>,
}

/// The weakest login that is still acceptable, learnt from a proven login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The mechanism of that login. Only password logins are recorded: a token says nothing about what a server offers for
    /// passwords.
    pub mechanism: Mechanism,
    /// What it was bound to.
    pub channel_binding: Option<ChannelBindingType>,
}

impl Floor {
    /// Returns whether a login with this mechanism and channel binding is no weaker than the minimum in any respect.
    ///
    /// Binding and hash are compared separately: a stronger one does not compensate for a weaker other. Tokens (FAST) are bound
    /// to their mechanism when they are issued, so for them any channel binding satisfies a minimum that has one (early data
    /// supports only `-ENDP`), and only `-NONE` is weaker.
    pub fn allows(
        &self,
        mechanism: Mechanism,
        channel_binding: Option<ChannelBindingType>,
    ) -> bool {
        if let Mechanism::Ht(binding) = mechanism {
            return self.channel_binding.is_none() || binding != HtBinding::None;
        }
        password_strength(mechanism) >= password_strength(self.mechanism)
            && channel_binding >= self.channel_binding
    }

    /// Returns whether such a login is acceptable if the server confirms its offer (XEP-0474 section 7): operators change
    /// hashes and binding types, and a man in the middle cannot remove the stronger ones from a list that is signed with the
    /// password. The SCRAM family and the use of channel binding are still required.
    fn allows_if_confirmed(
        &self,
        mechanism: Mechanism,
        channel_binding: Option<ChannelBindingType>,
    ) -> bool {
        let is_scram = |mechanism| matches!(mechanism, Mechanism::Scram { .. });
        is_scram(mechanism)
            && is_scram(self.mechanism)
            && (channel_binding.is_some() || self.channel_binding.is_none())
    }

    /// Returns the minimum after a proven login: in each respect the stronger of the two.
    #[must_use]
    pub fn raised_by(previous: Option<Self>, login: &Choice) -> Self {
        let channel_binding = login.gs2.channel_binding();
        let Some(previous) = previous else {
            return Self {
                mechanism: login.mechanism,
                channel_binding,
            };
        };
        let stronger = password_strength(login.mechanism) > password_strength(previous.mechanism);
        Self {
            mechanism: if stronger {
                login.mechanism
            } else {
                previous.mechanism
            },
            channel_binding: channel_binding.max(previous.channel_binding),
        }
    }
}

/// PLAIN < a token (which shows only that PLAIN was not needed) < SCRAM by hash. `-PLUS` is not counted here: it is part of the
/// channel binding.
fn password_strength(mechanism: Mechanism) -> (u8, Option<Hash>) {
    match mechanism {
        Mechanism::Plain => (0, None),
        // Those of `SaslPolicy::only` are never compared, nor recorded.
        Mechanism::OauthBearer | Mechanism::External | Mechanism::Anonymous | Mechanism::Own(_) => {
            (0, None)
        }
        Mechanism::Ht(_) => (1, None),
        Mechanism::Scram { hash, .. } => (1, Some(hash)),
    }
}

/// The chosen login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Never a token of FAST.
    pub mechanism: Mechanism,
    /// What SCRAM states about channel binding; without meaning for the others.
    pub gs2: Gs2,
    /// It is below the floor in its hash or in the type of its channel binding: acceptable only if the server confirms that this is
    /// its offer (XEP-0474), see [`ExpectServerFirst::requiring_confirmation`](super::ExpectServerFirst::requiring_confirmation).
    pub must_confirm: bool,
}

/// Why there is no acceptable login method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMechanism {
    /// None of the server's mechanisms is implemented.
    NothingInCommon,
    /// The server offers PLAIN, which the app did not allow, and no other mechanism that is implemented.
    OnlyPlain,
    /// The strongest offer is weaker than what this account has used before.
    BelowFloor,
    /// The app requires channel binding, and it is not possible.
    ChannelBindingRequired,
    /// XEP-0440, rule 4: a SASL2 server offers -PLUS but no channel-binding types. It is misconfigured, or a man in the middle
    /// removed them.
    BindingTypesMissing,
    /// XEP-0440, rule 5: the server lists channel-binding types but no -PLUS. It is misconfigured, or a man in the middle
    /// removed them.
    PlusMissing,
}

impl NoMechanism {
    /// Returns whether the offer contradicts itself or earlier logins, as one that a man in the middle changed would.
    pub fn is_suspicious(self) -> bool {
        matches!(
            self,
            Self::BelowFloor | Self::BindingTypesMissing | Self::PlusMissing
        )
    }
}

impl fmt::Display for NoMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingInCommon => "no SASL mechanism in common",
            Self::OnlyPlain => "only PLAIN is offered, and it is not allowed",
            Self::BelowFloor => "the offer is weaker than an earlier login",
            Self::ChannelBindingRequired => "channel binding is required and not available",
            Self::BindingTypesMissing => "channel binding is offered without any type (XEP-0440)",
            Self::PlusMissing => {
                "channel-binding types are listed without a -PLUS mechanism (XEP-0440)"
            }
        })
    }
}

impl std::error::Error for NoMechanism {}

/// Returns the strongest login that both sides support and the policy accepts.
///
/// # Errors
///
/// Fails with [`NoMechanism`] if there is none.
pub fn choose(
    offer: &Offer,
    bindings: &ChannelBindings,
    policy: &SaslPolicy,
) -> Result<Choice, NoMechanism> {
    if let Some(only) = policy.only {
        return choose_only(only, offer, policy);
    }
    let choice = strongest(offer, bindings, policy)?;
    let channel_binding = choice.gs2.channel_binding();
    if policy.require_channel_binding && channel_binding.is_none() {
        return Err(NoMechanism::ChannelBindingRequired);
    }
    let is_allowed = |floor: Floor| floor.allows(choice.mechanism, channel_binding);
    match policy.floor {
        Some(floor) if is_allowed(floor) => Ok(choice),
        Some(floor) if floor.allows_if_confirmed(choice.mechanism, channel_binding) => {
            let must_confirm = true;
            Ok(Choice {
                must_confirm,
                ..choice
            })
        }
        Some(_) => Err(NoMechanism::BelowFloor),
        None => Ok(choice),
    }
}

/// None of these is bound to the channel: not even EXTERNAL, where the client's certificate is, but the server proves nothing.
fn choose_only(only: Mechanism, offer: &Offer, policy: &SaslPolicy) -> Result<Choice, NoMechanism> {
    if !offer.mechanisms.iter().any(|name| name == only.as_str()) {
        return Err(NoMechanism::NothingInCommon);
    }
    if policy.require_channel_binding {
        return Err(NoMechanism::ChannelBindingRequired);
    }
    Ok(Choice {
        mechanism: only,
        gs2: Gs2::Unsupported,
        must_confirm: false,
    })
}

fn strongest(
    offer: &Offer,
    bindings: &ChannelBindings,
    policy: &SaslPolicy,
) -> Result<Choice, NoMechanism> {
    let known = |wanted| {
        offer
            .mechanisms
            .iter()
            .any(|name| Mechanism::parse(name) == Some(wanted))
    };
    let by_hash = |plus| {
        let scram = |hash| Mechanism::Scram { hash, plus };
        [Hash::Sha512, Hash::Sha256, Hash::Sha1]
            .map(scram)
            .into_iter()
            .find(|&mechanism| known(mechanism))
    };

    if by_hash(true).is_none() && by_hash(false).is_none() {
        return match (known(Mechanism::Plain), policy.allow_plain) {
            (true, true) => Ok(Choice {
                mechanism: Mechanism::Plain,
                gs2: Gs2::Unsupported,
                must_confirm: false,
            }),
            (true, false) => Err(NoMechanism::OnlyPlain),
            (false, _) => Err(NoMechanism::NothingInCommon),
        };
    }
    let proven = policy.floor.and_then(|floor| floor.channel_binding);
    let gs2 = gs2(offer, bindings, by_hash(true).is_some(), proven)?;
    let bound = gs2.channel_binding().is_some();
    // A server may offer only the -PLUS variant of a mechanism to which this client cannot bind.
    let mechanism = by_hash(bound).ok_or(NoMechanism::NothingInCommon)?;
    Ok(Choice {
        mechanism,
        gs2,
        must_confirm: false,
    })
}

/// XEP-0440, "Business Rules", with rule 6 as XEP-0474 rewrites it.
///
/// They apply to SCRAM only. Where an app has allowed PLAIN and the server offers nothing better, a man in the middle could
/// have removed the channel-binding types as well, and enforcing rule 5 there would only exclude servers with an external
/// password store.
///
/// `proven` is the type that a login of this account was bound to before.
fn gs2(
    offer: &Offer,
    bindings: &ChannelBindings,
    usable_plus: bool,
    proven: Option<ChannelBindingType>,
) -> Result<Gs2, NoMechanism> {
    if bindings.is_empty() {
        return Ok(Gs2::Unsupported); // rule 2
    }
    let bind = |wanted: &dyn Fn(ChannelBindingType) -> bool| {
        ChannelBindingType::BY_STRENGTH
            .into_iter()
            .filter(|&kind| wanted(kind))
            .find_map(|kind| {
                bindings
                    .get(kind)
                    .map(|data| Gs2::Bound(kind, data.to_vec()))
            })
    };
    match (any_plus(&offer.mechanisms), &offer.channel_bindings) {
        (false, None) => Ok(Gs2::NotOffered),              // rule 3
        (false, Some(_)) => Err(NoMechanism::PlusMissing), // rule 5
        (true, None) if offer.profile == Profile::Sasl2 => Err(NoMechanism::BindingTypesMissing), // rule 4
        // Rule 4 leaves SASL1 a free choice. RFC 9266, section 3, makes tls-exporter the default of TLS 1.3, but servers bind
        // tls-unique there, and answer any other type as they answer a wrong password. So the type is never guessed: it is the
        // one that was proven before, or none. `y` would be false, since the server does bind.
        (true, None) => {
            let bound = bind(&|kind| usable_plus && Some(kind) == proven);
            Ok(bound.unwrap_or(Gs2::Unsupported))
        }
        (true, Some(types)) if usable_plus => {
            let advertised =
                |kind: ChannelBindingType| types.iter().any(|name| name == kind.as_str());
            Ok(bind(&advertised).unwrap_or(Gs2::NothingInCommon)) // rules 6 and 7
        }
        // The server supports channel binding, but only with hashes that are not implemented. `y` would be false, and the
        // server must refuse it; `n` is accepted only if the server confirms its lists.
        (true, _) => Ok(Gs2::NothingInCommon),
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
