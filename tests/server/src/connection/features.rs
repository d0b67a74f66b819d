//! Stream features, and the offers in them (RFC 6120 4.3.2, XEP-0388, XEP-0305, XEP-0509).

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Connection, Cx, Phase};
use crate::faults::{Fault, FeaturesOf};
use crate::ns;
use crate::sasl::{ChannelBindings, Mechanism};
use crate::switches::SsdpAttribute;
use crate::world::{Audience, Stage};
use crate::xml::Element;

/// The namespace of a feature that no client knows.
const FUTURE: &str = "urn:example:future:0";
pub(super) const CAPS_NODE: &str = "urn:snapback:reference-server";

impl Connection {
    pub(super) fn send_features(&mut self, cx: &mut Cx<'_>) {
        let audience = self.audience(cx);
        let of = match audience.stage {
            Stage::BeforeLogin if audience.is_secure => FeaturesOf::Encrypted,
            Stage::BeforeLogin => FeaturesOf::Cleartext,
            Stage::LoggedIn | Stage::Bound => FeaturesOf::Authenticated,
        };
        if self.has_fault(cx, &Fault::EmptyFeatures(of)) {
            return self.send(&Element::new(ns::STREAM, "features"));
        }
        if self.is_scripted() {
            let features = self.features(cx, audience);
            return self.send(&features);
        }
        let world = &mut *cx.world;
        let text = match world.offers.find(&world.switches, audience) {
            Some(text) => text,
            None => {
                let text: Arc<str> = self.features(cx, audience).to_xml().into();
                cx.world.offers.keep(audience, Arc::clone(&text));
                text
            }
        };
        debug_assert_eq!(*text, *self.features(cx, audience).to_xml());
        if !self.silent {
            self.plain.extend_from_slice(text.as_bytes());
        }
    }

    fn audience(&self, cx: &Cx<'_>) -> Audience {
        Audience {
            stage: match &self.phase {
                Phase::Negotiating | Phase::Authenticating(_) => Stage::BeforeLogin,
                Phase::Bound { .. } => Stage::Bound,
                Phase::Authenticated { .. } | Phase::Closed => Stage::LoggedIn,
            },
            is_secure: self.wire.is_secure(),
            offers_starttls: !self.has_fault(cx, &Fault::DropStarttlsFeature),
            offers_sasl2: self.offers_sasl2(cx),
            offers_exporter: self.offers_exporter(cx),
            has_certificate: self.wire.client_certificate().is_some(),
        }
    }

    fn features(&self, cx: &Cx<'_>, audience: Audience) -> Element {
        let mut features = Element::new(ns::STREAM, "features");
        if cx.world.switches.liberal {
            let inside = Element::new(FUTURE, "required");
            features = features.child(Element::new(FUTURE, "future").child(inside));
        }
        match audience.stage {
            Stage::BeforeLogin if !audience.is_secure => {
                if audience.offers_starttls {
                    features = features.child(
                        Element::new(ns::TLS, "starttls").child(Element::new(ns::TLS, "required")),
                    );
                }
            }
            Stage::BeforeLogin => {
                features = features.children_from(self.login_features(cx, audience));
            }
            stage => {
                features = features.children_from(session_features(cx, stage == Stage::Bound));
            }
        }
        let switches = &cx.world.switches;
        if switches.pipelining {
            features = features.child(Element::new(ns::PIPELINING, "pipelining"));
        }
        if switches.caps && audience.is_secure {
            features = features.child(
                Element::new(ns::CAPS, "c")
                    .with("hash", "sha-1")
                    .with("node", CAPS_NODE)
                    .with("ver", super::iq::caps_ver(&cx.world.switches)),
            );
        }
        if let Some(limits) = switches.limits {
            let mut element = Element::new(ns::LIMITS, "limits")
                .child(Element::new(ns::LIMITS, "max-bytes").text(limits.max_bytes.to_string()));
            if let Some(idle) = limits.idle_seconds {
                element =
                    element.child(Element::new(ns::LIMITS, "idle-seconds").text(idle.to_string()));
            }
            features = features.child(element);
        }
        features
    }

    fn login_features(&self, cx: &Cx<'_>, audience: Audience) -> Vec<Element> {
        let switches = &cx.world.switches;
        let bindings = self.bindings(cx);
        let mechanisms = self.mechanisms(cx, &bindings);
        let mut features = Vec::new();
        if switches.sasl1 {
            features.push(
                Element::new(ns::SASL, "mechanisms")
                    .children_from(mechanisms.iter().map(|m| mechanism(ns::SASL, *m))),
            );
        }
        if audience.offers_sasl2 {
            features.push(
                Element::new(ns::SASL2, "authentication")
                    .children_from(mechanisms.iter().map(|m| mechanism(ns::SASL2, *m)))
                    .child(inline(cx, &bindings)),
            );
            if switches.config_version {
                features.push(
                    Element::new(ns::IAP, "config-version")
                        .with("scheme", "opaque")
                        .with("value", self.config_version(cx)),
                );
            }
        }
        // An empty list would mean that the -PLUS mechanisms were removed by an attacker.
        if switches.channel_binding_advertised && !bindings.names().is_empty() {
            let types = bindings
                .names()
                .into_iter()
                .map(|name| Element::new(ns::SASL_CB, "channel-binding").with("type", name));
            features.push(Element::new(ns::SASL_CB, "sasl-channel-binding").children_from(types));
        }
        if switches.sm && switches.sm_before_sasl {
            features.push(Element::new(ns::SM, "sm"));
        }
        features
    }

