//! A login is a list of flights. The plan is the most optimistic list that the server's own advertisements justify.
//!
//! A plan is plain data. [`planner::plan`] computes it from what is remembered, the connection follows it, and it is revised
//! when the server has shown more of itself. It can be printed, and is tested in a table.

pub(crate) mod planner;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::protocol_message::{ProtocolMessage, join};
use crate::sasl::{HtBinding, Mechanism};

pub use planner::{Inputs, TlsOutlook, plan};
pub use snapback_types::transport::Transport;

/// The decisions of a login. [`Plan::flights`] derives the flights from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Direct TLS or STARTTLS.
    pub transport: Transport,
    /// The TCP handshake carries the first flight (RFC 7413; rule S13).
    pub fast_open: bool,
    /// Header, `<starttls/>` and ClientHello share a flight (XEP-0305; rule S2).
    pub combined_starttls: bool,
    /// How to authenticate.
    pub login: Login,
    /// What to request.
    pub goal: Goal,
    /// The goal is part of SASL2's `<authenticate/>`, and needs no flight of its own (XEP-0386, XEP-0198).
    pub inline: bool,
    /// What is sent around the stream restart after SASL1.
    pub restart: Restart,
}

/// How to authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nothing is known: wait for the features first.
    Discover,
    /// `<resume/>` on the encrypted stream, before SASL (XEP-0305; rule S3).
    ResumeBeforeSasl,
    /// SASL2 with a FAST token: one flight.
    Fast {
        /// The token's mechanism.
        binding: HtBinding,
        /// In TLS 1.3 early data (rule S6).
        early_data: bool,
    },
    /// SASL2 with a password, or what the app uses in its place.
    Sasl2(Mechanism),
    /// SASL1 with a password, or what the app uses in its place.
    Sasl1(Mechanism),
}

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session: the interrupted one, or a new one if that cannot be resumed.
    Session,
    /// The interrupted session and no other. If it cannot be resumed, the connection ends with
    /// [`ConnectionError::NoSession`](crate::error::ConnectionError::NoSession), and nothing is bound.
    ResumeOnly,
    /// What was missed: from the interrupted session or, if that cannot be resumed, from the archive. A session that is bound for
    /// this sends no presence, and nothing of the app; a later login completes it ([`Greeting::Owed`]).
    ///
    /// [`Greeting::Owed`]: crate::knowledge::Greeting::Owed
    CatchUp,
    /// No session: only the FAST token is invalidated (XEP-0484 section 3.6).
    LogOut,
}

/// What to request from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The interrupted session; a new one if it cannot be resumed.
    Resume,
    /// A new session.
    Bind,
    /// No session: only the FAST token is invalidated (XEP-0484 section 3.6).
    LogOut,
}

/// What is sent around the stream restart after SASL1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The new header is sent with the last SASL message, followed by bind or resume (XEP-0305).
    Pipelined,
    /// The new header is sent after `<success/>`, followed by bind or resume: the features are remembered.
    Separate,
    /// The new header is sent after `<success/>`, and the client waits for the features.
    Discover,
}

/// What is sent before a wait, and what ends the wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Sent in one write.
    pub sends: Vec<ProtocolMessage>,
    /// What ends the wait.
    pub awaits: ProtocolMessage,
}

impl Plan {
    /// Returns the flights of this plan, in order. A plan that has to discover features ends there.
    pub fn flights(&self) -> Vec<Flight> {
        let mut flights = vec![flight(
            vec![ProtocolMessage::TcpHandshake],
            ProtocolMessage::TcpHandshake,
        )];
        match (self.transport, self.combined_starttls) {
            (Transport::StartTls, true) => flights.push(flight(
                vec![
                    ProtocolMessage::Header,
                    ProtocolMessage::StartTls,
                    ProtocolMessage::ClientHello,
                ],
                ProtocolMessage::ServerHello,
            )),
            (Transport::StartTls, false) => {
                flights.push(flight(
                    vec![ProtocolMessage::Header, ProtocolMessage::StartTls],
                    ProtocolMessage::Proceed,
                ));
                flights.push(flight(
                    vec![ProtocolMessage::ClientHello],
                    ProtocolMessage::ServerHello,
                ));
            }
            (Transport::DirectTls, _) => {
                flights.push(flight(
                    vec![ProtocolMessage::ClientHello],
                    ProtocolMessage::ServerHello,
                ));
            }
        }
        self.push_login(&mut flights);
        if self.fast_open && flights.len() > 1 {
            let handshake = flights.remove(0);
            if let Some(first) = flights.first_mut() {
                first.sends.splice(0..0, handshake.sends);
            }
        }
        flights
    }

