//! Rules that are visible on the wire: one connection's plaintext, in both directions, parsed without the core.

mod acks;

use snapback_proto::escalation::Request;
use snapback_proto::knowledge::{Greeting, Knowledge};
use snapback_proto::plan::Purpose;
use snapback_proto::time::UnixTime;

use crate::elements::{Piece, Splitter, attribute, find, name};
use crate::model::{Heard, Model, key};
use crate::tap::Heard as Bytes;

use acks::AckRequests;

/// More stanzas than arrive while one flight waits for its commit.
const FLIGHT: u32 = 10_000;
/// How many answers to requests of contacts may wait for an acknowledgement (rule I20).
const MAX_ANSWERS: u32 = 128;

/// The observed state of one connection.
#[derive(Debug)]
pub(crate) struct Wire {
    up: Splitter,
    down: Splitter,
    stored: Option<(String, u32)>,
    /// The stored session can still be resumed.
    must_resume: bool,
    /// Faults of the server are in force, which excuses many deviations.
    pub(crate) faulty: bool,
    counts: bool,
    /// The client has decided to close the stream, before what it receives now.
    pub(crate) closes: bool,
    /// It had when `<enabled/>` came: there was nothing to acknowledge.
    closed_before_enabled: bool,
    /// `<enabled/>` came on this connection: until its commit, the stored count is that of the previous session.
    enabled: bool,
    asked_resume: bool,
    pub(crate) resumed: bool,
    /// The server reported that a session is lost, or that something is wrong.
    pub(crate) refused: bool,
    /// A bind request was refused with `conflict`, and no other one has left.
    bind_conflict: bool,
    last_up_was_ack: bool,
    last_up_was_error: bool,
    /// `<resumed/>` came, and nothing was written since.
    fresh_resumption: bool,
    active: bool,
    server_knows_csi: bool,
    /// The server resumed a session that is not ours.
    pub(crate) is_stranger: bool,
    /// The server accepted the login, or resumed a session.
    is_let_in: bool,
    /// Why the client must not assume a session: the rule, and what the server did.
    pub(crate) unbelievable: Option<(&'static str, &'static str)>,
    /// The server redirected us.
    pub(crate) redirected: bool,
    acks: AckRequests,
    /// Answers to a contact since the last acknowledgement.
    answers: u32,
    /// The purpose of the connection.
    purpose: Purpose,
    /// What the stored session was begun with.
    greeting: Greeting,
    /// The presence that the session owed was sent.
    has_announced: bool,
}

impl Wire {
    pub(crate) fn new(
        knowledge: &Knowledge,
        wall: UnixTime,
        active: bool,
        server_knows_csi: bool,
        purpose: Purpose,
    ) -> Self {
        let expires = |sm: &snapback_proto::knowledge::SmSession| {
            sm.max
                .is_none_or(|max| sm.alive_at.0.saturating_add(i64::from(max)) >= wall.0)
        };
        let failures = &knowledge.failures;
        let is_given_up = failures.gives_up_session(wall);
        Self {
            up: Splitter::default(),
            down: Splitter::default(),
            stored: knowledge.sm.as_ref().map(|sm| (sm.id.clone(), sm.h)),
            must_resume: knowledge
                .sm
                .as_ref()
                .is_some_and(|sm| expires(sm) && !is_given_up),
            faulty: false,
            counts: false,
            closes: false,
            closed_before_enabled: false,
            enabled: false,
            asked_resume: false,
            resumed: false,
            refused: false,
            bind_conflict: false,
            last_up_was_ack: false,
            last_up_was_error: false,
            fresh_resumption: false,
            active,
            server_knows_csi,
            is_stranger: false,
            is_let_in: false,
            unbelievable: None,
            redirected: false,
            acks: AckRequests::default(),
            answers: 0,
            purpose,
            greeting: knowledge
                .sm
                .as_ref()
                .map_or(Greeting::Sent, |sm| sm.greeting),
            has_announced: false,
        }
    }

