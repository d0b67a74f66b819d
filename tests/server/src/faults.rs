//! Faults of a server or of the network in front of it.

use std::collections::BTreeMap;
use std::time::Duration;

/// The faults in force: for the next connection, for an account, or for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Used by the next connection that opens.
    pub next_connection: Vec<Fault>,
    /// For every connection of an account (local part), from its stream header's `from` or its login on.
    pub accounts: BTreeMap<String, Vec<Fault>>,
    /// For every connection.
    pub all: Vec<Fault>,
}

/// One fault. Values are attacks on the client: a correct client survives each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset after this many bytes; what follows is neither read nor sent.
    Cut {
        /// The direction of the counted bytes.
        direction: Direction,
        /// TLS bytes as on the wire, or the XML inside.
        layer: Layer,
        /// How many bytes still pass.
        after: u64,
    },
    /// The TCP connection ends without TLS close_notify.
    CloseWithoutNotify,
    /// From the first element of this local name on, all output is delayed.
    DelayAnswer {
        /// `stream`, `auth`, `authenticate`, `resume`, `iq`, ..
        element: String,
        /// The delay.
        by: Duration,
    },
    /// The session to be resumed is unknown.
    ForgetSmSession,
    /// All tokens of the account are deleted.
    ForgetFastTokens,
    /// SCRAM's `v=` is wrong: the server does not know the password.
    WrongScramSignature,
    /// The responder proof of a FAST login is wrong.
    WrongHtProof,
    /// `<success/>` carries no proof.
    SuccessWithoutProof,
    /// `h` in `<resumed/>` is higher than anything sent.
    ResumedHTooHigh,
    /// `h` in `<resumed/>` is lower than one sent before.
    ResumedHBackward,
    /// `h` in `<a/>` is higher than anything sent.
    AckHTooHigh,
    /// `h` in `<a/>` goes backward.
    AckHBackward,
    /// `<a/>` without `h`.
    AckWithoutH,
    /// `previd` in `<resumed/>` names another session.
    ResumedWrongPrevid,
    /// `<resume/>` of an existing session is answered like this.
    Resume(ResumeFault),
    /// `<enabled/>` comes twice.
    SecondEnabled,
    /// `<success/>` holds `<bound/>` and `<resumed/>`.
    BoundAndResumed,
    /// A message arrives before the login is proven.
    StanzaBeforeLogin,
    /// `<starttls/>` is answered with `<failure/>`.
    RefuseStarttls,
    /// `<starttls/>` is missing in the features.
    DropStarttlsFeature,
    /// The features of this stream are empty: the server is being set up again. It accepts even what it has not offered.
    EmptyFeatures(FeaturesOf),
    /// The certificate is not the right one. Direct TLS knows no account yet: there only for the
    /// next connection or for all.
    Certificate(CertificateFault),
    /// An action at a point of the stream.
    At(Point, Action),
    /// Each message is delivered twice.
    DuplicateDelivery,
    /// When a session is resumed twice within two seconds, the archived messages that its client has not acknowledged are not
    /// sent again.
    LosesAtHandOver,
    /// The archive answers a query wrongly, or not at all.
    Archive(ArchiveFault),
    /// A message with this body is not handled, and ends the stream with `policy-violation`.
    RejectedBody(String),
    /// A part of what a session begins with is not handled, and ends the connection.
    RejectedPart(SessionPart, ConnectionEnd),
}

/// A part of what a session begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPart {
    /// `<enable/>`.
    Enable,
    /// The roster request.
    Roster,
    /// A request for the server's features.
    Disco,
    /// The request to enable carbons.
    Carbons,
    /// Presence without `to`.
    Presence,
    /// A query to the archive.
    Archive,
    /// `<active/>` or `<inactive/>`.
    ClientState,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// With the stream error `internal-server-error`.
    Error,
    /// With the end of the stream; its session can be resumed.
    Close,
    /// With a reset.
    Reset,
}

