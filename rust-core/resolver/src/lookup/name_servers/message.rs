//! A question and its reply as bytes (RFC 1035 section 4). hickory handles names, numbers and records; which parts of a
//! message are read at all is decided here: a reply's own records of the requested kinds, and nothing else.

use crate::LookupError;
use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::op::{
    Header, HeaderCounts, MessageType, Metadata, OpCode, Query, ResponseCode,
};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, SRV};
use hickory_resolver::proto::rr::{DNSClass, Name, RecordType};
use hickory_resolver::proto::serialize::binary::{
    BinDecodable, BinDecoder, BinEncodable, BinEncoder, DecodeError,
};
use std::net::IpAddr;

/// The size that fits every path without fragments (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;
/// The maximum number of records that are read from an answer. No real host or service has as many.
const MAX_RECORDS: u16 = 256;

/// The question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Fully qualified.
    pub(super) name: Name,
    pub(super) kind: RecordType,
}

/// Whether a query announces how large a datagram may be (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edns {
    Offered,
    /// For servers that do not support it, and answer a query without it.
    Absent,
}

/// The contents of a reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: ResponseCode,
    /// The answer did not fit; then none of it is read.
    pub(super) is_truncated: bool,
    /// In the server's order.
    pub(super) answers: Vec<Answer>,
    /// The authoritative zone has no such records (RFC 2308).
    pub(super) is_denied: bool,
}

/// A record of the Internet class. Others are skipped.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) owner: Name,
    /// In seconds.
    pub(super) ttl: u32,
    pub(super) data: Data,
}

/// The data of a record.
#[derive(Debug, Clone)]
pub(super) enum Data {
    Address(IpAddr),
    Alias(Name),
    Service(SRV),
}

/// Why bytes are not a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoReply {
    /// They do not belong to the question: stray, late, or forged.
    NotOurs,
    /// They belong to the question, and violate the DNS protocol.
    Malformed,
}

impl Question {
    pub(super) fn to_bytes(&self, id: u16, edns: Edns) -> Result<Vec<u8>, ProtoError> {
        let mut bytes = Vec::with_capacity(64);
        let mut encoder = BinEncoder::new(&mut bytes);
        let mut metadata = Metadata::new(id, MessageType::Query, OpCode::Query);
        metadata.recursion_desired = true;
        let counts = HeaderCounts {
            queries: 1,
            additionals: u16::from(edns == Edns::Offered),
            ..HeaderCounts::default()
        };
        Header { metadata, counts }.emit(&mut encoder)?;
        Query::query(self.name.clone(), self.kind).emit(&mut encoder)?;
        if edns == Edns::Offered {
            // The OPT record of RFC 6891 section 6.1.2: root, type, size instead of a class, no flags, no options.
            Name::root().emit(&mut encoder)?;
            RecordType::OPT.emit(&mut encoder)?;
            encoder.emit_u16(UDP_PAYLOAD)?;
            encoder.emit_u32(0)?;
            encoder.emit_u16(0)?;
        }
        Ok(bytes)
    }

    /// A server that could not parse the question need not repeat it (RFC 1035 section 4.1.1), any other has to.
    fn is_of(&self, code: ResponseCode, repeated: Option<&Query>) -> bool {
        match repeated {
            Some(query) => {
                query.name == self.name
                    && query.query_type == self.kind
                    && query.query_class == DNSClass::IN
            }
            None => !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain),
        }
    }
}

impl Reply {
    /// Accepts a reply that a name does not exist; a reply that reports a failure is an error.
    pub(super) fn accepted(self) -> Result<Self, LookupError> {
        match self.code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(self),
            _ => Err(LookupError::ServerFailure),
        }
    }

    /// Reads a datagram as the reply to this question under this id.
    pub(super) fn read(bytes: &[u8], id: u16, question: &Question) -> Result<Self, NoReply> {
        let mut decoder = BinDecoder::new(bytes);
        // As long as the sender is not established, nothing in the datagram counts, not even that it is malformed.
        let header = Header::read(&mut decoder).map_err(|_| NoReply::NotOurs)?;
        if header.id != id
            || header.message_type != MessageType::Response
            || header.op_code != OpCode::Query
        {
            return Err(NoReply::NotOurs);
        }
        let code = header.response_code;
        let repeated = match header.counts.queries {
            0 => None,
            1 => Some(Query::read(&mut decoder).map_err(|_| NoReply::NotOurs)?),
            _ => return Err(NoReply::NotOurs),
        };
        if !question.is_of(code, repeated.as_ref()) {
            return Err(NoReply::NotOurs);
        }
        let mut reply = Self {
            code,
            is_truncated: header.truncation,
            answers: Vec::new(),
            is_denied: false,
        };
        // A truncated message may end anywhere.
        if !reply.is_truncated {
            reply
                .read_records(&mut decoder, header.counts)
                .map_err(|_| NoReply::Malformed)?;
        }
        Ok(reply)
    }

    fn read_records(
        &mut self,
        decoder: &mut BinDecoder<'_>,
        counts: HeaderCounts,
    ) -> Result<(), DecodeError> {
        for _ in 0..counts.answers.min(MAX_RECORDS) {
            self.answers.extend(record(decoder)?.1);
        }
        if counts.answers <= MAX_RECORDS {
            for _ in 0..counts.authorities.min(MAX_RECORDS) {
                self.is_denied |= record(decoder)?.0 == RecordType::SOA;
            }
        }
        Ok(())
    }
}

