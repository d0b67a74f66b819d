//! The kinds of server.

use clap::ValueEnum;
use serde::Deserialize;
use snapback_reference_server::Switches;

/// The features of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// Current servers: SASL2, Bind 2, FAST, no early data, nothing of XEP-0305.
    #[default]
    Sasl2,
    /// SCRAM after RFC 6120, Stream Management.
    Sasl1,
    /// SASL2, Bind 2, FAST and XEP-0305.
    Quickstart,
    /// The same, with early data.
    EarlyData,
}

impl Kind {
    pub(super) fn switches(self) -> Switches {
        let switches = match self {
            Self::Sasl2 => Switches::current(),
            Self::Sasl1 => Switches::stock_prosody(),
            Self::Quickstart => without_early_data(),
            Self::EarlyData => Switches::modern(),
        };
        Switches {
            rooms: true,
            ..switches
        }
    }
}

fn without_early_data() -> Switches {
    Switches {
        early_data: None,
        ..Switches::modern()
    }
}