    /// Returns how many round trips the plan takes; for a plan that has to discover features, up to there.
    pub fn round_trips(&self) -> usize {
        self.flights().len()
    }

    /// Returns whether the plan reaches the session; otherwise it ends where it has to wait for features.
    pub fn is_complete(&self) -> bool {
        match self.login {
            Login::Discover => false,
            Login::Sasl1(_) => self.restart != Restart::Discover,
            _ => true,
        }
    }

    fn push_login(&self, flights: &mut Vec<Flight>) {
        match &self.login {
            Login::Discover => flights.push(flight(
                vec![ProtocolMessage::Header],
                ProtocolMessage::Features,
            )),
            Login::ResumeBeforeSasl => {
                flights.push(flight(
                    vec![ProtocolMessage::Header, ProtocolMessage::Resume],
                    ProtocolMessage::Resumed,
                ));
            }
            Login::Fast {
                binding,
                early_data,
            } => {
                let login = self.authenticate(Mechanism::Ht(*binding));
                match (early_data, flights.last_mut()) {
                    (true, Some(handshake)) => {
                        handshake.sends.extend(login);
                        handshake.awaits = self.outcome();
                    }
                    _ => flights.push(flight(login, self.outcome())),
                }
                self.push_late_goal(flights);
            }
            Login::Sasl2(mechanism) => {
                let first = self.authenticate(*mechanism);
                if mechanism.is_single_message() {
                    flights.push(flight(first, self.outcome()));
                } else {
                    flights.push(flight(first, ProtocolMessage::Challenge));
                    flights.push(flight(vec![ProtocolMessage::Response], self.outcome()));
                }
                self.push_late_goal(flights);
            }
            Login::Sasl1(mechanism) => self.push_sasl1(flights, *mechanism),
        }
    }

    fn push_sasl1(&self, flights: &mut Vec<Flight>, mechanism: Mechanism) {
        flights.push(flight(
            vec![ProtocolMessage::Header, ProtocolMessage::Auth(mechanism)],
            ProtocolMessage::Success,
        ));
        if !mechanism.is_single_message() {
            if let Some(first) = flights.last_mut() {
                first.awaits = ProtocolMessage::Challenge;
            }
            flights.push(flight(
                vec![ProtocolMessage::Response],
                ProtocolMessage::Success,
            ));
        }
        match (self.restart, flights.last_mut()) {
            (Restart::Pipelined, Some(last)) => {
                last.sends.extend([ProtocolMessage::Header, self.ask()]);
                last.awaits = self.answer();
            }
            (Restart::Discover, _) => flights.push(flight(
                vec![ProtocolMessage::Header],
                ProtocolMessage::Features,
            )),
            _ => flights.push(flight(
                vec![ProtocolMessage::Header, self.ask()],
                self.answer(),
            )),
        }
    }

    fn authenticate(&self, mechanism: Mechanism) -> Vec<ProtocolMessage> {
        let mut parts = vec![
            ProtocolMessage::Header,
            ProtocolMessage::Authenticate(mechanism),
        ];
        if self.inline && self.goal != Goal::LogOut {
            parts.push(self.ask());
        }
        parts
    }

    fn outcome(&self) -> ProtocolMessage {
        if self.inline {
            self.answer()
        } else {
            ProtocolMessage::Success
        }
    }

    /// Without Bind 2 the goal takes a flight of its own, after the features that follow `<success/>`.
    fn push_late_goal(&self, flights: &mut Vec<Flight>) {
        if !self.inline {
            flights.push(flight(vec![self.ask()], self.answer()));
        }
    }

    fn ask(&self) -> ProtocolMessage {
        match self.goal {
            Goal::Resume => ProtocolMessage::Resume,
            Goal::Bind => ProtocolMessage::Bind,
            Goal::LogOut => ProtocolMessage::Close,
        }
    }

    fn answer(&self) -> ProtocolMessage {
        match self.goal {
            Goal::Resume => ProtocolMessage::Resumed,
            Goal::Bind => ProtocolMessage::Bound,
            Goal::LogOut => ProtocolMessage::Success,
        }
    }
}

fn flight(sends: Vec<ProtocolMessage>, awaits: ProtocolMessage) -> Flight {
    Flight { sends, awaits }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flights = self.flights();
        let names: Vec<String> = flights.iter().map(|flight| join(&flight.sends)).collect();
        let more = if self.is_complete() {
            ""
        } else {
            ", then what the server offers"
        };
        write!(
            f,
            "{} round trips: {}{more}",
            flights.len(),
            names.join(" | ")
        )
    }
}