/// How `<resume/>` is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeFault {
    /// `<failed/>` with this `h`.
    FailedWithH(&'static str),
    /// `<resumed/>` without `previd`.
    WithoutPrevid,
    /// `<resumed/>` with this `h`, or without.
    WithH(Option<&'static str>),
    /// With another element of stream management.
    Nonza(&'static str),
    /// With a stanza.
    Stanza,
    /// With a stream error.
    StreamError,
    /// With the end of the stream.
    EndOfStream,
    /// With nothing; the connection stays open.
    Silence,
    /// With a reset.
    Reset,
    /// Correctly; a stream error follows.
    ErrorAfter,
    /// Correctly; the end of the stream follows.
    EndAfter,
    /// Correctly; nothing follows any more.
    SilenceAfter,
    /// Correctly, and stanzas follow. Nothing that the client sends in this session is read from then on, on this connection
    /// and on those that resume it later. (Prosody 0.12 and 13.0 behave like this if they replace a connection in the middle of
    /// a stanza.)
    UnreadAfter,
    /// Correctly; a reset follows.
    ResetAfter,
}

/// The fault of the archive's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFault {
    /// It does not come.
    Silence,
    /// The results belong to another query.
    WrongQueryId,
    /// The results come from another account.
    ForeignSender,
    /// Every page reports that more follows.
    NeverComplete,
    /// No id is known.
    ItemNotFound,
}

/// The direction of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    ToServer,
    /// What the server sends.
    ToClient,
}

/// Where bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// As on the wire.
    Wire,
    /// The XML stream, before and within TLS.
    Plaintext,
}

/// The fault of the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateFault {
    /// It names another domain.
    OtherName,
    /// Its issuer is not the server's CA.
    UnknownAuthority,
    /// It expired in 2020.
    Expired,
}

/// The stream with these features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeaturesOf {
    /// The cleartext stream.
    Cleartext,
    /// The encrypted stream before the login.
    Encrypted,
    /// The stream after the login.
    Authenticated,
}

/// A point of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// After the features of the cleartext stream.
    CleartextFeatures,
    /// After the features of the encrypted, unauthenticated stream.
    EncryptedFeatures,
    /// In place of the answer to a login that would succeed.
    Login,
    /// After the answer to bind or resume.
    Online,
    /// After the answer to the first message, presence or iq of an established session.
    FirstStanza,
}

/// The action at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Malformed XML is sent; the connection stays open.
    Send(Malformed),
    /// Stream error `see-other-host`.
    SeeOtherHost(String),
    /// Stream error `system-shutdown`.
    SystemShutdown,
    /// Stream error `host-unknown`.
    HostUnknown,
    /// The connection is reset.
    Reset,
    /// Nothing is sent any more, and the connection stays open.
    Silence,
    /// The same text is sent repeatedly, as fast as the client reads it.
    Flood(Flood),
}

/// A text that is sent repeatedly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// The XML.
    pub text: String,
    /// How often.
    pub times: u32,
    /// Whether reading stops from then on, as if the server's input were blocked.
    pub stops_reading: bool,
}

/// XML that XMPP forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// `<!DOCTYPE ..>`.
    Doctype,
    /// `<!-- -->`.
    Comment,
    /// `<?p ?>`.
    ProcessingInstruction,
    /// `&x;`.
    UndeclaredEntity,
    /// A character that XML forbids.
    BadCharacter,
    /// Bytes that are not UTF-8.
    BadUtf8,
    /// An end tag that matches nothing.
    MismatchedTag,
    /// A repeated attribute.
    DuplicateAttribute,
    /// An undeclared prefix.
    UndeclaredPrefix,
    /// Text between stanzas.
    StrayText,
}

impl Malformed {
    /// Each of them.
    pub const ALL: [Malformed; 10] = [
        Self::Doctype,
        Self::Comment,
        Self::ProcessingInstruction,
        Self::UndeclaredEntity,
        Self::BadCharacter,
        Self::BadUtf8,
        Self::MismatchedTag,
        Self::DuplicateAttribute,
        Self::UndeclaredPrefix,
        Self::StrayText,
    ];

    /// The bytes sent.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Doctype => b"<!DOCTYPE a [<!ENTITY x 'y'>]><message/>",
            Self::Comment => b"<!-- comment --><message/>",
            Self::ProcessingInstruction => b"<?target data?><message/>",
            Self::UndeclaredEntity => b"<message><body>&x;</body></message>",
            Self::BadCharacter => b"<message><body>\x01</body></message>",
            Self::BadUtf8 => b"<message><body>\xff\xfe</body></message>",
            Self::MismatchedTag => b"<message><body></message></body>",
            Self::DuplicateAttribute => b"<message id='1' id='2'/>",
            Self::UndeclaredPrefix => b"<x:message/>",
            Self::StrayText => b"stray<message/>",
        }
    }
}
