//! The session: stanzas flow, are counted, acknowledged and answered.

mod answers;
mod archive;
mod doubles;
mod establish;
mod inbound;
mod outbound;
mod payload;
mod second_look;
mod start;
mod unknown;
mod visibility;

use std::collections::{BTreeSet, VecDeque};

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::jid::BareJid;
use crate::knowledge::{Op, OutboundKind, OutboundStanza, PendingIq};
use crate::mistakes::{Mistake, planted};
use crate::part::Part;
use crate::stream::header;
use crate::time::Instant;
use crate::xep::csi;
use crate::xep::sm::{self, Enabled, Nonza};
use crate::xml::{Element, RefusedStanza};

use super::context::Context;
use super::{Event, Timer};

use answers::Answers;
use archive::Archive;
use second_look::SecondLook;
use start::AwaitedStart;

pub(super) use establish::Inline;
pub(super) use outbound::{MOST_ACK_WAITS, enqueue, handled, lost};
pub(super) use start::request_start;

/// A session and its counters.
#[derive(Debug)]
pub(super) struct Session {
    sm: Sm,
    /// Inbound stanzas, modulo 2^32; what leaves in `<a/>` waits for its transaction (rules I1, I3).
    h: u32,
    /// Outbound stanzas that the server has acknowledged, modulo 2^32.
    base: u32,
    /// Sent and not acknowledged, in order (rule I4).
    unacked: VecDeque<OutboundStanza>,
    /// The core's own requests whose answer is owed.
    pending: Vec<PendingIq>,
    /// An acknowledgement request is under way.
    asked: Option<Asked>,
    answers: Answers,
    /// How far we hold the archive.
    archive: Archive,
    second_look: SecondLook,
    /// The server has to answer `<session/>` before anything else is sent.
    awaits_start: Option<AwaitedStart>,
    /// Whom the app has sent directed presence, by their bare addresses.
    directed: BTreeSet<BareJid>,
    /// When a request of somebody else was last answered.
    answered_at: Option<Instant>,
    /// The session was announced to the app.
    is_online: bool,
    /// What the server last heard of the app.
    told_inactive: bool,
}

/// Stream management, as far as it has come (rule I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sm {
    /// Not there: a ping stands in for `<r/>`.
    Off,
    /// `<enable/>` is sent: outbound stanzas count, inbound ones not yet.
    Enabling,
    /// Both count.
    On,
}