    /// Returns whether the session has no presence, since only a background sync has used it.
    pub(crate) fn is_owed(&self) -> bool {
        match self.purpose {
            _ if self.resumed => {
                self.greeting == Greeting::Owed && self.purpose != Purpose::Session
            }
            purpose => purpose == Purpose::CatchUp,
        }
    }

    /// Returns whether the app's own login resumes a session that only a background sync has used.
    pub(crate) fn completes(&self) -> bool {
        self.resumed && self.greeting == Greeting::Owed && self.purpose == Purpose::Session
    }

    /// I23: what a session without presence sends.
    fn stays_quiet(&mut self, name: &str, element: &str, model: &mut Model) {
        let is_broadcast = name == "presence" && attribute(element, "to").is_none();
        if self.completes() && is_broadcast && std::mem::replace(&mut self.has_announced, true) {
            model.broken("I23", || "the presence was sent twice".to_owned());
        }
        let requests = ["jabber:iq:roster", "urn:xmpp:carbons:2", "urn:xmpp:push:0"];
        let is_request = || name == "iq" && requests.iter().any(|ns| element.contains(ns));
        let is_of_app = matches!(name, "message" | "presence");
        if self.is_owed() && (is_of_app || is_request()) {
            model.broken("I23", || format!("sent without presence: {element}"));
        }
    }

    /// The app or the platform requests a liveness probe.
    pub(crate) fn probed(&mut self) {
        self.acks.probe();
    }

    /// The engine has sent this many liveness probes.
    pub(crate) fn probed_by_engine(&mut self, times: u64) {
        self.acks.probe_times(times);
    }

    pub(crate) fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// Checks what the connection has sent and received since the last call.
    pub(crate) fn heard(&mut self, heard: &Bytes, model: &mut Model) {
        if !heard.down.is_empty() {
            model.note_bytes("<", &heard.down);
            self.acks.hears_anew();
            let mut splitter = std::mem::take(&mut self.down);
            splitter.feed(&heard.down, |piece| self.server_said(piece, model));
            self.down = splitter;
        }
        if !heard.up.is_empty() {
            model.note_bytes(">", &heard.up);
            let mut splitter = std::mem::take(&mut self.up);
            let mut says_inactive = false;
            splitter.feed(&heard.up, |piece| {
                if let Piece::Element(element) = piece {
                    says_inactive |= name(element) == "inactive";
                }
                self.client_said(piece, model);
            });
            self.up = splitter;
            let fresh = std::mem::replace(&mut self.fresh_resumption, false);
            let is_known = self.server_knows_csi && !model.server_forgotten;
            let is_apart = model.is_set_apart(Request::ClientState);
            if fresh && !self.active && is_known && !says_inactive && !self.faulty && !is_apart {
                model.broken("I15", || {
                    "the first write after <resumed/> does not say <inactive/>".to_owned()
                });
            }
        }
    }

    fn server_said(&mut self, piece: Piece<'_>, model: &mut Model) {
        let Piece::Element(element) = piece else {
            return;
        };
        let name = name(element);
        model.hash_element(name, element);
        match name {
            "enabled" => self.start_counting(),
            "success" => {
                self.is_let_in = true;
                if element.contains("<bound") && element.contains("<resumed") {
                    self.unbelievable = Some(("I11", "bound and resumed at once"));
                }
                if let Some(resumed) = find(element, "resumed") {
                    self.check_previd(resumed);
                }
                if element.contains("<enabled") {
                    self.start_counting();
                    self.acks.begin(0);
                }
                self.refused |= element.contains("<failed");
                if let Some(resumed) = find(element, "resumed") {
                    self.now_resumed(resumed);
                }
            }
            "resumed" => {
                self.is_let_in = true;
                self.check_previd(element);
                self.now_resumed(element);
            }
            "a" => {
                self.answers = 0;
                self.acks.answered(count(element));
            }
            "failed" | "stream:error" | "failure" => {
                self.refused = true;
                self.redirected |= element.contains("<see-other-host");
            }
            "message" | "presence" | "iq" if !self.is_let_in => {
                self.unbelievable = Some(("T4", "sent a stanza before the login"));
            }
            "iq" if !self.counts && element.contains("<conflict") => self.bind_conflict = true,
            kind @ ("message" | "presence" | "iq") if self.counts => {
                model.uncounted.push_back(heard(kind, element));
            }
            _ => {}
        }
    }

