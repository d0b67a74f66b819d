//! IPv4 addresses on a network that has IPv6 only and a translator (NAT64): the prefix of the translator (RFC 7050), and addresses
//! made with it (RFC 6052).

use core::net::{Ipv4Addr, Ipv6Addr};

/// The name whose AAAA records show the prefix (RFC 7050 section 3). It has A records only, so a network without DNS64 has none.
pub const WELL_KNOWN_NAME: &str = "ipv4only.arpa";

/// The addresses of [`WELL_KNOWN_NAME`] (RFC 7050 section 2.2).
const WELL_KNOWN_ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// The maximum number of prefixes that are used. A network has one, seldom two.
const MAX_PREFIXES: usize = 4;

/// The well-known prefix (RFC 6052 section 2.1), `64:ff9b::/96`.
const WELL_KNOWN_PREFIX: Prefix64 = Prefix64 {
    bytes: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    length: Length::L96,
};

/// The prefix of a translator. Its lengths are those of RFC 6052 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix64 {
    /// All bits after the prefix are zero.
    bytes: [u8; 16],
    length: Length,
}

/// How many bits the prefix has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Length {
    L32,
    L40,
    L48,
    L56,
    L64,
    L96,
}

impl Length {
    const ALL: [Self; 6] = [
        Self::L32,
        Self::L40,
        Self::L48,
        Self::L56,
        Self::L64,
        Self::L96,
    ];

    fn bytes(self) -> usize {
        match self {
            Self::L32 => 4,
            Self::L40 => 5,
            Self::L48 => 6,
            Self::L56 => 7,
            Self::L64 => 8,
            Self::L96 => 12,
        }
    }

    /// Returns the places of the four bytes of the IPv4 address. Byte 8 is reserved, and zero (RFC 6052 section 2.2).
    fn places(self) -> [usize; 4] {
        match self {
            Self::L32 => [4, 5, 6, 7],
            Self::L40 => [5, 6, 7, 9],
            Self::L48 => [6, 7, 9, 10],
            Self::L56 => [7, 9, 10, 11],
            Self::L64 => [9, 10, 11, 12],
            Self::L96 => [12, 13, 14, 15],
        }
    }
}

impl Prefix64 {
    /// Returns the prefixes that these AAAA records of [`WELL_KNOWN_NAME`] show, in their order. RFC 7050 section 3: each of the well-known
    /// addresses is sought at each place where a prefix can end. If one is found at several places of a record, since the
    /// prefix itself contains it, only a prefix with which the other well-known address was made as well counts.
    pub fn discover(records: &[Ipv6Addr]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for record in records {
            let shown: Vec<Self> = WELL_KNOWN_ADDRESSES
                .into_iter()
                .flat_map(|address| Self::of(*record, address))
                .collect();
            let is_confirmed = |prefix: &Self| {
                WELL_KNOWN_ADDRESSES
                    .into_iter()
                    .all(|address| records.contains(&prefix.embed(address)))
            };
            let is_clear = shown.len() == 1;
            let shown = shown
                .into_iter()
                .filter(|prefix| is_clear || is_confirmed(prefix));
            for prefix in shown {
                if !found.contains(&prefix) && found.len() < MAX_PREFIXES {
                    found.push(prefix);
                }
            }
        }
        found
    }

    /// Returns every prefix with which this IPv6 address is the IPv4 address.
    fn of(record: Ipv6Addr, address: Ipv4Addr) -> impl Iterator<Item = Self> {
        let octets = record.octets();
        Length::ALL.into_iter().filter_map(move |length| {
            let mut bytes = [0; 16];
            let kept = bytes.iter_mut().zip(octets).take(length.bytes());
            kept.for_each(|(byte, octet)| *byte = octet);
            let prefix = Self { bytes, length };
            let places = length.places();
            let is_there = places
                .into_iter()
                .zip(address.octets())
                .all(|(place, octet)| octets.get(place) == Some(&octet));
            let is_reserved_zero = octets.get(8) == Some(&0);
            (is_there && is_reserved_zero).then_some(prefix)
        })
    }

    /// Returns the IPv6 address that leads to this IPv4 address; `None` where a translator leads to none, or must not. With the
    /// well-known prefix only global addresses are allowed (RFC 6052 section 3.1).
    pub fn synthesize(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        let is_of_this_device = address.is_loopback()
            || address.is_unspecified()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_broadcast();
        if is_of_this_device || (*self == WELL_KNOWN_PREFIX && !is_global(address)) {
            return None;
        }
        Some(self.embed(address))
    }

    fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let mut bytes = self.bytes;
        for (place, octet) in self.length.places().into_iter().zip(address.octets()) {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = octet;
            }
        }
        Ipv6Addr::from(bytes)
    }
}

