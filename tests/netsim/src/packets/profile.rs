//! Profiles: named networks, as data, with the sources of their numbers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loss::Loss;
use super::pipe::Path;

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// From the phone to the server.
    pub up: Path,
    /// From the server to the phone.
    pub down: Path,
    /// The longest IP packet, in bytes.
    #[serde(default = "ethernet")]
    pub mtu: u16,
    /// Address translation drops a flow after this many seconds without a packet.
    #[serde(default)]
    pub nat_idle_s: Option<f64>,
    /// TCP segments that ask for a connection are dropped if they carry data (RFC 7413 section 7.1).
    #[serde(default)]
    pub drops_syn_data: bool,
    /// How this network breaks, if it does.
    #[serde(default)]
    pub cuts: Vec<Cut>,
    /// Where each number comes from.
    pub sources: Vec<Source>,
}

/// A way in which a network breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// What happens.
    pub kind: CutKind,
    /// How long it works between two cuts, in seconds: any time between these two.
    pub every_s: [f64; 2],
    /// How long a cut lasts, in seconds: any time between these two.
    pub for_s: [f64; 2],
}

/// What happens at a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutKind {
    /// No packet gets through, and the phone is not notified: a tunnel, an elevator.
    Blackhole,
    /// The phone's interface goes down, and comes back with the same address.
    LinkDown,
    /// The phone's interface goes down, and comes back with another address: airplane mode.
    LinkDownNewAddress,
    /// The phone has a new address at once; the old one continues to deliver until the cut has ended: from Wi-Fi to
    /// LTE.
    NewAddress,
    /// Address translation drops every flow; neither end is notified.
    NatForgets,
    /// A captive portal takes all new connections.
    CaptivePortal,
}

/// Where numbers come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Which numbers.
    pub numbers: String,
    /// From where.
    pub from: String,
}

/// A profile cannot be used.
#[derive(Debug)]
pub enum ProfileError {
    /// The file is not a profile.
    Format(serde_json::Error),
    /// A number makes no sense.
    Number {
        /// The profile.
        profile: String,
        /// The field.
        field: &'static str,
    },
    /// There is none of this name.
    Unknown {
        /// The name.
        name: String,
    },
}

/// The files, compiled in, so that a program finds them wherever it runs.
const FILES: [&str; 12] = [
    include_str!("../../profiles/lte-good.json"),
    include_str!("../../profiles/lte-edge-of-cell.json"),
    include_str!("../../profiles/3g.json"),
    include_str!("../../profiles/gprs.json"),
    include_str!("../../profiles/wifi-congested.json"),
    include_str!("../../profiles/train-tunnel.json"),
    include_str!("../../profiles/elevator.json"),
    include_str!("../../profiles/wifi-to-lte.json"),
    include_str!("../../profiles/captive-portal.json"),
    include_str!("../../profiles/airplane-toggle.json"),
    include_str!("../../profiles/satellite.json"),
    include_str!("../../profiles/nat-forgets.json"),
];

impl Profile {
    /// All named profiles.
    ///
    /// # Errors
    ///
    /// If one of the files is not a profile; a test checks that they all are.
    pub fn all() -> Result<Vec<Self>, ProfileError> {
        FILES.into_iter().map(Self::parse).collect()
    }

    /// The profile of this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let all = Self::all()?;
        all.into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| ProfileError::Unknown {
                name: name.to_owned(),
            })
    }

    /// Nothing but this round trip time, for tests.
    #[must_use]
    pub fn plain(rtt: Duration) -> Self {
        let path = Path {
            delay_ms: rtt.as_secs_f64() * 500.0,
            jitter_ms: 0.0,
            rate_kbit: 0.0,
            queue_bytes: 0,
            loss: Loss::default(),
            reorder: 0.0,
            reorder_ms: 0.0,
        };
        Self {
            name: "plain".to_owned(),
            about: "A round trip time, and nothing else.".to_owned(),
            up: path,
            down: path,
            mtu: ethernet(),
            nat_idle_s: None,
            drops_syn_data: false,
            cuts: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// Reads a profile.
    ///
    /// # Errors
    ///
    /// If it is not one, or a number makes no sense.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = serde_json::from_str(text).map_err(ProfileError::Format)?;
        match profile.senseless() {
            None => Ok(profile),
            Some(field) => Err(ProfileError::Number {
                profile: profile.name,
                field,
            }),
        }
    }

    /// The time that a packet and its answer take on an idle link, without jitter.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        Duration::from_secs_f64((self.up.delay_ms + self.down.delay_ms) / 1000.0)
    }

    pub(super) fn nat_idle(&self) -> Option<Duration> {
        self.nat_idle_s.map(Duration::from_secs_f64)
    }

    fn senseless(&self) -> Option<&'static str> {
        // The smallest usual MTU of IPv4 for TCP (RFC 879, RFC 791).
        if self.mtu < 576 {
            return Some("mtu");
        }
        // A time of a day and more is a mistyped unit, and would overflow a Duration if it is far off.
        let is_time = |seconds: f64| (0.0..86_400.0).contains(&seconds);
        if self.nat_idle_s.is_some_and(|idle| !is_time(idle)) {
            return Some("nat_idle_s");
        }
        let ranges = self.cuts.iter().flat_map(|cut| [cut.every_s, cut.for_s]);
        for [low, high] in ranges {
            if !is_time(low) || !is_time(high) || low > high {
                return Some("cuts");
            }
        }
        [&self.up, &self.down].into_iter().find_map(|path| {
            let shares = [
                path.reorder,
                path.loss.good,
                path.loss.bad,
                path.loss.good_to_bad,
                path.loss.bad_to_good,
            ];
            let times = [path.delay_ms, path.jitter_ms, path.reorder_ms];
            if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
                return Some("a probability");
            }
            if !times.iter().all(|time| is_time(time / 1000.0)) {
                return Some("a time");
            }
            // Slower than 1 kbit/s a packet of 1500 bytes takes more than 12 s.
            let is_rate = path.rate_kbit == 0.0 || (1.0..1e9).contains(&path.rate_kbit);
            (!is_rate).then_some("rate_kbit")
        })
    }
}

const fn ethernet() -> u16 {
    1500
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => write!(f, "this is not a profile: {error}"),
            Self::Number { profile, field } => {
                write!(f, "profile {profile}: {field} is out of bounds")
            }
            Self::Unknown { name } => write!(f, "there is no profile {name}"),
        }
    }
}

impl std::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Format(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_a_profile_with_a_name_of_its_own_and_sources() {
        let all = Profile::all().expect("the files are profiles");
        let names: BTreeSet<&str> = all.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names.len(), FILES.len());
        for profile in &all {
            assert!(!profile.about.is_empty(), "{}", profile.name);
            assert!(!profile.sources.is_empty(), "{}", profile.name);
            assert_eq!(
                Profile::named(&profile.name).expect("it is there").name,
                profile.name
            );
        }
    }

    #[test]
    fn numbers_out_of_bounds_and_unknown_fields_are_refused() {
        let mut wrong = Profile::plain(Duration::from_millis(10));
        wrong.up.loss.bad = 1.5;
        let text = serde_json::to_string(&wrong).expect("it is data");
        assert!(matches!(
            Profile::parse(&text),
            Err(ProfileError::Number { .. })
        ));
        assert!(matches!(
            Profile::parse(r#"{"nonsense": 1}"#),
            Err(ProfileError::Format(_))
        ));
        assert!(matches!(
            Profile::named("moon"),
            Err(ProfileError::Unknown { .. })
        ));
    }
}