    fn check_previd(&mut self, resumed: &str) {
        let stored = self.stored.as_ref().map(|(id, _)| id.as_str());
        self.is_stranger |= attribute(resumed, "previd") != stored;
    }

    fn start_counting(&mut self) {
        self.counts = true;
        self.enabled = true;
        self.closed_before_enabled = self.closes;
    }

    fn now_resumed(&mut self, resumed: &str) {
        if let Some(h) = count(resumed) {
            self.acks.begin(h);
            // Its answer follows what the server had queued (rule I21).
            self.acks.probe_times(1);
        }
        self.counts = true;
        self.resumed = true;
        self.fresh_resumption = true;
        self.asked_resume = false;
    }

    fn client_said(&mut self, piece: Piece<'_>, model: &mut Model) {
        let was_ack = std::mem::replace(&mut self.last_up_was_ack, false);
        let was_error = std::mem::replace(&mut self.last_up_was_error, false);
        match piece {
            Piece::Header => {}
            Piece::End => {
                if self.bind_conflict && !self.faulty {
                    model.broken("RFC 6120 7.7.2", || {
                        "a resource that is in use was not answered with another one".to_owned()
                    });
                }
                if was_error && !self.refused && !self.faulty {
                    model.broken("I5", || {
                        "the server was accused of what it did not do".to_owned()
                    });
                } else if self.counts
                    && !was_ack
                    && !self.refused
                    && !self.faulty
                    && !self.closed_before_enabled
                {
                    model.broken("I14", || "the stream was closed without <a/>".to_owned());
                }
            }
            Piece::Element(element) => self.client_element(element, model),
        }
    }

    fn client_element(&mut self, element: &str, model: &mut Model) {
        let name = name(element);
        model.hash_element(name, element);
        if !self.acks.said(name) && !self.faulty {
            model.broken("I12", || {
                "<r/> while one was pending, or nothing unacknowledged".to_owned()
            });
        }
        self.stays_quiet(name, element, model);
        self.stays_small(name, element, model);
        match name {
            "a" => {
                self.last_up_was_ack = true;
                self.check_h("I3", element, model);
            }
            "stream:error" => self.last_up_was_error = true,
            "resume" => self.resumes(element, model),
            "authenticate" => self.authenticates(element, model),
            "enable" => {
                self.binds("<enable/>", model);
                self.acks.begin(0);
            }
            "iq" if element.contains("urn:ietf:params:xml:ns:xmpp-bind") => {
                self.bind_conflict = false;
                self.binds("a bind request", model);
            }
            "message" | "presence" | "iq" if self.purpose == Purpose::LogOut => {
                model.broken("S5", || "a client that logs out sends nothing".to_owned());
            }
            // Where it is sent alone, a liveness probe follows it.
            "active" | "inactive" if model.is_set_apart(Request::ClientState) => self.acks.probe(),
            "message" => model.writing(attribute(element, "id").unwrap_or_default()),
            _ => {}
        }
    }

    /// W9: what a client keeps because others ask is bounded. An answer is kept until the server acknowledges it.
    fn stays_small(&mut self, name: &str, element: &str, model: &mut Model) {
        let is_for_contact = || attribute(element, "to").is_some_and(|to| to.starts_with("romeo@"));
        if name == "iq" && self.counts && is_for_contact() {
            self.answers += 1;
        }
        if self.answers > MAX_ANSWERS {
            model.broken("W9", || {
                "more answers to a contact are kept than allowed".to_owned()
            });
        }
    }

