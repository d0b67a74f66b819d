//! Carries out the script of a connection (see [`crate::Script`]).

use super::{Closing, Connection, Cx, Phase};
use crate::faults::Flood;
use crate::jid;
use crate::script::{Rule, ScriptStep, When, filled};
use crate::time::Timestamp;
use crate::world::SessionId;
use crate::xml::Element;

use std::collections::VecDeque;

/// The account of a client that has not named one yet.
const CLIENT: &str = "juliet";
/// The contact that a script speaks for.
const CONTACT: &str = "romeo@localhost/orchard";

/// The number of repetitions up to which stanzas are counted and queued; more are written as fast as the client reads.
const MAX_COUNTED: u32 = 10_000;

/// The script of a connection: its rules, and the steps that are still to be carried out.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    rules: Vec<Rule>,
    steps: VecDeque<ScriptStep>,
    paused_until: Option<Timestamp>,
    pub(super) reads_nothing: bool,
    pub(super) trickles: bool,
}

impl Scripted {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Returns whether steps are left.
    pub(super) fn is_busy(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Returns the rules that have applied.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.has_applied)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.paused_until
    }

    /// Returns the steps for an element that was read, with their placeholders replaced, and whether they are additional.
    fn for_read(&mut self, element: &Element) -> Option<(Vec<ScriptStep>, bool)> {
        let is_read = |rule: &&mut Rule| match &rule.when {
            When::Reads(pattern) => pattern.matches(element),
            _ => false,
        };
        let mut rules = self.rules.iter_mut().filter(is_read);
        let rule = rules.find_map(|rule| rule.applies().then_some(rule))?;
        let steps = rule.steps.iter();
        let steps = steps.map(|step| with_values(step, element)).collect();
        Some((steps, rule.is_added))
    }

    /// Returns an element to be written as the script changes it; `None`: unchanged.
    fn for_write(&mut self, element: &Element) -> Option<Element> {
        let mut changed = None;
        for rule in &mut self.rules {
            let When::Writes(pattern) = &rule.when else {
                continue;
            };
            let current = changed.as_ref().unwrap_or(element);
            if !current.any(&|element| pattern.matches(element)) {
                continue;
            }
            let pattern = pattern.clone();
            if !rule.applies() {
                continue;
            }
            let mut copy = current.clone();
            let steps = &rule.steps;
            let replacement = |element: &Element| {
                let is_it = pattern.matches(element);
                is_it.then(|| Element::verbatim(replacement(steps, element)))
            };
            copy.replace(&replacement);
            let others = steps.iter().filter(|step| !is_text(step));
            self.steps.extend(others.cloned());
            changed = Some(copy);
        }
        changed
    }
}

fn is_text(step: &ScriptStep) -> bool {
    matches!(step, ScriptStep::Send(_))
}

fn replacement(steps: &[ScriptStep], element: &Element) -> String {
    steps
        .iter()
        .filter_map(|step| match step {
            ScriptStep::Send(text) => Some(filled(text, Some(element))),
            _ => None,
        })
        .collect()
}

/// Returns a step whose placeholders are replaced by values of an element that was read.
fn with_values(step: &ScriptStep, element: &Element) -> ScriptStep {
    let filled = |text: &str| filled(text, Some(element));
    match step {
        ScriptStep::Send(text) => ScriptStep::Send(filled(text)),
        ScriptStep::Repeat { text, times } => ScriptStep::Repeat {
            text: filled(text),
            times: *times,
        },
        other => other.clone(),
    }
}

impl Connection {
    /// Begins the steps of all rules for this point.
    pub(super) fn script_reaches(&mut self, cx: &mut Cx<'_>, point: &When) {
        let rules = self.script.rules.iter_mut();
        for rule in rules.filter(|rule| rule.when == *point) {
            if rule.applies() {
                self.script.steps.extend(rule.steps.iter().cloned());
            }
        }
        self.run_script(cx);
    }

    /// Returns whether the script handles an element that was read, so that nothing else does.
    pub(super) fn script_reads(&mut self, cx: &mut Cx<'_>, element: &Element) -> bool {
        cx.world.note_watched(element);
        let Some((steps, is_added)) = self.script.for_read(element) else {
            return false;
        };
        // A stanza that ends the connection is not handled.
        let is_handled = !is_added && !steps.iter().any(ScriptStep::ends_connection);
        self.script.steps.extend(steps);
        if let Phase::Bound { session, .. } = &self.phase
            && element.is_stanza()
            && is_handled
        {
            cx.world.count_inbound(*session);
        }
        !is_added
    }

    /// Returns the script's answer to an inline request, for which nothing else is done.
    pub(super) fn script_answers(&mut self, inline: &Element) -> Option<Element> {
        let (steps, is_added) = self.script.for_read(inline)?;
        if is_added {
            self.script.steps.extend(steps);
            return None;
        }
        let text = replacement(&steps, inline);
        let others = steps.into_iter().filter(|step| !is_text(step));
        self.script.steps.extend(others);
        Some(Element::verbatim(text))
    }

