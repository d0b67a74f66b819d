//! Tests of what is reported to apps about an end.

use snapback_client as core;
use snapback_client::proto::peer_text::PeerText;
use snapback_client::proto::sasl::{SaslCondition, SaslRefusal};
use snapback_client::proto::stanza::{ErrorType, StanzaCondition, StanzaError};
use snapback_client::proto::stream::error::{StreamCondition, StreamError};
use snapback_client::{AfterEnd, ConnectionError, LinkError, OfflineReason, PeerError};

use crate::ending::{EndReason, Ending};

#[test]
fn i19_the_flags_say_what_the_engine_does() {
    let halts = [
        OfflineReason::NotWanted,
        OfflineReason::Suspended,
        OfflineReason::NoNetwork,
        OfflineReason::Failed,
        OfflineReason::NeedsCredentials,
        OfflineReason::Refused,
        OfflineReason::Conflict,
        OfflineReason::NoSession,
    ];
    let all = halts.into_iter().map(AfterEnd::Halts);
    for then in all.chain([AfterEnd::Retries]) {
        let reasons = [
            core::EndReason::Dropped,
            core::EndReason::Link(LinkError::Connection(ConnectionError::Stream(
                StreamError::new(StreamCondition::HostUnknown),
            ))),
            core::EndReason::Store(snapback_client::StoreError::Broken),
        ];
        for reason in reasons {
            let ending = Ending::new(reason, then, None);
            assert_eq!(ending.retryable, then == AfterEnd::Retries);
            let asks = then == AfterEnd::Halts(OfflineReason::NeedsCredentials);
            assert_eq!(ending.needs_credentials, asks);
        }
    }
}

/// The server's own text reaches the app and no log.
#[test]
fn t9_the_servers_text_is_reported_and_not_logged() {
    let words = "your password 0ld-s3cret has expired";
    let text = || PeerText::new(words);
    let refusal = SaslRefusal {
        condition: SaslCondition::CredentialsExpired,
        text: text(),
    };
    let stanza = StanzaError {
        text: text(),
        ..StanzaError::new(ErrorType::Wait, StanzaCondition::ResourceConstraint)
    };
    let stream = |condition| StreamError {
        text: text(),
        ..StreamError::new(condition)
    };
    let expected = Some(words.to_owned());
    let tasks = vec!["TOTP".to_owned()];
    let table = [
        (
            ConnectionError::Sasl(refusal),
            EndReason::LoginRefused {
                condition: "credentials-expired".to_owned(),
                text: expected.clone(),
            },
        ),
        (
            ConnectionError::Peer(PeerError::BindRefused(stanza)),
            EndReason::BindRefused {
                condition: "resource-constraint".to_owned(),
                text: expected.clone(),
            },
        ),
        (
            ConnectionError::TasksRequired {
                tasks: tasks.clone(),
                text: text(),
            },
            EndReason::TasksRequired {
                tasks,
                text: expected.clone(),
            },
        ),
        (
            ConnectionError::Stream(stream(StreamCondition::PolicyViolation)),
            EndReason::StreamError {
                condition: "policy-violation".to_owned(),
                text: expected,
            },
        ),
    ];
    for (error, reason) in table {
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error}");
        let core = core::EndReason::Link(LinkError::Connection(error));
        let ending = Ending::new(core, AfterEnd::Retries, None);
        assert!(!ending.description.contains("s3cret"));
        assert_eq!(ending.reason, reason);
    }
}
