//! What every part of a connection uses: the settings, the time, the randomness, the deadlines, and the queued outputs. It
//! knows nothing of the server.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::connection::output::{Event, Output, Seq};
use crate::connection::timer::{Timer, Timers};
use crate::entropy::Entropy;
use crate::knowledge::Op;
use crate::protocol_message::ProtocolMessage;
use crate::time::{Instant, Now};
use crate::xml::Element;

/// The settings, the time, the randomness, the deadlines and the outputs of one connection.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) config: Arc<Config>,
    /// The time of the input that is being processed.
    pub(super) now: Now,
    pub(super) entropy: Entropy,
    pub(super) timers: Timers,
    /// The app is in the foreground (XEP-0352).
    pub(super) active: bool,
    outputs: VecDeque<Output>,
    next_persist: u64,
    /// The transaction that further changes belong to.
    joined: Option<Seq>,
    /// When something was last sent.
    sent_at: Instant,
}

impl Env {
    pub(super) fn new(config: Arc<Config>, seed: [u8; 32], active: bool, now: Now) -> Self {
        Self {
            config,
            now,
            entropy: Entropy::new(seed),
            timers: Timers::default(),
            active,
            outputs: VecDeque::new(),
            next_persist: 0,
            joined: None,
            sent_at: now.mono,
        }
    }

    /// The domain of the account.
    pub(super) fn domain(&self) -> &str {
        self.config.account.domain()
    }

    /// When something was last sent.
    pub(super) fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// Queues an output.
    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Returns the next output; without any, the next deadline.
    pub(super) fn next_output(&mut self) -> Output {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => {
                let (why, when) = self.timers.next().unzip();
                Output::Timeout { when, why }
            }
        }
    }

    /// Stores these changes in one transaction. What must not be sent before it is committed is `after` the returned number.
    pub(super) fn persist(&mut self, mut ops: Vec<Op>) -> Seq {
        let joined = self.joined.and_then(|joined| {
            let open = self.outputs.iter_mut().rev();
            open.filter_map(|output| match output {
                Output::Persist { seq, ops } => Some((*seq, ops)),
                _ => None,
            })
            .find(|(seq, _)| *seq == joined)
        });
        if let Some((seq, open)) = joined {
            open.append(&mut ops);
            return seq;
        }
        let seq = Seq(self.next_persist);
        self.next_persist = self.next_persist.wrapping_add(1);
        self.output(Output::Persist { seq, ops });
        seq
    }

    /// Begins a transaction that all changes belong to until [`Env::end_transaction`].
    pub(super) fn begin_transaction(&mut self, ops: Vec<Op>) {
        self.joined = Some(self.persist(ops));
    }

    /// Ends that transaction.
    pub(super) fn end_transaction(&mut self) {
        self.joined = None;
    }

    /// Sends this text.
    pub(super) fn transmit(&mut self, part: ProtocolMessage, text: String) {
        self.transmit_after(None, part, text);
    }

    /// Sends this text, but not before the transaction `after` is committed.
    pub(super) fn transmit_after(
        &mut self,
        after: Option<Seq>,
        part: ProtocolMessage,
        text: String,
    ) {
        self.sent_at = self.now.mono;
        self.output(Output::Transmit {
            after,
            bytes: Zeroizing::new(text.into_bytes()),
            parts: vec![part],
        });
    }

    /// Sends an element.
    pub(super) fn transmit_element(&mut self, part: ProtocolMessage, element: &Element) {
        self.transmit(part, element.to_xml());
    }

    /// Sends an element that holds a secret, and keeps no other copy of it (rule T9).
    pub(super) fn transmit_secret(
        &mut self,
        after: Option<Seq>,
        part: ProtocolMessage,
        element: Element,
    ) {
        self.transmit_after(after, part, element.into_secret_xml());
    }

    /// Emits an event to the app.
    pub(super) fn event(&mut self, event: Event) {
        self.event_after(None, event);
    }

    /// Emits an event to the app, once the transaction `after` is committed.
    pub(super) fn event_after(&mut self, after: Option<Seq>, event: Event) {
        self.output(Output::Event { after, event });
    }

    /// Records a message from the server for the timeline.
    pub(super) fn understood(&mut self, part: ProtocolMessage) {
        self.output(Output::Understood(part));
    }

    /// Sets the timeout of the login.
    pub(super) fn start_login_timer(&mut self) {
        let when = self.now.mono + self.config.timeouts.login;
        self.timers.set(Timer::Login, when);
    }

    /// Requests a bearer token from the app, which has this much time.
    pub(super) fn request_token(&mut self, refused: bool, timeout: Duration) {
        self.timers.set(Timer::Token, self.now.mono + timeout);
        self.output(Output::RequestToken { refused });
    }

    /// Sets the timeout for the server's end of stream.
    pub(super) fn await_stream_close(&mut self) {
        let when = self.now.mono + self.config.timeouts.close;
        self.timers.clear();
        self.timers.set(Timer::Close, when);
    }

    /// Reports that the connection ended as requested.
    pub(super) fn closed(&mut self) {
        self.output(Output::CloseTransport);
        self.event(Event::Closed(None));
    }
}
