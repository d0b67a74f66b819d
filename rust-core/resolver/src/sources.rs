//! Which sources are queried for a name, in which order: a table (`docs/names.md`).

use crate::{LookupError, Source, SourceTarget as Target};
use std::time::Duration;

/// How long a source is waited for before the next one is queried as well. Longer than a query over a slow mobile
/// network takes, and short enough for three sources within [`QUERY_TIMEOUT`](crate::QUERY_TIMEOUT).
pub const SOURCE_HEAD_START: Duration = Duration::from_millis(700);

/// The system that the client runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum System {
    /// Android 10 and later: `DnsResolver` exists.
    Android10,
    /// Android 9: Private DNS exists.
    Android9,
    /// Android 7 and 8.
    Android7,
    /// Apple's systems. They hand no name servers over.
    Apple,
    /// Any other, with a configuration of its own for name servers.
    #[default]
    Other,
}

/// Android's Private DNS on the current network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PrivateDns {
    /// Queries are in cleartext.
    #[default]
    Off,
    /// TLS where the name servers support it.
    Opportunistic,
    /// TLS to the server of this name, and nothing else.
    Strict(String),
}

impl System {
    /// Returns the sources for a name, in their order. All others are never queried.
    #[must_use]
    pub fn sources(self, private_dns: &PrivateDns, target: Target) -> Vec<Source> {
        let platform = [Source::Platform].as_slice();
        let system_call = [Source::SystemCall].as_slice();
        let name_servers = match (self, private_dns) {
            (Self::Apple, _) => &[],
            (Self::Android7 | Self::Other, _) | (_, PrivateDns::Off) => {
                [Source::Cleartext].as_slice()
            }
            (_, PrivateDns::Opportunistic) => &[Source::OpportunisticTls, Source::Cleartext],
            (_, PrivateDns::Strict(_)) => &[Source::StrictTls],
        };
        match (self, target) {
            (Self::Android10, _) => [platform, name_servers].concat(),
            (Self::Android9 | Self::Android7, Target::Host) => [system_call, name_servers].concat(),
            (Self::Android9 | Self::Android7, Target::Service) => name_servers.to_vec(),
            (Self::Apple, Target::Service) => platform.to_vec(),
            (Self::Apple, Target::Host) => [platform, system_call].concat(),
            (Self::Other, Target::Service) => name_servers.to_vec(),
            (Self::Other, Target::Host) => [name_servers, system_call].concat(),
        }
    }

    /// Returns whether an error is the answer: a denial is, except where `getaddrinfo` is next, which also reads hosts
    /// files and asks the local network.
    #[must_use]
    pub fn is_final(self, target: Target, error: LookupError) -> bool {
        let asks_the_system_next = self == Self::Other && target == Target::Host;
        error == LookupError::NoSuchName && !asks_the_system_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/names.md");
    const SOURCES: [(Source, &str); 5] = [
        (Source::Platform, "platform"),
        (Source::StrictTls, "TLS, verified"),
        (Source::OpportunisticTls, "TLS"),
        (Source::Cleartext, "cleartext"),
        (Source::SystemCall, "`getaddrinfo`"),
    ];

    fn name(source: Source) -> &'static str {
        SOURCES.iter().find(|(it, _)| *it == source).unwrap().1
    }

    /// Returns a line of the document's table.
    fn row(system: System, text: &str, private_dns: &PrivateDns, target: Target) -> String {
        let asked = system.sources(private_dns, target);
        let list = |sources: Vec<&str>| match sources.as_slice() {
            [] => "-".to_owned(),
            sources => sources.join("; "),
        };
        let names: Vec<&str> = asked.iter().map(|source| name(*source)).collect();
        let (first, next) = names.split_first().unwrap();
        let never = SOURCES.iter().filter(|(source, _)| !asked.contains(source));
        let never = list(never.map(|(_, name)| *name).collect());
        let private_dns = match private_dns {
            _ if !matches!(system, System::Android10 | System::Android9) => "-",
            PrivateDns::Off => "off",
            PrivateDns::Opportunistic => "opportunistic",
            PrivateDns::Strict(_) => "strict",
        };
        let target = match target {
            Target::Service => "SRV",
            Target::Host => "A, AAAA",
        };
        let next = list(next.to_vec());
        format!("| {text} | {private_dns} | {target} | {first} | {next} | {never} |")
    }

    fn rows() -> Vec<String> {
        let modes = [
            PrivateDns::Off,
            PrivateDns::Opportunistic,
            PrivateDns::Strict("dns.example".to_owned()),
        ];
        let mut rows = Vec::new();
        for (system, text, modes) in [
            (System::Android10, "Android 10 and later", &modes[..]),
            (System::Android9, "Android 9", &modes[..]),
            (System::Android7, "Android 7 and 8", &modes[..1]),
            (System::Apple, "Apple", &modes[..1]),
            (System::Other, "other", &modes[..1]),
        ] {
            for mode in modes {
                for target in [Target::Service, Target::Host] {
                    rows.push(row(system, text, mode, target));
                }
            }
        }
        rows
    }

    #[test]
    fn the_document_has_every_row() {
        let is_row = |line: &&str| line.starts_with("| ") && line.matches('|').count() == 7;
        let documented: Vec<&str> = DOCUMENT.lines().filter(is_row).skip(1).collect();
        assert_eq!(documented, rows(), "\n{}\n", rows().join("\n"));
    }

    #[test]
    fn strict_private_dns_is_never_followed_by_cleartext() {
        let strict = PrivateDns::Strict("dns.example".to_owned());
        for system in [System::Android10, System::Android9] {
            for target in [Target::Service, Target::Host] {
                let sources = system.sources(&strict, target);
                assert!(!sources.contains(&Source::Cleartext), "{system:?}");
                assert!(!sources.contains(&Source::OpportunisticTls), "{system:?}");
            }
        }
    }

    #[test]
    fn a_denial_is_final_unless_the_system_knows_other_names() {
        let none = LookupError::NoSuchName;
        assert!(System::Android10.is_final(Target::Host, none));
        assert!(System::Other.is_final(Target::Service, none));
        assert!(!System::Other.is_final(Target::Host, none));
        assert!(!System::Android10.is_final(Target::Host, LookupError::ServerFailure));
    }
}