/// Returns whether the address is global, by the registry of special addresses (RFC 6890 and its updates).
fn is_global(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // This network, private, loopback; reserved and broadcast.
        (0 | 10 | 127 | 240..=255, ..) => false,
        // Multicast.
        (224..=239, ..) => false,
        // Shared by carriers (RFC 6598), link-local, private.
        (100, 64..=127, ..) | (169, 254, ..) | (172, 16..=31, ..) | (192, 168, ..) => false,
        // Of the protocols, except for the anycast addresses of RFC 7723 and RFC 8155.
        (192, 0, 0, 9 | 10) => true,
        (192, 0, 0, _) => false,
        // Documentation, benchmarks; the former anycast address of relays (RFC 7526).
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => false,
        (198, 18..=19, ..) | (192, 88, 99, _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn v4(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    /// The table of RFC 6052 section 2.4, and what the well-known addresses look like with the same prefixes.
    #[test]
    fn s10_every_length_of_a_prefix_is_found_and_used() {
        let table = [
            ("2001:db8:c000:aa::", "2001:db8:c000:221::"),
            ("2001:db8:1c0:0:aa::", "2001:db8:1c0:2:21::"),
            ("2001:db8:122:c000:0:aa00::", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:3c0:0:aa::", "2001:db8:122:3c0:0:221::"),
            (
                "2001:db8:122:344:c0:0:aa00:0",
                "2001:db8:122:344:c0:2:2100::",
            ),
            (
                "2001:db8:122:344::192.0.0.170",
                "2001:db8:122:344::192.0.2.33",
            ),
        ];
        for (record, expected) in table {
            let prefixes = Prefix64::discover(&[v6(record)]);
            assert_eq!(prefixes.len(), 1, "{record}: {prefixes:?}");
            let made = prefixes[0].synthesize(v4("192.0.2.33"));
            assert_eq!(made, Some(v6(expected)), "{record}");
        }
    }

    #[test]
    fn s10_other_records_show_no_prefix() {
        let other = [
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.0.169",
            "::",
        ];
        for record in other {
            assert_eq!(Prefix64::discover(&[v6(record)]), [], "{record}");
        }
        // The reserved byte is not zero.
        assert_eq!(
            Prefix64::discover(&[v6("2001:db8:122:344:1c0:0:aa00:0")]),
            []
        );
        assert_eq!(Prefix64::discover(&[]), []);
    }

    #[test]
    fn s10_a_prefix_that_contains_a_well_known_address_is_told_from_it() {
        // The prefix has 96 bits, and 192.0.0.170 stands in its bits 32 to 63.
        let first = v6("2001:db8:c000:aa::192.0.0.170");
        let second = v6("2001:db8:c000:aa::192.0.0.171");
        assert_eq!(Prefix64::discover(&[first]), [], "ambiguous");
        let prefixes = Prefix64::discover(&[first, second]);
        assert_eq!(prefixes.len(), 1);
        let made = prefixes[0].synthesize(v4("198.51.100.1"));
        assert_eq!(made, Some(v6("2001:db8:c000:aa::198.51.100.1")));
    }

    #[test]
    fn s10_several_prefixes_are_bounded_and_found_once() {
        let records: Vec<Ipv6Addr> = (0..20)
            .flat_map(|number| {
                let record = |last| v6(&format!("2001:db8:{number:x}::192.0.0.{last}"));
                [record(170), record(171)]
            })
            .collect();
        let prefixes = Prefix64::discover(&records);
        assert_eq!(prefixes.len(), MAX_PREFIXES);
        assert_eq!(prefixes[1].embed(v4("1.2.3.4")), v6("2001:db8:1::1.2.3.4"));
    }

    #[test]
    fn s10_the_well_known_prefix_leads_to_global_addresses_only() {
        let well_known = Prefix64::discover(&[v6("64:ff9b::192.0.0.170")])[0];
        let own = Prefix64::discover(&[v6("2001:db8::192.0.0.170")])[0];
        assert_eq!(well_known, WELL_KNOWN_PREFIX);
        let made = well_known.synthesize(v4("8.8.8.8"));
        assert_eq!(made, Some(v6("64:ff9b::8.8.8.8")));
        for private in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.1",
        ] {
            assert_eq!(well_known.synthesize(v4(private)), None, "{private}");
            assert!(own.synthesize(v4(private)).is_some(), "{private}");
        }
        for nowhere in [
            "127.0.0.1",
            "0.0.0.0",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert_eq!(well_known.synthesize(v4(nowhere)), None, "{nowhere}");
            assert_eq!(own.synthesize(v4(nowhere)), None, "{nowhere}");
        }
    }
}
