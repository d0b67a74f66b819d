//! The reference server's faults, by name.

use std::time::Duration;

use snapback_reference_server::{
    Action, CertificateFault, ConnectionEnd, Direction, Fault, FeaturesOf, Flood, Layer, Malformed,
    Point, ResumeFault, SessionPart,
};

use crate::setup::OTHER_HOST;

/// A named fault.
#[derive(Debug)]
pub struct Named {
    /// Its spelling in scripts.
    pub name: &'static str,
    /// Creates it.
    pub make: fn() -> Fault,
    /// Whether it has no meaning without TLS.
    pub needs_tls: bool,
}

impl Named {
    /// Returns whether it has to occur on several connections in a row to have its full effect (rule W1).
    pub fn is_repeated(&self) -> bool {
        matches!(
            (self.make)(),
            Fault::RejectedPart(..)
                | Fault::AckHTooHigh
                | Fault::WrongHtProof
                | Fault::SuccessWithoutProof
        )
    }
}

const fn fault(name: &'static str, make: fn() -> Fault) -> Named {
    Named {
        name,
        make,
        needs_tls: false,
    }
}

const fn tls_fault(name: &'static str, make: fn() -> Fault) -> Named {
    Named {
        name,
        make,
        needs_tls: true,
    }
}

fn late(element: &str) -> Fault {
    Fault::DelayAnswer {
        element: element.to_owned(),
        by: Duration::from_millis(2_500),
    }
}

fn cut(direction: Direction, after: u64) -> Fault {
    Fault::Cut {
        direction,
        layer: Layer::Plaintext,
        after,
    }
}

