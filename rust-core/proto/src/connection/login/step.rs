//! The steps of a login, as data. The functions that advance them are in the neighbouring files, one for each protocol.

use crate::connection::login::exchange::Exchange;
use crate::connection::session::{Inline, Session};
use crate::error::{Assumption, ConnectionError};
use crate::sasl::HtBinding;

/// The result of an input: the login continues, or ends with an error.
pub(super) type Next = Result<Progress, ConnectionError>;

/// The progress of a login.
#[derive(Debug)]
pub(super) enum Progress {
    /// The login waits in this step.
    Expect(LoginStep),
    /// It has ended.
    Over(LoginEnd),
}

/// How a login ends without an error.
#[derive(Debug)]
pub(in crate::connection) enum LoginEnd {
    /// There is a session.
    Online(Box<Session>),
    /// The token was invalidated, and the client's end of stream has been sent.
    LoggedOut,
}

/// What a login waits for.
#[derive(Debug)]
pub(super) enum LoginStep {
    /// The transport is not established yet.
    ExpectTransport,
    /// Header and `<starttls/>` have been sent; with early data, the login too.
    ExpectProceed {
        early: Option<Box<ExpectSasl<Sasl2>>>,
    },
    /// The TLS handshake runs; with early data, the login has been sent.
    ExpectTls {
        early: Option<Box<ExpectSasl<Sasl2>>>,
    },
    /// Nothing is remembered: the features decide.
    ExpectFeatures,
    /// The app has been asked for its bearer token; the stream has been opened. What the login will rely on is not at risk before it
    /// is sent.
    ExpectToken { at_risk: Option<Assumption> },
    /// `<resume/>` has been sent, directly after TLS.
    ExpectResumedBeforeSasl,
    /// A SASL1 exchange runs.
    ExpectSasl1(Box<ExpectSasl<Sasl1>>),
    /// A SASL2 exchange runs.
    ExpectSasl2(Box<ExpectSasl<Sasl2>>),
    /// Logged in; the features of the new stream decide.
    ExpectAuthenticatedFeatures,
    /// `<resume/>` has been sent.
    ExpectResumed,
    /// The bind request has been sent.
    ExpectBound(Box<ExpectBound>),
}

impl LoginStep {
    /// Returns the name of the variant.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ExpectTransport => "ExpectTransport",
            Self::ExpectProceed { .. } => "ExpectProceed",
            Self::ExpectTls { .. } => "ExpectTls",
            Self::ExpectFeatures => "ExpectFeatures",
            Self::ExpectToken { .. } => "ExpectToken",
            Self::ExpectResumedBeforeSasl => "ExpectResumedBeforeSasl",
            Self::ExpectSasl1(_) => "ExpectSasl1",
            Self::ExpectSasl2(_) => "ExpectSasl2",
            Self::ExpectAuthenticatedFeatures => "ExpectAuthenticatedFeatures",
            Self::ExpectResumed => "ExpectResumed",
            Self::ExpectBound(_) => "ExpectBound",
        }
    }
}

impl From<LoginStep> for Progress {
    fn from(step: LoginStep) -> Self {
        Self::Expect(step)
    }
}

impl From<Session> for Progress {
    fn from(session: Session) -> Self {
        Self::Over(LoginEnd::Online(Box::new(session)))
    }
}

/// A running SASL exchange, in the profile `P`.
#[derive(Debug)]
pub(super) struct ExpectSasl<P> {
    pub(super) exchange: Exchange,
    pub(super) profile: P,
}

/// RFC 6120 section 6: what was pipelined.
#[derive(Debug)]
pub(super) struct Sasl1 {
    /// The new stream has been sent already: the step that follows `<success/>`.
    pub(super) follow: Option<LoginStep>,
}

/// XEP-0388: what was sent inline.
#[derive(Debug)]
pub(super) struct Sasl2 {
    /// What a token in the answer will be bound to.
    pub(super) token_binding: Option<HtBinding>,
    pub(super) used_token: bool,
    /// What the inline bind request asks for.
    pub(super) inline: Inline,
}

/// The bind request has been sent, and possibly what follows it.
#[derive(Debug)]
pub(super) struct ExpectBound {
    pub(super) id: String,
    pub(super) asked: Resource,
    pub(super) session: Session,
    /// What follows a bind has been sent already; otherwise it is sent when the session is established.
    pub(super) greeted: bool,
}

/// The resource that is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// That of this installation.
    Own,
    /// A random one, since another client is connected with that of this installation.
    Fresh,
    /// Any that the server generates.
    Any,
}