    fn check_h(&mut self, rule: &'static str, element: &str, model: &mut Model) {
        let said = count(element);
        let Some(stored) = model.committed_h else {
            return;
        };
        // A new session begins at zero (I3), which acknowledges nothing, whatever the previous count.
        if self.enabled && said == Some(0) {
            return;
        }
        // An `<a/>` that waited for the rest of its flight may lag behind what was stored meanwhile, but never be
        // ahead.
        if said.is_none_or(|said| stored.wrapping_sub(said) > FLIGHT) {
            model.broken(rule, || format!("h is {said:?}, committed is {stored}"));
        }
    }

    fn resumes(&mut self, element: &str, model: &mut Model) {
        self.asked_resume = true;
        if self.purpose == Purpose::LogOut {
            return model.broken("S5", || {
                "a client that logs out resumes a session".to_owned()
            });
        }
        let Some((id, h)) = &self.stored else {
            return model.broken("I14", || {
                "a session that is not stored is resumed".to_owned()
            });
        };
        if !self.must_resume {
            model.broken("I14", || "an expired session is resumed".to_owned());
        }
        let said = count(element);
        if attribute(element, "previd") != Some(id) || said != Some(*h) {
            let h = *h;
            model.broken("I3", || {
                format!("resumed with h {said:?}, committed is {h}")
            });
        }
        self.check_h("I3", element, model);
    }

    fn authenticates(&mut self, element: &str, model: &mut Model) {
        let resume = find(element, "resume");
        if let Some(resume) = resume {
            self.resumes(resume, model);
            // Inline, the answer comes with that to the login.
            self.asked_resume = false;
        }
        if let Some(bind) = element.find("<bind") {
            if resume.is_none() || !matches!(self.purpose, Purpose::Session | Purpose::CatchUp) {
                self.binds("<bind/>", model);
            } else if element.find("<resume").is_some_and(|resume| resume > bind) {
                model.broken("S4", || "<bind/> stands before <resume/>".to_owned());
            }
        }
        let count = find(element, "fast").and_then(|fast| attribute(fast, "count"));
        if let Some(count) = count.and_then(|count| count.parse::<u32>().ok())
            && count > model.committed_count
        {
            let stored = model.committed_count;
            model.broken("S6", || {
                format!("count {count} left, {stored} is committed")
            });
        }
    }

    /// A new session is requested: not while an older one is stored and was not requested.
    fn binds(&mut self, what: &'static str, model: &mut Model) {
        match self.purpose {
            Purpose::Session | Purpose::CatchUp => {}
            Purpose::ResumeOnly => model.broken("background syncs", || {
                format!("{what} left during a background sync")
            }),
            Purpose::LogOut => {
                model.broken("S5", || format!("{what} left while logging out"));
            }
        }
        if self.asked_resume && !self.refused {
            model.broken("I4", || {
                format!("{what} left before the answer to <resume/>")
            });
        }
        if self.must_resume && self.stored.is_some() && !self.refused && !self.faulty {
            model.broken("I8", || {
                format!("{what} left, and the stored session was not asked for")
            });
        }
    }
}

/// Returns how many stanzas an element acknowledges.
fn count(element: &str) -> Option<u32> {
    attribute(element, "h")?.parse().ok()
}

/// XEP-0313: an archive's result contains a message, which the app may have already.
fn heard(kind: &str, element: &str) -> Heard {
    let archived = find(element, "result").and_then(|result| find(result, "message"));
    let carbon = ["sent", "received"]
        .iter()
        .find_map(|name| find(element, name))
        .and_then(|carbon| find(carbon, "message"));
    let message = archived.or(carbon).unwrap_or(element);
    let id = attribute(message, "id").unwrap_or_default();
    let body = find(message, "body").and_then(|body| body.split(['>', '<']).nth(2));
    Heard {
        // A page of history is answered as a whole, and not stored.
        is_for_app: kind != "iq" && !element.contains("queryid='history-"),
        is_archived: archived.is_some(),
        id: key(id, body.unwrap_or_default()),
    }
}