    pub(super) fn is_scripted(&self) -> bool {
        !self.script.rules.is_empty()
    }

    pub(super) fn script_writes(&mut self, element: &Element) -> Option<Element> {
        if !self.is_scripted() {
            return None;
        }
        self.script.for_write(element)
    }

    /// Carries out steps up to the next pause.
    pub(super) fn run_script(&mut self, cx: &mut Cx<'_>) {
        if self.script.paused_until.is_some_and(|at| at > cx.now) {
            return;
        }
        self.script.paused_until = None;
        while self.closing.is_none() && !self.is_flooding() {
            let Some(step) = self.script.steps.pop_front() else {
                return;
            };
            if let ScriptStep::Pause(time) = step {
                self.script.paused_until = Some(cx.now + time);
                return;
            }
            self.script_step(cx, step);
        }
    }

    fn script_step(&mut self, cx: &mut Cx<'_>, step: ScriptStep) {
        match step {
            ScriptStep::Send(text) => self.script_sends(cx, &text),
            ScriptStep::Repeat { text, times } => self.script_repeats(cx, &text, times),
            ScriptStep::Bytes(bytes) => self.plain.extend_from_slice(&bytes),
            ScriptStep::Cleartext(text) => self.out.extend_from_slice(text.as_bytes()),
            ScriptStep::Contact(inside) => {
                let to = self.own_addresses(cx).1;
                let id = cx.world.new_id();
                cx.world
                    .inject_stanza("message", (CONTACT, &to, &id), &inside, cx.now);
                self.drain_mail(cx);
            }
            ScriptStep::Archive(text) => {
                let text = self.addressed(cx, &text);
                let account = self.account();
                cx.world.archive_verbatim(&account, CONTACT, text, cx.now);
            }
            ScriptStep::Pause(_) => {}
            ScriptStep::EndStream => {
                self.detach(cx);
                self.end(cx);
            }
            ScriptStep::Close { notifies } => {
                self.flush(cx);
                self.lost(cx);
                if notifies {
                    self.wire.close_notify();
                }
            }
            ScriptStep::Reset => {
                self.flush(cx);
                self.reset(cx);
            }
            ScriptStep::Silence => self.silent = true,
            ScriptStep::StopReading => self.script.reads_nothing = true,
            ScriptStep::Trickle => self.script.trickles = true,
            ScriptStep::ForgetSessions => {
                let account = self.account();
                cx.world.forget_sessions(&account, cx.now);
            }
            ScriptStep::ForgetTokens => {
                let account = self.account();
                cx.world.forget_fast_tokens(&account);
            }
        }
    }

    fn script_sends(&mut self, cx: &mut Cx<'_>, text: &str) {
        let text = self.addressed(cx, text);
        let is_stanza = ["<message", "<presence", "<iq"]
            .iter()
            .any(|start| text.starts_with(start));
        match self.session() {
            Some(session) if is_stanza => {
                cx.world.deliver_verbatim(session, text);
                self.drain_mail(cx);
            }
            _ => self.plain.extend_from_slice(text.as_bytes()),
        }
    }

    fn script_repeats(&mut self, cx: &mut Cx<'_>, text: &str, times: u32) {
        if times > MAX_COUNTED {
            let text = self.addressed(cx, text);
            self.flood = Some(Flood {
                text,
                times,
                stops_reading: false,
            });
            return;
        }
        for number in 1..=times {
            self.script_sends(cx, &text.replace("{n}", &number.to_string()));
        }
    }

    /// Returns the account of this connection (local part).
    fn account(&self) -> String {
        let known = self.account_hint.as_deref();
        known.unwrap_or(CLIENT).to_owned()
    }

    fn session(&self) -> Option<SessionId> {
        match self.phase {
            Phase::Bound { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Returns the full and the bare address of the client.
    fn own_addresses(&self, cx: &Cx<'_>) -> (String, String) {
        match (self.session(), &self.account_hint) {
            (Some(session), _) => {
                let full = cx.world.session_jid(session);
                let bare = jid::bare(&full).to_owned();
                (full, bare)
            }
            (None, Some(account)) => {
                let bare = format!("{account}@{}", cx.world.domain());
                (bare.clone(), bare)
            }
            (None, None) => Default::default(),
        }
    }

    fn addressed(&self, cx: &Cx<'_>, text: &str) -> String {
        let (full, bare) = self.own_addresses(cx);
        text.replace("{jid}", &full)
            .replace("{bare}", &bare)
            .replace("{domain}", cx.world.domain())
    }

    /// Returns whether output is sent in small pieces.
    pub(super) fn is_trickling(&self) -> bool {
        self.script.trickles && self.closing != Some(Closing::Reset)
    }
}
