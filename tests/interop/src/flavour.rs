//! The servers, and what distinguishes them.

use crate::packages::{
    EJABBERD_23_01, EJABBERD_24_12, JABBERD2_2_7, PROSODY_0_12, PROSODY_13_0, PackageSet,
};

/// A server with its modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Prosody 13.0 with the modules that its package enables, and message archiving: SASL 1, no SASL2.
    ProsodyStock,
    /// The same with the packaged community modules for SASL2, Bind 2, inline stream management and FAST.
    ProsodyModern,
    /// [`Flavour::ProsodyStock`] with our `mod_quickstart` (XEP-0305) and its resumption before SASL.
    ProsodyQuickstart,
    /// [`Flavour::ProsodyModern`] with the same.
    ProsodyModernQuickstart,
    /// ejabberd 24.12 with the modules that its package enables, message archiving, and FAST.
    Ejabberd,
    /// Prosody 0.12 of Debian 12's own archive, with the modules that its package enables, and message archiving.
    Prosody012,
    /// The same, limited to TLS 1.2.
    Prosody012Tls12,
    /// The same without stream management, message archiving and carbons.
    Prosody012Bare,
    /// ejabberd 23.01 of Debian 12's own archive, with the modules that its package enables, and message archiving.
    Ejabberd2301,
    /// jabberd2 2.7: neither stream management nor message archiving nor carbons.
    Jabberd2,
}

/// The software of a [`Flavour`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Prosody,
    Ejabberd,
    Jabberd2,
}

impl Flavour {
    pub(crate) const fn product(self) -> Product {
        match self {
            Self::ProsodyStock
            | Self::ProsodyModern
            | Self::ProsodyQuickstart
            | Self::ProsodyModernQuickstart
            | Self::Prosody012
            | Self::Prosody012Tls12
            | Self::Prosody012Bare => Product::Prosody,
            Self::Ejabberd | Self::Ejabberd2301 => Product::Ejabberd,
            Self::Jabberd2 => Product::Jabberd2,
        }
    }

    pub(crate) const fn packages(self) -> PackageSet {
        match self {
            Self::ProsodyStock
            | Self::ProsodyModern
            | Self::ProsodyQuickstart
            | Self::ProsodyModernQuickstart => PROSODY_13_0,
            Self::Prosody012 | Self::Prosody012Tls12 | Self::Prosody012Bare => PROSODY_0_12,
            Self::Ejabberd => EJABBERD_24_12,
            Self::Ejabberd2301 => EJABBERD_23_01,
            Self::Jabberd2 => JABBERD2_2_7,
        }
    }

    /// Whether the server has stream management (XEP-0198).
    #[must_use]
    pub const fn has_stream_management(self) -> bool {
        !matches!(self, Self::Prosody012Bare | Self::Jabberd2)
    }

    /// Whether the server has a message archive (XEP-0313).
    #[must_use]
    pub const fn has_archive(self) -> bool {
        self.has_stream_management()
    }

    /// Whether the server has message carbons (XEP-0280).
    #[must_use]
    pub const fn has_carbons(self) -> bool {
        self.has_stream_management()
    }
}
