//! The steps of the policy. `docs/rules.md` contains the same table; a test compares them.

use std::fmt;

use super::evidence::Evidence;
use super::subject::Kind;

/// A minute, in seconds: a loss of connectivity in an elevator or a tunnel ends within it.
const MINUTE: i64 = 60;
/// An hour, in seconds: a phone that moves from one network to another tries an address once in it.
const HOUR: i64 = 3600;
/// A day, in seconds: a phone connects often enough in a day to make another attempt worth a lost round trip.
const DAY: i64 = 86_400;

/// Which failures of a subject count towards a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those with this evidence.
    Only(Evidence),
    /// All of them.
    All,
}

/// How long a step lasts after the last failure, if the subject does not succeed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until success, or as long as what the failure belongs to exists.
    UntilSuccess,
    /// For this many seconds.
    Seconds(i64),
    /// It has no end: what was given up is over.
    ForGood,
}

/// What is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The address is tried after all others.
    AddressLast,
    /// One flight more is used.
    SequentialStart,
    /// Nothing follows a bind request before its answer.
    SequentialBind,
    /// The token is dropped; the password follows.
    NoToken,
    /// `<resume/>` is sent after the proven login, in a flight of its own.
    ResumeAlone,
    /// The session is given up, and a new one is bound.
    NewSession,
    /// The stanza is sent when nothing else is unacknowledged, and nothing follows it.
    StanzaAlone,
    /// The stanza fails.
    FailStanza,
    /// `<enable/>` is not sent.
    NoStreamManagement,
    /// The request is sent after the others were answered, when no other is pending.
    RequestAlone,
    /// The request is sent alone after a few minutes.
    DelayRequest,
    /// The request is not sent.
    NoRequest,
    /// Pages have half their size.
    HalfPages,
    /// The archive is continued after the message that cannot be read, and a gap is reported.
    SkipPage,
}

/// One step: what is given up after how many failures of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscalationStep {
    /// What was relied on.
    pub about: Kind,
    /// Which failures count.
    pub counted: Counted,
    /// The number of consecutive failures.
    pub count: u8,
    /// The minimum time from the first to the last of them, in seconds.
    pub span: i64,
    /// What is given up.
    pub gives_up: Remedy,
    /// For how long.
    pub lasts: Lasts,
    /// T4: a server that is not authenticated never brings it about.
    pub needs_proof: bool,
}

const fn step(
    about: Kind,
    counted: Counted,
    count: u8,
    gives_up: Remedy,
    lasts: Lasts,
) -> EscalationStep {
    EscalationStep {
        about,
        counted,
        count,
        span: 0,
        gives_up,
        lasts,
        needs_proof: false,
    }
}

impl EscalationStep {
    const fn over(self, span: i64) -> Self {
        Self { span, ..self }
    }

    const fn after_proof(self) -> Self {
        Self {
            needs_proof: true,
            ..self
        }
    }
}

const REFUSED: Counted = Counted::Only(Evidence::Refusal);
const SILENT: Counted = Counted::Only(Evidence::Silence);