/// All faults; scripts refer to them by name, so none is removed without the scripts that use it.
pub const FAULTS: &[Named] = &[
    fault("cut-in-header", || cut(Direction::ToServer, 60)),
    fault("cut-in-login", || cut(Direction::ToServer, 400)),
    fault("cut-in-answer", || cut(Direction::ToClient, 900)),
    fault("late-header", || late("stream")),
    fault("late-login", || late("authenticate")),
    fault("late-auth", || late("auth")),
    fault("late-resumed", || late("resume")),
    fault("late-iq", || late("iq")),
    fault("late-ack", || late("r")),
    fault("forget-session", || Fault::ForgetSmSession),
    fault("forget-tokens", || Fault::ForgetFastTokens),
    fault("wrong-scram-signature", || Fault::WrongScramSignature),
    fault("wrong-ht-proof", || Fault::WrongHtProof),
    fault("success-without-proof", || Fault::SuccessWithoutProof),
    fault("resumed-h-too-high", || Fault::ResumedHTooHigh),
    fault("resumed-h-backward", || Fault::ResumedHBackward),
    fault("ack-h-too-high", || Fault::AckHTooHigh),
    fault("ack-h-backward", || Fault::AckHBackward),
    fault("ack-without-h", || Fault::AckWithoutH),
    fault("resumed-wrong-previd", || Fault::ResumedWrongPrevid),
    fault("resume-failed-h-negative", || {
        Fault::Resume(ResumeFault::FailedWithH("-1"))
    }),
    fault("resume-failed-h-empty", || {
        Fault::Resume(ResumeFault::FailedWithH(""))
    }),
    fault("resume-failed-h-huge", || {
        Fault::Resume(ResumeFault::FailedWithH("4294967296"))
    }),
    fault("resumed-without-previd", || {
        Fault::Resume(ResumeFault::WithoutPrevid)
    }),
    fault("resumed-without-h", || {
        Fault::Resume(ResumeFault::WithH(None))
    }),
    fault("resumed-h-hexadecimal", || {
        Fault::Resume(ResumeFault::WithH(Some("0x6")))
    }),
    fault("resume-enabled", || {
        Fault::Resume(ResumeFault::Nonza("enabled"))
    }),
    fault("resume-ack", || Fault::Resume(ResumeFault::Nonza("a"))),
    fault("resume-stanza", || Fault::Resume(ResumeFault::Stanza)),
    fault("resume-error", || Fault::Resume(ResumeFault::StreamError)),
    fault("resume-end", || Fault::Resume(ResumeFault::EndOfStream)),
    fault("resume-silence", || Fault::Resume(ResumeFault::Silence)),
    fault("resume-reset", || Fault::Resume(ResumeFault::Reset)),
    fault("error-after-resumed", || {
        Fault::Resume(ResumeFault::ErrorAfter)
    }),
    fault("end-after-resumed", || Fault::Resume(ResumeFault::EndAfter)),
    fault("silence-after-resumed", || {
        Fault::Resume(ResumeFault::SilenceAfter)
    }),
    fault("unread-after-resumed", || {
        Fault::Resume(ResumeFault::UnreadAfter)
    }),
    fault("reset-after-resumed", || {
        Fault::Resume(ResumeFault::ResetAfter)
    }),
    fault("second-enabled", || Fault::SecondEnabled),
    fault("bound-and-resumed", || Fault::BoundAndResumed),
    fault("stanza-before-login", || Fault::StanzaBeforeLogin),
    fault("refuse-starttls", || Fault::RefuseStarttls),
    fault("drop-starttls", || Fault::DropStarttlsFeature),
    fault("impostor", || {
        Fault::Certificate(CertificateFault::UnknownAuthority)
    }),
    fault("malformed-features", || {
        Fault::At(Point::EncryptedFeatures, Action::Send(Malformed::BadUtf8))
    }),
    fault("malformed-online", || {
        Fault::At(Point::Online, Action::Send(Malformed::MismatchedTag))
    }),
    fault("malformed-stanza", || {
        Fault::At(Point::FirstStanza, Action::Send(Malformed::Comment))
    }),
    fault("redirect", || {
        let host = OTHER_HOST.to_owned();
        Fault::At(Point::EncryptedFeatures, Action::SeeOtherHost(host))
    }),
    fault("redirect-in-the-clear", || {
        let host = OTHER_HOST.to_owned();
        Fault::At(Point::CleartextFeatures, Action::SeeOtherHost(host))
    }),
    fault("empty-features", || {
        Fault::EmptyFeatures(FeaturesOf::Encrypted)
    }),
    fault("empty-features-after-login", || {
        Fault::EmptyFeatures(FeaturesOf::Authenticated)
    }),
    fault("host-unknown", || {
        Fault::At(Point::EncryptedFeatures, Action::HostUnknown)
    }),
    fault("shutdown-at-login", || {
        Fault::At(Point::Login, Action::SystemShutdown)
    }),
    fault("shutdown-online", || {
        Fault::At(Point::Online, Action::SystemShutdown)
    }),
    fault("reset-at-login", || Fault::At(Point::Login, Action::Reset)),
    fault("reset-online", || Fault::At(Point::Online, Action::Reset)),
    fault("reset-at-stanza", || {
        Fault::At(Point::FirstStanza, Action::Reset)
    }),
    fault("silence-cleartext", || {
        Fault::At(Point::CleartextFeatures, Action::Silence)
    }),
    fault("silence-at-login", || {
        Fault::At(Point::Login, Action::Silence)
    }),
    fault("silence-online", || {
        Fault::At(Point::Online, Action::Silence)
    }),
    fault("flood-of-requests", || {
        let flood = Flood {
            text: "<r xmlns='urn:xmpp:sm:3'/>".to_owned(),
            times: 300,
            stops_reading: false,
        };
        Fault::At(Point::Online, Action::Flood(flood))
    }),
    fault("duplicates", || Fault::DuplicateDelivery),
    fault("loses-at-hand-over", || Fault::LosesAtHandOver),
    fault("error-at-enable", || {
        Fault::RejectedPart(SessionPart::Enable, ConnectionEnd::Error)
    }),
    fault("error-at-roster", || {
        Fault::RejectedPart(SessionPart::Roster, ConnectionEnd::Error)
    }),
    fault("end-at-disco", || {
        Fault::RejectedPart(SessionPart::Disco, ConnectionEnd::Close)
    }),
    fault("error-at-carbons", || {
        Fault::RejectedPart(SessionPart::Carbons, ConnectionEnd::Error)
    }),
    fault("end-at-presence", || {
        Fault::RejectedPart(SessionPart::Presence, ConnectionEnd::Close)
    }),
    fault("error-at-archive", || {
        Fault::RejectedPart(SessionPart::Archive, ConnectionEnd::Error)
    }),
    fault("reset-at-archive", || {
        Fault::RejectedPart(SessionPart::Archive, ConnectionEnd::Reset)
    }),
    fault("error-at-client-state", || {
        Fault::RejectedPart(SessionPart::ClientState, ConnectionEnd::Error)
    }),
    tls_fault("no-close-notify", || Fault::CloseWithoutNotify),
    tls_fault("other-name", || {
        Fault::Certificate(CertificateFault::OtherName)
    }),
    tls_fault("expired-certificate", || {
        Fault::Certificate(CertificateFault::Expired)
    }),
    tls_fault("cut-in-handshake", || Fault::Cut {
        direction: Direction::ToClient,
        layer: Layer::Wire,
        after: 700,
    }),
];
