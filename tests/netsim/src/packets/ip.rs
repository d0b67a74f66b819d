//! As much of IPv4 (RFC 791), TCP (RFC 9293) and UDP as a middlebox reads: who talks to whom, and whether this begins it.

use std::net::Ipv4Addr;

use super::Direction;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// One end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
}

/// What a middlebox sees of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) protocol: u8,
    pub(super) source: End,
    pub(super) destination: End,
    /// A TCP segment that asks for a new connection.
    pub(super) opens: bool,
    /// The bytes of data of a TCP segment.
    pub(super) data: usize,
}

impl Header {
    /// `None` for what has no ports: other protocols, other fragments than the first, and what is cut short.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let transport = transport(packet)?;
        let protocol = *packet.get(9)?;
        let flags = match protocol {
            TCP => *packet.get(transport + 13)?,
            UDP => 0,
            _ => return None,
        };
        let end = |address: usize, port: usize| {
            let octets: [u8; 4] = packet.get(address..address + 4)?.try_into().ok()?;
            Some(End {
                address: octets.into(),
                port: u16_at(packet, port)?,
            })
        };
        let data = match protocol {
            TCP => {
                let header = usize::from(*packet.get(transport + 12)? >> 4) * 4;
                let length = usize::from(u16_at(packet, 2)?);
                length.saturating_sub(transport + header)
            }
            _ => 0,
        };
        Some(Self {
            protocol,
            source: end(12, transport)?,
            destination: end(16, transport + 2)?,
            opens: flags & (SYN | ACK) == SYN,
            data,
        })
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.protocol == TCP
    }
}

/// The client's address in a packet that goes this way.
pub(super) fn client_of(direction: Direction, packet: &[u8]) -> Option<Ipv4Addr> {
    let at = match direction {
        Direction::ToServer => 12,
        Direction::ToClient => 16,
    };
    is_v4(packet).then_some(())?;
    let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

/// Which of a TCP segment's two ports.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    Source,
    Destination,
}

/// Puts another port into a TCP segment, and corrects its checksum (RFC 1624, equation 3).
pub(super) fn set_tcp_port(packet: &mut [u8], which: Port, port: u16) {
    let Some(transport) = transport(packet) else {
        return;
    };
    let at = transport
        + match which {
            Port::Source => 0,
            Port::Destination => 2,
        };
    let (Some(old), Some(checksum)) = (u16_at(packet, at), u16_at(packet, transport + 16)) else {
        return;
    };
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(port);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    let [high, low] = u16::try_from(sum).map_or([0, 0], |sum| (!sum).to_be_bytes());
    for (index, byte) in [(transport + 16, high), (transport + 17, low)]
        .into_iter()
        .chain([at, at + 1].into_iter().zip(port.to_be_bytes()))
    {
        if let Some(place) = packet.get_mut(index) {
            *place = byte;
        }
    }
}

/// Where TCP or UDP begins.
fn transport(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let is_first_fragment = u16_at(packet, 6)? & 0x1fff == 0;
    let header = usize::from(first & 0x0f) * 4;
    (is_v4(packet) && is_first_fragment && header >= 20).then_some(header)
}

fn is_v4(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 4 == 4)
}

fn u16_at(packet: &[u8], at: usize) -> Option<u16> {
    let bytes: [u8; 2] = packet.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}

#[cfg(test)]
pub(super) mod testing {
    //! Packets for tests.
    use super::*;

    pub(in super::super) const OPEN: u8 = SYN;
    pub(in super::super) const GO_ON: u8 = ACK;

    /// A TCP segment without data, with a right checksum.
    pub(in super::super) fn segment(source: End, destination: End, flags: u8) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[3] = 40;
        packet[8] = 64;
        packet[9] = TCP;
        packet[12..16].copy_from_slice(&source.address.octets());
        packet[16..20].copy_from_slice(&destination.address.octets());
        packet[20..22].copy_from_slice(&source.port.to_be_bytes());
        packet[22..24].copy_from_slice(&destination.port.to_be_bytes());
        packet[32] = 0x50;
        packet[33] = flags;
        let checksum = checksum(&packet);
        packet[36..38].copy_from_slice(&checksum.to_be_bytes());
        packet
    }

    /// The checksum of a segment, computed from scratch (RFC 9293 section 3.1); 0 for one that is right.
    pub(in super::super) fn checksum(packet: &[u8]) -> u16 {
        let mut sum = u32::from(TCP) + u32::try_from(packet.len() - 20).expect("short");
        for pair in packet[12..].chunks_exact(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).expect("folded")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{GO_ON, OPEN, checksum, segment};
    use super::*;

    const CLIENT: End = End {
        address: Ipv4Addr::new(198, 18, 1, 1),
        port: 40_000,
    };
    const SERVER: End = End {
        address: Ipv4Addr::new(198, 18, 0, 1),
        port: 5222,
    };

    #[test]
    fn a_segment_is_read() {
        let header = Header::read(&segment(CLIENT, SERVER, OPEN)).expect("it is TCP");
        assert_eq!((header.source, header.destination), (CLIENT, SERVER));
        assert!(header.is_tcp() && header.opens);
        let header = Header::read(&segment(CLIENT, SERVER, GO_ON)).expect("it is TCP");
        assert!(!header.opens);
    }

    #[test]
    fn a_port_is_replaced_with_a_right_checksum() {
        for port in [0, 1, 80, 5223, 0x7fff, 0xffff] {
            let mut packet = segment(CLIENT, SERVER, GO_ON);
            assert_eq!(checksum(&packet), 0);
            set_tcp_port(&mut packet, Port::Destination, port);
            set_tcp_port(&mut packet, Port::Source, port);
            assert_eq!(checksum(&packet), 0, "port {port}");
            let header = Header::read(&packet).expect("it is TCP");
            assert_eq!((header.source.port, header.destination.port), (port, port));
        }
    }

    #[test]
    fn what_is_cut_short_has_no_header() {
        let whole = segment(CLIENT, SERVER, OPEN);
        for len in 0..34 {
            assert_eq!(Header::read(&whole[..len]), None, "{len}");
            set_tcp_port(&mut whole[..len].to_vec(), Port::Source, 1);
        }
    }
}