/// All steps. Those of one subject are in the order in which they are reached.
pub const POLICY: &[EscalationStep] = &[
    step(
        Kind::NewAddress,
        Counted::All,
        1,
        Remedy::AddressLast,
        Lasts::Seconds(HOUR),
    ),
    // It is the right server: what fails after TLS may have been the path, once.
    step(
        Kind::Address,
        REFUSED,
        1,
        Remedy::AddressLast,
        Lasts::Seconds(MINUTE),
    ),
    step(
        Kind::Address,
        Counted::All,
        2,
        Remedy::AddressLast,
        Lasts::Seconds(4 * MINUTE),
    ),
    step(
        Kind::Address,
        Counted::All,
        3,
        Remedy::AddressLast,
        Lasts::Seconds(16 * MINUTE),
    ),
    step(
        Kind::Address,
        Counted::All,
        4,
        Remedy::AddressLast,
        Lasts::Seconds(HOUR),
    ),
    // A server that answers pipelining with silence cannot be told from a path that failed at that moment.
    step(
        Kind::PipelinedStart,
        SILENT,
        1,
        Remedy::SequentialStart,
        Lasts::Seconds(DAY),
    ),
    step(
        Kind::PipelinedStart,
        REFUSED,
        1,
        Remedy::SequentialStart,
        Lasts::ForGood,
    ),
    step(
        Kind::PipelinedBind,
        SILENT,
        1,
        Remedy::SequentialBind,
        Lasts::Seconds(DAY),
    ),
    step(
        Kind::PipelinedBind,
        REFUSED,
        1,
        Remedy::SequentialBind,
        Lasts::ForGood,
    ),
    step(Kind::FastToken, REFUSED, 2, Remedy::NoToken, Lasts::ForGood),
    step(Kind::FastToken, SILENT, 5, Remedy::NoToken, Lasts::ForGood).over(MINUTE),
    step(
        Kind::Resume,
        REFUSED,
        1,
        Remedy::ResumeAlone,
        Lasts::UntilSuccess,
    ),
    step(
        Kind::Resume,
        SILENT,
        2,
        Remedy::ResumeAlone,
        Lasts::UntilSuccess,
    ),
    step(Kind::Resume, REFUSED, 2, Remedy::NewSession, Lasts::ForGood).after_proof(),
    step(Kind::Resume, SILENT, 5, Remedy::NewSession, Lasts::ForGood)
        .over(MINUTE)
        .after_proof(),
    // Each time the path has carried a login, and nothing for the timeout of the acknowledgement that follows it.
    step(
        Kind::ResumedSession,
        SILENT,
        3,
        Remedy::NewSession,
        Lasts::ForGood,
    )
    .after_proof(),
    step(Kind::Input, REFUSED, 2, Remedy::NewSession, Lasts::ForGood).after_proof(),
    step(
        Kind::Stanza,
        REFUSED,
        1,
        Remedy::StanzaAlone,
        Lasts::UntilSuccess,
    )
    .after_proof(),
    step(
        Kind::Stanza,
        SILENT,
        3,
        Remedy::StanzaAlone,
        Lasts::UntilSuccess,
    )
    .after_proof(),
    step(Kind::Stanza, REFUSED, 3, Remedy::FailStanza, Lasts::ForGood).after_proof(),
    // The session may be what is not served: a new one decides.
    step(
        Kind::Stanza,
        SILENT,
        5,
        Remedy::NewSession,
        Lasts::UntilSuccess,
    )
    .over(MINUTE)
    .after_proof(),
    step(Kind::Stanza, SILENT, 6, Remedy::FailStanza, Lasts::ForGood)
        .over(MINUTE)
        .after_proof(),
    step(
        Kind::StreamManagement,
        REFUSED,
        3,
        Remedy::NoStreamManagement,
        Lasts::Seconds(DAY),
    )
    .after_proof(),
    step(
        Kind::Request,
        REFUSED,
        1,
        Remedy::RequestAlone,
        Lasts::UntilSuccess,
    )
    .after_proof(),
    step(
        Kind::Request,
        SILENT,
        3,
        Remedy::RequestAlone,
        Lasts::UntilSuccess,
    )
    .after_proof(),
    // Others may have been unanswered at the same time, and servers are repaired: it is tried again soon, then rarely.
    step(
        Kind::Request,
        REFUSED,
        2,
        Remedy::NoRequest,
        Lasts::Seconds(4 * MINUTE),
    )
    .after_proof(),
    // A network can do this: it only delays the request, so that no session begins by failing.
    step(
        Kind::Request,
        SILENT,
        5,
        Remedy::DelayRequest,
        Lasts::Seconds(4 * MINUTE),
    )
    .over(MINUTE)
    .after_proof(),
    step(
        Kind::Request,
        REFUSED,
        3,
        Remedy::NoRequest,
        Lasts::Seconds(HOUR),
    )
    .after_proof(),
    step(
        Kind::Request,
        REFUSED,
        4,
        Remedy::NoRequest,
        Lasts::Seconds(DAY),
    )
    .after_proof(),
    step(
        Kind::ArchivePage,
        REFUSED,
        1,
        Remedy::HalfPages,
        Lasts::UntilSuccess,
    )
    .after_proof(),
    step(
        Kind::ArchivePage,
        REFUSED,
        2,
        Remedy::SkipPage,
        Lasts::UntilSuccess,
    )
    .after_proof(),
];

impl Remedy {
    /// Returns what is given up, in the words of the rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressLast => "its place: it is tried after all others",
            Self::SequentialStart | Self::SequentialBind => "the flight that it saves",
            Self::NoToken => "the token: the password follows",
            Self::ResumeAlone => "a flight: it follows the proven login, alone",
            Self::NewSession => "the session: a new one is bound",
            Self::StanzaAlone => "its company: it is sent alone",
            Self::FailStanza => "the stanza: it fails",
            Self::NoStreamManagement => "stream management: `<enable/>` is not sent",
            Self::RequestAlone => "its place: it is sent alone, after the others",
            Self::DelayRequest => "its time: it is sent alone after that",
            Self::NoRequest => "this part: it is not sent",
            Self::HalfPages => "half of the page size",
            Self::SkipPage => {
                "the unreadable message: a gap is reported, and the archive is continued after it"
            }
        }
    }

    /// Returns what the app is told when it is reached.
    pub const fn text(self) -> &'static str {
        match self {
            Self::AddressLast => "the address led to no session: it is tried after the others",
            Self::SequentialStart => "pipelining was not accepted: one flight more is used",
            Self::SequentialBind => "stanzas after the bind request were not accepted: they wait",
            Self::NoToken => "the answers to the token were invalid: it is dropped",
            Self::ResumeAlone => {
                "<resume/> was not answered properly: it will be asked again alone"
            }
            Self::NewSession => "the session cannot be resumed: a new one will be bound",
            Self::StanzaAlone => "the stream ended after a stanza: it is sent alone",
            Self::FailStanza => "the stream ended each time after a stanza: it failed",
            Self::NoStreamManagement => {
                "the server counts stanzas differently: stream management is not used"
            }
            Self::RequestAlone => {
                "the stream ended before a request was answered: it is sent alone"
            }
            Self::DelayRequest => "the connection broke each time after a request: it is delayed",
            Self::NoRequest => "the stream ended each time after a request: it is left out",
            Self::HalfPages => {
                "a page of the archive was not well-formed: a smaller one is requested"
            }
            Self::SkipPage => "a message of the archive cannot be read: it is skipped",
        }
    }
}

impl fmt::Display for EscalationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.gives_up.text())
    }
}
