//! What was relied on when something failed, and where it failed.

use snapback_types::endpoint::Address;

/// What was relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An address of a server at which no login was ever proven.
    NewAddress(Address),
    /// An address of a server at which a login was proven.
    Address(Address),
    /// S2: a flight across the start of TLS, or across a stream restart.
    PipelinedStart,
    /// S2: stanzas after a bind request, before its answer.
    PipelinedBind,
    /// S5: the FAST token.
    FastToken,
    /// I19: `<resume/>` for the stored session.
    Resume,
    /// I19: that the server processes what is sent in a resumed session.
    ResumedSession,
    /// T6: that the input at this inbound count of the session is well-formed.
    Input(u32),
    /// That the server can process this stanza of the queue.
    Stanza(u64),
    /// I5: that the server counts stanzas as this client does.
    StreamManagement,
    /// A part of what a new session begins with.
    Request(Request),
    /// A page of the archive after the cursor.
    ArchivePage,
}

/// What a new session begins with, in the order in which it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `<enable/>` (XEP-0198).
    Enable,
    /// The roster (RFC 6121 2.1.3).
    Roster,
    /// The server's features (XEP-0030).
    Disco,
    /// To enable carbons (XEP-0280).
    Carbons,
    /// The initial presence (RFC 6121 4.2).
    Presence,
    /// The messages after the cursor (XEP-0313).
    Archive,
    /// To enable or disable push notifications (XEP-0357).
    Push,
    /// `<active/>` and `<inactive/>` (XEP-0352).
    ClientState,
}

impl Request {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Enable,
        Self::Roster,
        Self::Disco,
        Self::Carbons,
        Self::Presence,
        Self::Archive,
        Self::Push,
        Self::ClientState,
    ];

    /// Returns the name under which it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Roster => "roster",
            Self::Disco => "disco",
            Self::Carbons => "carbons",
            Self::Presence => "presence",
            Self::Archive => "archive",
            Self::Push => "push",
            Self::ClientState => "client-state",
        }
    }
}

/// A subject without the number or the name that tells it from others of its kind: a key of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Subject::NewAddress`].
    NewAddress,
    /// [`Subject::Address`].
    Address,
    /// [`Subject::PipelinedStart`].
    PipelinedStart,
    /// [`Subject::PipelinedBind`].
    PipelinedBind,
    /// [`Subject::FastToken`].
    FastToken,
    /// [`Subject::Resume`].
    Resume,
    /// [`Subject::ResumedSession`].
    ResumedSession,
    /// [`Subject::Input`].
    Input,
    /// [`Subject::Stanza`].
    Stanza,
    /// [`Subject::StreamManagement`].
    StreamManagement,
    /// [`Subject::Request`].
    Request,
    /// [`Subject::ArchivePage`].
    ArchivePage,
}

/// What a failure belongs to, and what it is removed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The process: the cause may be the network.
    Memory,
    /// The stored session of stream management.
    Session,
    /// One server, with its transport.
    Server,
    /// The account.
    Account,
}

impl Subject {
    /// Returns the key of the policy.
    pub const fn kind(self) -> Kind {
        match self {
            Self::NewAddress(_) => Kind::NewAddress,
            Self::Address(_) => Kind::Address,
            Self::PipelinedStart => Kind::PipelinedStart,
            Self::PipelinedBind => Kind::PipelinedBind,
            Self::FastToken => Kind::FastToken,
            Self::Resume => Kind::Resume,
            Self::ResumedSession => Kind::ResumedSession,
            Self::Input(_) => Kind::Input,
            Self::Stanza(_) => Kind::Stanza,
            Self::StreamManagement => Kind::StreamManagement,
            Self::Request(_) => Kind::Request,
            Self::ArchivePage => Kind::ArchivePage,
        }
    }

    /// Returns what a failure of it belongs to.
    pub const fn scope(self) -> Scope {
        self.kind().scope()
    }

    /// Returns the name under which a failure of it is stored; none if it is kept in memory only.
    pub fn stored_name(self) -> Option<String> {
        Some(match self {
            Self::NewAddress(_) | Self::Address(_) => return None,
            Self::PipelinedStart => "pipelined-start".to_owned(),
            Self::PipelinedBind => "pipelined-bind".to_owned(),
            Self::FastToken => "fast-token".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::ResumedSession => "resumed-session".to_owned(),
            Self::Input(h) => format!("input {h}"),
            Self::Stanza(seq) => format!("stanza {seq}"),
            Self::StreamManagement => "stream-management".to_owned(),
            Self::Request(request) => format!("request {}", request.name()),
            Self::ArchivePage => "archive-page".to_owned(),
        })
    }

    /// Returns the subject that is stored under this name.
    pub fn by_stored_name(name: &str) -> Option<Self> {
        if let Some(h) = name.strip_prefix("input ") {
            return h.parse().ok().map(Self::Input);
        }
        if let Some(seq) = name.strip_prefix("stanza ") {
            return seq.parse().ok().map(Self::Stanza);
        }
        let requests = Request::ALL.map(Self::Request);
        let others = [
            Self::PipelinedStart,
            Self::PipelinedBind,
            Self::FastToken,
            Self::Resume,
            Self::ResumedSession,
            Self::StreamManagement,
            Self::ArchivePage,
        ];
        let mut all = requests.into_iter().chain(others);
        all.find(|subject| subject.stored_name().as_deref() == Some(name))
    }
}

impl Kind {
    /// Returns what a failure of such a subject belongs to.
    pub const fn scope(self) -> Scope {
        match self {
            Self::NewAddress | Self::Address => Scope::Memory,
            Self::PipelinedStart | Self::PipelinedBind => Scope::Server,
            Self::Resume | Self::ResumedSession | Self::Input => Scope::Session,
            Self::FastToken
            | Self::Stanza
            | Self::StreamManagement
            | Self::Request
            | Self::ArchivePage => Scope::Account,
        }
    }

    /// Returns what is relied on, in the words of the rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewAddress => "an address, before any login was proven at its server",
            Self::Address => "an address of a server at which a login was proven",
            Self::PipelinedStart => "a flight across the start of TLS or a stream restart",
            Self::PipelinedBind => "stanzas before the answer to a bind request",
            Self::FastToken => "the FAST token",
            Self::Resume => "`<resume/>`",
            Self::ResumedSession => "the first acknowledgement after `<resumed/>`",
            Self::Input => "well-formed input at this count of the session",
            Self::Stanza => "the first unacknowledged stanza of the app",
            Self::StreamManagement => "equal counts of stream management",
            Self::Request => "a part of a session's start",
            Self::ArchivePage => "a page of the archive",
        }
    }
}

impl Scope {
    /// Returns what the failure belongs to, in the words of the rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "process",
            Self::Session => "session",
            Self::Server => "server",
            Self::Account => "account",
        }
    }
}