/// Reads one record, with its kind; its data only if the kind is one of ours.
fn record(decoder: &mut BinDecoder<'_>) -> Result<(RecordType, Option<Answer>), DecodeError> {
    let owner = Name::read(decoder)?;
    let kind = RecordType::read(decoder)?;
    let class = DNSClass::read(decoder)?;
    let ttl = decoder.read_u32()?.unverified(/* looked at below */);
    let length = usize::from(decoder.read_u16()?.unverified(/* compared below */));
    let (from, left) = (decoder.index(), decoder.len());
    let data = match (class, kind) {
        _ if length > left => return Err(DecodeError::InsufficientBytes),
        (DNSClass::IN, RecordType::A) => Some(Data::Address(A::read(decoder)?.0.into())),
        (DNSClass::IN, RecordType::AAAA) => Some(Data::Address(AAAA::read(decoder)?.0.into())),
        (DNSClass::IN, RecordType::CNAME) => Some(Data::Alias(CNAME::read(decoder)?.0)),
        (DNSClass::IN, RecordType::SRV) => Some(Data::Service(SRV::read(decoder)?)),
        _ => {
            decoder.read_slice(length)?;
            None
        }
    };
    if decoder.index() - from != length {
        return Err(DecodeError::InsufficientBytes);
    }
    // RFC 2181 section 8: a value with the highest bit set counts as 0.
    let ttl = if ttl > i32::MAX.unsigned_abs() {
        0
    } else {
        ttl
    };
    Ok((kind, data.map(|data| Answer { owner, ttl, data })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::Message;
    use hickory_resolver::proto::rr::{RData, Record};

    /// SplitMix64: the same bytes in each run.
    struct Chance(u64);

    impl Chance {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }

        fn below(&mut self, limit: usize) -> usize {
            (self.next() % limit as u64) as usize
        }

        fn bytes(&mut self, length: usize) -> Vec<u8> {
            (0..length).map(|_| self.next() as u8).collect()
        }
    }

    fn question() -> Question {
        let name = Name::from_ascii("_xmpp-client._tcp.example.org.").unwrap();
        Question {
            name,
            kind: RecordType::SRV,
        }
    }

    /// Returns a reply with every kind of record that is read, and one that is not.
    fn valid(id: u16) -> Vec<u8> {
        let name = question().name;
        let mut message = Message::response(id, OpCode::Query);
        message.add_query(Query::query(name.clone(), RecordType::SRV));
        let data = [
            RData::CNAME(CNAME(name.clone())),
            RData::A(A::new(192, 0, 2, 1)),
            RData::TXT(hickory_resolver::proto::rr::rdata::TXT::new(vec![
                "x".into(),
            ])),
            RData::AAAA(AAAA::new(1, 2, 3, 4, 5, 6, 7, 8)),
            RData::SRV(SRV::new(1, 2, 3, name.clone())),
        ];
        message.add_answers(data.map(|data| Record::from_rdata(name.clone(), 60, data)));
        message.to_vec().unwrap()
    }

    #[test]
    fn a_question_is_what_hickory_would_write() {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(question().name, RecordType::SRV));
        let bytes = question().to_bytes(7, Edns::Absent).unwrap();
        assert_eq!(bytes, message.to_vec().unwrap());
        let mut edns = hickory_resolver::proto::op::Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        message.set_edns(edns);
        let bytes = question().to_bytes(7, Edns::Offered).unwrap();
        assert_eq!(bytes, message.to_vec().unwrap());
    }

    #[test]
    fn a_reply_has_the_records_of_known_kinds() {
        let reply = Reply::read(&valid(7), 7, &question()).unwrap();
        assert_eq!(reply.answers.len(), 4);
        assert_eq!(
            Reply::read(&valid(7), 8, &question()).unwrap_err(),
            NoReply::NotOurs
        );
    }

    #[test]
    fn every_cut_is_a_typed_error() {
        let whole = valid(7);
        for length in 0..whole.len() {
            let read = Reply::read(&whole[..length], 7, &question());
            assert!(read.is_err(), "{length} bytes");
        }
    }

    /// More rounds with `SNAPBACK_HOSTILE_MESSAGES`.
    #[test]
    fn hostile_messages_never_panic() {
        let rounds = std::env::var("SNAPBACK_HOSTILE_MESSAGES")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(20_000);
        let mut chance = Chance(1);
        let (question, whole) = (question(), valid(7));
        let repeated = question.to_bytes(7, Edns::Absent).unwrap();
        let mut read = 0;
        for _ in 0..rounds {
            // Noise only after a valid header and question: noise in these would stop the parser early.
            let mut noise = repeated.clone();
            noise[2] |= 0x80;
            noise[7] = chance.next() as u8;
            noise[9] = chance.next() as u8;
            let length = chance.below(600);
            noise.extend(chance.bytes(length));
            read += usize::from(Reply::read(&noise, 7, &question).is_ok());
            // A valid message with a few wrong bytes, pointers among them.
            let mut bent = whole.clone();
            for _ in 0..=chance.below(4) {
                let place = chance.below(bent.len());
                bent[place] = match chance.below(3) {
                    0 => 0xc0,
                    _ => chance.next() as u8,
                };
            }
            bent.truncate(bent.len() - chance.below(3));
            read += usize::from(Reply::read(&bent, 7, &question).is_ok());
        }
        assert!(read > 0, "some must be readable, or nothing was tried");
    }
}