/// What was asked, to know what has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// `<r/>`, sent at this time.
    Ack(Instant),
    /// A ping: when it is answered, so many of the unacknowledged stanzas have arrived.
    Ping {
        id: String,
        covers: usize,
        at: Instant,
    },
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            sm: Sm::Off,
            h: 0,
            base: 0,
            unacked: VecDeque::new(),
            pending: Vec::new(),
            asked: None,
            answers: Answers::default(),
            archive: Archive::Absent,
            second_look: SecondLook::AfterCatchUp,
            directed: BTreeSet::new(),
            answered_at: None,
            awaits_start: None,
            is_online: false,
            told_inactive: false,
        }
    }

    /// `<enable/>` is on its way, and not answered.
    pub(super) fn is_enabling(&self) -> bool {
        self.sm == Sm::Enabling
    }

    pub(super) fn element(
        &mut self,
        element: &Element,
        context: &mut Context,
    ) -> Result<(), ConnectionError> {
        if element.is_stanza() {
            self.check_pipelined_bind(element, context)?;
            self.stanza(element, context);
            return Ok(());
        }
        let nonza = Nonza::parse(element).transpose().map_err(|_| {
            ConnectionError::Peer(PeerError::Malformed("stream management element"))
        })?;
        match nonza {
            Some(nonza) => self.nonza(nonza, context),
            // Nonzas that are not ours are none of our business; they never count (rule I1).
            None => Ok(()),
        }
    }

    fn nonza(&mut self, nonza: Nonza, context: &mut Context) -> Result<(), ConnectionError> {
        match (nonza, self.sm) {
            (Nonza::Enabled(enabled), Sm::Enabling) => {
                context.understood(Part::Enabled);
                context.assumption_held(Assumption::Features);
                context.bind_pipelining_held();
                self.enabled(&enabled, context);
                Ok(())
            }
            (Nonza::Failed(_), Sm::Enabling) => {
                context.understood(Part::SmFailed);
                context.assumption_held(Assumption::Features);
                context.bind_pipelining_held();
                self.sm = Sm::Off;
                // Nobody counts them any more, and what must go alone would wait for them for ever (W8).
                self.unacked
                    .retain(|stanza| stanza.kind != OutboundKind::Core);
                self.enable_answered(context);
                self.go_on(context);
                Ok(())
            }
            (Nonza::Enabled(_), _) => Err(ConnectionError::Peer(PeerError::SecondEnabled)),
            (Nonza::Request, Sm::On) => {
                context.understood(Part::AckRequest);
                if planted(Mistake::NonzaCounted) {
                    self.count();
                }
                self.send_ack(context);
                Ok(())
            }
            (Nonza::Ack { h }, Sm::On) => {
                context.understood(Part::Ack);
                self.answered(context);
                let before = self.base;
                self.acknowledge(h, context)?;
                // Prosody says goodbye with an `<a/>`: only one that takes something in shows that it could be read.
                if self.base != before {
                    context.assumption_held(Assumption::Resumption);
                    context.resumption_proven();
                }
                self.doubt_archive(context);
                self.go_on(context);
                Ok(())
            }
            // I7: not while stream management is off.
            (Nonza::Request | Nonza::Ack { .. } | Nonza::Resumed(_) | Nonza::Failed(_), _) => {
                context.event(Event::PeerFault("stream management element out of place"));
                Ok(())
            }
        }
    }

    /// `<enabled/>` came: inbound counting starts here, and the session can be stored.
    fn enabled(&mut self, enabled: &Enabled, context: &mut Context) {
        self.sm = Sm::On;
        self.h = 0;
        if planted(Mistake::CountedFromEnabled) {
            self.unacked.clear();
        }
        if let Some(jid) = context.jid.clone()
            && let Some(session) = self.resumable(enabled, jid, context)
        {
            let sent = self.unacked.iter().cloned().collect();
            context.persist(vec![Op::SmEnabled { session, sent }]);
        }
        self.enable_answered(context);
    }

    /// What could not be asked while `<enable/>` was under way is asked now.
    fn enable_answered(&mut self, context: &mut Context) {
        context.timers.stop(Timer::Ack);
        if context.timers.is_set(Timer::Probe) {
            self.probe(context);
        }
        self.request_ack(context);
    }

    /// `<a/>` carries only a committed count (rule I3).
    fn send_ack(&mut self, context: &mut Context) {
        let after = context.last_inbound;
        context.transmit_after(after, Part::Ack, sm::ack(self.h).to_xml());
    }

    /// The server is there: whatever was asked is answered.
    fn answered(&mut self, context: &mut Context) {
        self.asked = None;
        context.timers.stop(Timer::Ack);
        context.timers.stop(Timer::Probe);
    }

    pub(super) fn set_active(&mut self, active: bool, context: &mut Context) {
        context.active = active;
        self.tell_client_state(context);
        self.await_second_look(context);
        self.look_again(context);
    }

    /// I15, XEP-0352: the server takes us for active until it is told. Only where it knows client states; never counted.
    pub(super) fn tell_client_state(&mut self, context: &mut Context) {
        let is_early = self.awaits_start.is_some();
        if is_early || context.active != self.told_inactive || !context.knows_client_state() {
            return;
        }
        self.told_inactive = !context.active;
        let state = if context.active {
            csi::active()
        } else {
            csi::inactive()
        };
        context.transmit_element(Part::ClientState, &state);
    }

    /// A clean end: `<a/>`, then the end of the stream; the session is cleared (rule I14).
    pub(super) fn end(&mut self, context: &mut Context) {
        if self.sm == Sm::On {
            if self.unacked.iter().any(is_message) {
                // The answer to one under way may not cover all of them, and what it leaves open is sent again.
                context.transmit_element(Part::AckRequest, &sm::request());
            }
            if !planted(Mistake::NoAckBeforeClose) {
                self.send_ack(context);
            }
        }
        let after = context.last_inbound;
        context.transmit_after(after, Part::Close, header::CLOSE.to_owned());
        self.give_up(context);
    }

    /// Behind our goodbye only an acknowledgement is of interest: what it covers is not sent again in the next session.
    pub(super) fn last_word(&mut self, element: &Element, context: &mut Context) {
        if self.sm == Sm::On
            && let Some(Ok(Nonza::Ack { h })) = Nonza::parse(element)
        {
            self.acknowledge_late(h, context);
        }
    }

    /// T6: an inbound stanza was skipped; it counts all the same, or the server would send it for ever.
    pub(super) fn stanza_refused(&mut self, refused: RefusedStanza, context: &mut Context) {
        self.refuse(refused, context);
    }

    /// T6: ill-formed XML. The first time the session is worth another try; at the same place again it is not.
    pub(super) fn poisoned(&mut self, context: &mut Context) {
        let Some(session) = &context.knowledge.sm else {
            return;
        };
        if session.poisoned_at != Some(self.h) {
            context.persist(vec![Op::SmPoisoned(self.h)]);
            return;
        }
        self.give_up(context);
    }
}

fn is_message(stanza: &OutboundStanza) -> bool {
    stanza.kind == OutboundKind::Message
}
