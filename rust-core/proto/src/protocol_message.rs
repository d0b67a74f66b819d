//! The messages of a flight, by name, as used in plans, timelines and sequence diagrams.

use std::fmt;

use crate::sasl::Mechanism;

/// One protocol message, by its name in a plan or a timeline. It never contains the message's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolMessage {
    /// The TCP handshake.
    TcpHandshake,
    /// A stream header.
    Header,
    /// Stream features.
    Features,
    /// `<starttls/>`.
    StartTls,
    /// `<proceed/>`.
    Proceed,
    /// TLS: the client's first message.
    ClientHello,
    /// TLS: the server's handshake messages.
    ServerHello,
    /// TLS: the message that ends the client's side of the handshake.
    Finished,
    /// Check of the server's certificate, on this device.
    CertificateCheck,
    /// SASL1 `<auth/>`.
    Auth(Mechanism),
    /// SASL2 `<authenticate/>`.
    Authenticate(Mechanism),
    /// `<challenge/>`.
    Challenge,
    /// `<response/>`.
    Response,
    /// Derivation of the SCRAM keys from the password, on this device.
    KeyDerivation,
    /// The app's answer to the request for a bearer token, on this device.
    BearerToken,
    /// `<success/>`.
    Success,
    /// `<failure/>`.
    Failure,
    /// SASL2 `<continue/>`.
    Continue,
    /// SASL2 `<abort/>`.
    Abort,
    /// A bind request, of either kind.
    Bind,
    /// The server's positive answer to a bind request.
    Bound,
    /// `<enable/>`.
    Enable,
    /// `<enabled/>`.
    Enabled,
    /// `<resume/>`.
    Resume,
    /// `<resumed/>`.
    Resumed,
    /// `<failed/>` of stream management.
    SmFailed,
    /// A roster request.
    RosterGet,
    /// A request to enable carbons.
    EnableCarbons,
    /// A request to enable push notifications.
    EnablePush,
    /// A request to disable push notifications.
    DisablePush,
    /// A client state indication.
    ClientState,
    /// A service discovery request.
    DiscoInfo,
    /// A query to the archive.
    ArchiveQuery,
    /// `<r/>`.
    AckRequest,
    /// `<a/>`.
    Ack,
    /// `message`.
    Message,
    /// `presence`.
    Presence,
    /// `iq`.
    Iq,
    /// A stream error.
    StreamError,
    /// The end of the stream.
    Close,
    /// Any other message, whose local name is unknown.
    Other,
}

impl fmt::Display for ProtocolMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::TcpHandshake => "TCP",
            Self::Header => "header",
            Self::Features => "features",
            Self::StartTls => "starttls",
            Self::Proceed => "proceed",
            Self::ClientHello => "ClientHello",
            Self::ServerHello => "ServerHello..Finished",
            Self::Finished => "Finished",
            Self::CertificateCheck => "certificate check",
            Self::Auth(mechanism) => return write!(f, "auth {mechanism}"),
            Self::Authenticate(mechanism) => return write!(f, "authenticate {mechanism}"),
            Self::Challenge => "challenge",
            Self::Response => "response",
            Self::KeyDerivation => "key derivation",
            Self::BearerToken => "token of the app",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Continue => "continue",
            Self::Abort => "abort",
            Self::Bind => "bind",
            Self::Bound => "bound",
            Self::Enable => "enable",
            Self::Enabled => "enabled",
            Self::Resume => "resume",
            Self::Resumed => "resumed",
            Self::SmFailed => "failed",
            Self::RosterGet => "roster",
            Self::EnableCarbons => "carbons",
            Self::EnablePush => "push",
            Self::DisablePush => "no push",
            Self::ClientState => "client state",
            Self::DiscoInfo => "disco",
            Self::ArchiveQuery => "archive",
            Self::AckRequest => "r",
            Self::Ack => "a",
            Self::Message => "message",
            Self::Presence => "presence",
            Self::Iq => "iq",
            Self::StreamError => "stream error",
            Self::Close => "close",
            Self::Other => "other",
        };
        f.write_str(name)
    }
}

/// Messages as one line: `header + bind + enable`.
pub fn join(parts: &[ProtocolMessage]) -> String {
    let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
    names.join(" + ")
}
