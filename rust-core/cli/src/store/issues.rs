//! What was wrong with a file, and what is lost, in words.

use snapback_client::store::{DataLoss, OpenIssue};

/// Returns what is wrong with a file.
pub(super) fn trouble(trouble: OpenIssue) -> String {
    match trouble {
        OpenIssue::Damaged => "damaged".to_owned(),
        OpenIssue::Newer { version } => format!("written by a newer version, schema {version}"),
        OpenIssue::ReadOnly => "marked as read-only".to_owned(),
        OpenIssue::KeyLost => "the key that sealed it is lost".to_owned(),
        OpenIssue::FromBackup => "older than its keys: it comes from a backup".to_owned(),
        OpenIssue::SealBroken { rows } => {
            format!("{rows} rows fail their seal: changed, or of another account")
        }
        OpenIssue::RowsMissing => "rows are missing".to_owned(),
    }
}

/// Returns the name of what the next start will give up.
pub(super) fn unknown(what: DataLoss) -> &'static str {
    match what {
        DataLoss::Everything => "everything",
        DataLoss::Session => "the session",
        DataLoss::Outbound => "stanzas to send",
        DataLoss::Deliveries => "stanzas that came in",
        DataLoss::FastTokens => "FAST tokens",
        DataLoss::ScramKeys => "SCRAM keys",
        DataLoss::Floor => "the weakest login allowed",
        DataLoss::Installation => "the installation's id",
        DataLoss::TrustedKeys => "keys of the server that the user trusts",
        DataLoss::PushRegistration => "where push notifications are wanted",
        DataLoss::Roster => "the roster",
        DataLoss::ServerFacts => "facts about servers",
    }
}
