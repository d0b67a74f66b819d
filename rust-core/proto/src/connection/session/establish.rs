//! How a session begins: bound anew, or resumed.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::knowledge::{Op, PendingKind, SmSession};
use crate::ns;
use crate::part::Part;
use crate::plan::Goal;
use crate::stream::features::StreamFeatures;
use crate::xep::sm::{self, Enabled, Resumed};
use crate::xep::{carbons, disco, roster};
use crate::xml::Element;

use super::super::context::Context;
use super::super::{Event, Outcome, Timer};
use super::{Session, Sm};

/// What a Bind 2 request has asked for already.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Inline {
    pub(in super::super) carbons: bool,
    pub(in super::super) inactive: bool,
    pub(in super::super) sm: bool,
}

impl Session {
    /// Sends all that a new session needs, behind the bind request: `<enable/>`, roster, carbons, presence, client state.
    pub(in super::super) fn greet(
        &mut self,
        features: &StreamFeatures,
        inline: Inline,
        context: &mut Context,
    ) {
        if features.sm && !inline.sm {
            context.transmit_element(Part::Enable, &sm::enable(true, None));
            self.sm = Sm::Enabling;
        }
        if context.config.roster {
            self.request_roster(features, context);
        }
        self.discover_server(context);
        if context.config.carbons && !inline.carbons {
            let id = context.entropy.token();
            self.send_core(
                Part::EnableCarbons,
                &carbons::enable(&id),
                Some(PendingKind::Carbons),
                context,
            );
        }
        if context.config.presence {
            self.send_core(Part::Presence, &initial_presence(context), None, context);
        }
        // The app may have moved while the bind request was on its way.
        if context.active == inline.inactive {
            self.send_client_state(context);
        }
    }

    /// S8: `ver` only where advertised; without a roster of ours, `ver=''`.
    fn request_roster(&mut self, features: &StreamFeatures, context: &mut Context) {
        let id = context.entropy.token();
        let version = context.knowledge.roster_version.clone().unwrap_or_default();
        // Inside SASL2 the session begins before the server shows the features behind the login; the last ones hold.
        let authenticated = context.knowledge.server.authenticated.as_ref();
        let is_versioned = features.roster_version
            || authenticated.is_some_and(|features| features.roster_version);
        let version = is_versioned.then_some(version.as_str());
        let request = roster::request(&id, version);
        self.send_core(
            Part::RosterGet,
            &request,
            Some(PendingKind::Roster),
            context,
        );
    }

    /// XEP-0115 6.3: caps in the stream features spare the question, once their answer is known.
    fn discover_server(&mut self, context: &mut Context) {
        let caps = context.server_caps().cloned();
        if let Some(known) = caps.as_ref().and_then(|caps| context.known_caps(caps)) {
            let features = known.features.clone();
            context.event(Event::ServerFeatures(features));
            return;
        }
        let id = context.entropy.token();
        let node = caps.map(|caps| caps.disco_node());
        let domain = context.domain().to_owned();
        let request = disco::request(&id, Some(&domain), node.as_deref());
        self.send_core(
            Part::DiscoInfo,
            &request,
            Some(PendingKind::ServerDisco),
            context,
        );
    }

    /// A resource is bound: a new session.
    pub(in super::super) fn bound(
        &mut self,
        jid: &str,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        Context::parse_full_jid(jid)?;
        context.jid = Some(jid.to_owned());
        self.announce(Outcome::Bound, jid, context);
        self.flush_queue(context);
        self.request_ack(context);
        Ok(())
    }

    /// A resource was bound inside SASL2; stream management counts from `<enabled/>` inside `<bound/>` (rule I6).
    pub(in super::super) fn bound_inline(
        jid: &str,
        enabled: Option<Enabled>,
        inline: Inline,
        context: &mut Context,
    ) -> Result<Self, ConnectionError> {
        let mut session = Self::new();
        let features = context.features_for_greeting();
        let inline = Inline {
            sm: enabled.is_some() || inline.sm,
            ..inline
        };
        if let Some(enabled) = &enabled {
            context.understood(Part::Enabled);
            session.sm = Sm::On;
            Context::parse_full_jid(jid)?;
            if let Some(stored) = session.resumable(enabled, jid.to_owned(), context) {
                context.persist(vec![Op::SmEnabled {
                    session: stored,
                    sent: Vec::new(),
                }]);
            }
        }
        session.bound_with_greeting(jid, &features, inline, context)?;
        Ok(session)
    }

    fn bound_with_greeting(
        &mut self,
        jid: &str,
        features: &StreamFeatures,
        inline: Inline,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        self.greet(features, inline, context);
        let pending = self.pending.clone();
        if self.sm == Sm::On && !pending.is_empty() {
            context.persist(vec![Op::SmPending(pending)]);
        }
        self.bound(jid, context)
    }

    /// The interrupted session goes on: counters stay, nothing is asked for again (rules I3, I4, I15).
    pub(in super::super) fn resumed(
        resumed: &Resumed,
        context: &mut Context,
    ) -> Result<Self, ConnectionError> {
        context.understood(Part::Resumed);
        let Some(stored) = context.knowledge.sm.clone() else {
            return Err(ConnectionError::Peer(PeerError::WrongPrevid));
        };
        let was_asked_for = context.plan.goal == Goal::Resume;
        if !was_asked_for || resumed.previd != stored.id {
            // Asked again it would say the same again.
            super::lost(None, context)?;
            return Err(ConnectionError::Peer(PeerError::WrongPrevid));
        }
        context.jid = Some(stored.jid.clone());
        let unacked = context
            .knowledge
            .queue
            .extract_if(.., |stanza| stanza.sent)
            .collect();
        let mut session = Self {
            sm: Sm::On,
            h: stored.h,
            base: stored.base,
            unacked,
            pending: stored.pending,
            asked: None,
            is_online: false,
        };
        let at = context.now.wall;
        if let Some(session) = &mut context.knowledge.sm {
            session.alive_at = at;
        }
        context.persist(vec![Op::SmAlive { at }]);
        session.acknowledge(resumed.h, context)?;
        session.announce(Outcome::Resumed, &stored.jid, context);
        if !context.active {
            session.send_client_state(context);
        }
        session.resend_unacked(context);
        session.flush_queue(context);
        session.request_ack(context);
        context.at_risk = Some(Assumption::Resumption);
        Ok(session)
    }

    fn announce(&mut self, outcome: Outcome, jid: &str, context: &mut Context) {
        self.is_online = true;
        context.timers.stop(Timer::Login);
        context.heard();
        let plan = context.plan.clone();
        context.event(Event::Online {
            outcome,
            jid: jid.to_owned(),
            plan,
        });
    }

    /// The session as it is stored, if the server lets it be resumed.
    pub(super) fn resumable(
        &self,
        enabled: &Enabled,
        jid: String,
        context: &mut Context,
    ) -> Option<SmSession> {
        let id = enabled.resumable()?.to_owned();
        let session = SmSession {
            id,
            jid,
            h: 0,
            base: self.base,
            max: enabled.max,
            location: enabled.location.clone(),
            alive_at: context.now.wall,
            pending: self.pending.clone(),
            poisoned_at: None,
        };
        context.knowledge.sm = Some(session.clone());
        Some(session)
    }
}

fn initial_presence(context: &mut Context) -> Element {
    let id = context.entropy.token();
    let presence = Element::new("presence", ns::CLIENT).with_attr("id", id);
    match &context.own_caps {
        Some(own) => presence.with_child(own.caps().to_element()),
        None => presence,
    }
}