    /// Unprompted features precede the client's header, so its `from` cannot be required yet.
    pub(super) fn offers_sasl2(&self, cx: &Cx<'_>) -> bool {
        let switches = &cx.world.switches;
        let unprompted = !self.reader.is_opened();
        switches.sasl2 && (!switches.sasl2_needs_from || unprompted || self.header.from.is_some())
    }

    /// Returns the mechanisms that this connection supports.
    pub(super) fn mechanisms(&self, cx: &Cx<'_>, bindings: &ChannelBindings) -> Vec<Mechanism> {
        let can_bind = !bindings.names().is_empty();
        cx.world
            .switches
            .mechanisms
            .iter()
            .copied()
            .filter(|mechanism| !mechanism.is_plus() || can_bind)
            .filter(|mechanism| {
                *mechanism != Mechanism::External || self.wire.client_certificate().is_some()
            })
            .collect()
    }

    /// Returns XEP-0474's attribute for SCRAM's first answer.
    pub(super) fn ssdp(
        &self,
        cx: &Cx<'_>,
        bindings: &ChannelBindings,
        used: Mechanism,
    ) -> Option<String> {
        let attribute = cx.world.switches.ssdp?;
        let hash = used.hash()?;
        let mut mechanisms: Vec<_> = self
            .mechanisms(cx, bindings)
            .into_iter()
            .map(Mechanism::name)
            .collect();
        mechanisms.sort_unstable();
        let mut types = bindings.names();
        types.sort_unstable();
        let (letter, item, list) = match attribute {
            SsdpAttribute::D => ("d", ",", "|"),
            SsdpAttribute::H => ("h", "\u{1e}", "\u{1f}"),
        };
        let mut text = mechanisms.join(item);
        if cx.world.switches.channel_binding_advertised && !types.is_empty() {
            text.push_str(list);
            text.push_str(&types.join(item));
        }
        Some(format!(
            "{letter}={}",
            super::login::encode(&hash.digest(text.as_bytes()))
        ))
    }

    /// Returns whether XEP-0509's version of the offer is this one.
    pub(super) fn is_config_version(&self, cx: &mut Cx<'_>, version: &str) -> bool {
        let of = (
            self.offers_exporter(cx),
            self.wire.client_certificate().is_some(),
        );
        let world = &mut *cx.world;
        let current = match world.offers.version(&world.switches, of) {
            Some(current) => current,
            None => {
                let current: Arc<str> = self.config_version(cx).into();
                cx.world.offers.keep_version(of, Arc::clone(&current));
                current
            }
        };
        debug_assert_eq!(*current, *self.config_version(cx));
        *current == *version
    }

    /// Returns XEP-0509's version: a hash of the offer.
    fn config_version(&self, cx: &Cx<'_>) -> String {
        let switches = &cx.world.switches;
        let bindings = self.bindings(cx);
        let mut text = inline(cx, &bindings).to_xml();
        for mechanism in self.mechanisms(cx, &bindings) {
            text.push_str(mechanism.name());
            text.push(' ');
        }
        text.push_str(&bindings.names().join(" "));
        text.push_str(&format!("{}{}", switches.sasl1, switches.pipelining));
        super::login::encode(Sha256::digest(text.as_bytes()).split_at(12).0)
    }
}

fn mechanism(namespace: &'static str, mechanism: Mechanism) -> Element {
    Element::new(namespace, "mechanism").text(mechanism.name())
}

fn inline(cx: &Cx<'_>, bindings: &ChannelBindings) -> Element {
    let switches = &cx.world.switches;
    let mut inline = Element::new(ns::SASL2, "inline");
    if switches.bind2 {
        let offers = [
            (switches.carbons, ns::CARBONS),
            (switches.csi, ns::CSI),
            (switches.sm, ns::SM),
        ];
        let features = offers
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, var)| Element::new(ns::BIND2, "feature").with("var", var));
        inline = inline.child(
            Element::new(ns::BIND2, "bind")
                .child(Element::new(ns::BIND2, "inline").children_from(features)),
        );
    }
    if switches.sm {
        inline = inline.child(Element::new(ns::SM, "sm"));
    }
    let tokens = fast_mechanisms(cx, bindings);
    if !tokens.is_empty() {
        let mut fast = Element::new(ns::FAST, "fast");
        if switches.accepts_early_data() {
            fast.set("tls-0rtt", "true");
        }
        inline =
            inline.child(fast.children_from(tokens.into_iter().map(|m| mechanism(ns::FAST, m))));
    }
    inline
}

pub(super) fn fast_mechanisms(cx: &Cx<'_>, bindings: &ChannelBindings) -> Vec<Mechanism> {
    cx.world
        .switches
        .fast
        .iter()
        .copied()
        .filter(|mechanism| match mechanism {
            Mechanism::HtSha256Expr => bindings.offers_exporter,
            Mechanism::HtSha256Endp => bindings.end_point.is_some(),
            other => *other == Mechanism::HtSha256None,
        })
        .collect()
}

fn session_features(cx: &Cx<'_>, bound: bool) -> Vec<Element> {
    let switches = &cx.world.switches;
    let mut features = Vec::new();
    if !bound {
        features.push(Element::new(ns::BIND, "bind").child(Element::new(ns::BIND, "required")));
        let session = Element::new(ns::SESSION, "session");
        if switches.session_first {
            features.push(session);
        } else if switches.session {
            features.push(session.child(Element::new(ns::SESSION, "optional")));
        }
    }
    for (on, namespace, name) in [
        (switches.sm, ns::SM, "sm"),
        (switches.csi, ns::CSI, "csi"),
        (switches.roster_versioning, ns::ROSTER_VER, "ver"),
    ] {
        if on {
            features.push(Element::new(namespace, name));
        }
    }
    features
}
