//! What a login waits for: its states as data. What moves them is beside this, a file for each protocol.

use crate::connection::login::exchange::Exchange;
use crate::connection::session::{Inline, Session};
use crate::error::ConnectionError;
use crate::sasl::HtBinding;

/// What comes of an input: on with the login, or its end.
pub(super) type Next = Result<Progress, ConnectionError>;

/// How far a login has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// The login waits for this.
    Expect(LoginStep),
    /// It is over.
    Over(LoginEnd),
}

/// How a login ends, if not with an error.
#[derive(Debug)]
pub(in crate::connection) enum LoginEnd {
    /// There is a session.
    Online(Box<Session>),
    /// The token was turned in, and our end of stream is on its way.
    LoggedOut,
}

/// What a login waits for.
#[derive(Debug)]
pub(super) enum LoginStep {
    /// The transport is not up yet.
    ExpectTransport,
    /// Header and `<starttls/>` are on their way; with early data, the login too.
    ExpectProceed {
        early: Option<Box<ExpectSasl<Sasl2>>>,
    },
    /// The TLS handshake runs; with early data, the login is on its way.
    ExpectTls {
        early: Option<Box<ExpectSasl<Sasl2>>>,
    },
    /// Nothing is remembered: the features decide.
    ExpectFeatures,
    /// `<resume/>` is on its way, right after TLS.
    ExpectResumedBeforeSasl,
    /// A SASL1 exchange runs.
    ExpectSasl1(Box<ExpectSasl<Sasl1>>),
    /// A SASL2 exchange runs.
    ExpectSasl2(Box<ExpectSasl<Sasl2>>),
    /// Logged in; the features of the new stream decide.
    ExpectAuthenticatedFeatures,
    /// `<resume/>` is on its way.
    ExpectResumed,
    /// The bind request is on its way.
    ExpectBound(Box<ExpectBound>),
}

impl LoginStep {
    /// The name of the variant.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ExpectTransport => "ExpectTransport",
            Self::ExpectProceed { .. } => "ExpectProceed",
            Self::ExpectTls { .. } => "ExpectTls",
            Self::ExpectFeatures => "ExpectFeatures",
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

/// A SASL exchange runs, in the profile `P`.
#[derive(Debug)]
pub(super) struct ExpectSasl<P> {
    pub(super) exchange: Exchange,
    pub(super) profile: P,
}

/// RFC 6120 section 6: what rides along.
#[derive(Debug)]
pub(super) struct Sasl1 {
    /// The new stream is on its way already: what waits behind `<success/>`.
    pub(super) follow: Option<LoginStep>,
}

/// XEP-0388: what rides along.
#[derive(Debug)]
pub(super) struct Sasl2 {
    /// What a token in the answer will be bound to.
    pub(super) token_binding: Option<HtBinding>,
    pub(super) used_token: bool,
    /// What the bind request asks for in passing.
    pub(super) inline: Inline,
}

/// The bind request is on its way, and perhaps what follows it.
#[derive(Debug)]
pub(super) struct ExpectBound {
    pub(super) id: String,
    pub(super) asked: Resource,
    pub(super) session: Session,
    /// What follows a bind is on its way already; otherwise it leaves when the session is there.
    pub(super) greeted: bool,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// The one of this installation.
    Own,
    /// One that nobody else has: somebody is there under our own.
    Fresh,
    /// Whatever the server makes up.
    Any,
}
