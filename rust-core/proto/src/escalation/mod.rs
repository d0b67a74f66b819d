//! The escalation policy (rule W1): what failed the same way twice is not tried the same way a third time.
//!
//! The first failure may be chance. After that the client gives up the least that can be the cause, for a limited time, and
//! success ends it. No peer can lock an account out in this way, and a failing network alone costs neither a session nor a
//! stanza.
//!
//! ```text
//!   an error ends a connection
//!      |  evidence.rs: was it an answer, a silence, or is it unrelated?
//!      v
//!   Failures::note(subject, evidence)      policy.rs: the steps, as data
//!      |  a step is newly reached: the app is informed (`PeerFault`), the timeline contains it
//!      v
//!   Failures::gives_up(subject, remedy)    asked by whatever would rely on the subject again
//!      |  it worked
//!      v
//!   Failures::succeeded(subject)
//! ```
//!
//! [`Failures`] is part of [`Knowledge`](crate::knowledge::Knowledge) and is stored. The failures of addresses belong to a
//! network: the engine keeps them in a [`Failures`] of its own, in memory.

pub(crate) mod evidence;
mod failures;
mod policy;
mod subject;
#[cfg(test)]
mod tests;

pub use evidence::Evidence;
pub use failures::{Failure, Failures, MAX_FAILURES, Noted};
pub use policy::{Counted, EscalationStep, Lasts, POLICY, Remedy};
pub use subject::{Kind, Request, Scope, Subject};
