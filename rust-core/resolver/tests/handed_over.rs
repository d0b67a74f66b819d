//! Complete DNS messages, as a platform returns them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of a test are tests"
)]

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{CNAME, SOA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use snapback_resolver::{LookupError, SrvAnswer, SrvRecord};
use std::time::Duration;

const ASKED: &str = "_xmpp-client._tcp.example.org";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn reply() -> Message {
    let mut reply = Message::response(0xbeef, OpCode::Query);
    reply.add_query(Query::query(
        name("_xmpp-client._tcp.example.org."),
        RecordType::SRV,
    ));
    reply
}

fn record(owner: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), ttl, data)
}

fn service(owner: &str, ttl: u32) -> Record {
    let srv = SRV::new(5, 7, 5222, name("x.example.org."));
    record(owner, ttl, RData::SRV(srv))
}

fn read(message: &Message) -> Result<SrvAnswer, LookupError> {
    SrvAnswer::from_message(ASKED, &message.to_vec().unwrap())
}

fn records(ttl: u64) -> SrvAnswer {
    SrvAnswer::Records {
        records: vec![SrvRecord {
            priority: 5,
            weight: 7,
            port: 5222,
            target: "x.example.org".to_owned(),
        }],
        ttl: Duration::from_secs(ttl),
    }
}

#[test]
fn records_hold_as_long_as_the_message_says() {
    let mut message = reply();
    message.add_answer(service("_xmpp-client._tcp.example.org.", 900));
    assert_eq!(read(&message), Ok(records(900)));
    let mut message = reply();
    let alias = RData::CNAME(CNAME(name("elsewhere.example.net.")));
    message.add_answer(record("_xmpp-client._tcp.example.org.", 60, alias));
    message.add_answer(service("elsewhere.example.net.", 900));
    assert_eq!(read(&message), Ok(records(60)));
}

#[test]
fn no_such_name_means_none() {
    let mut message = reply();
    message.metadata.response_code = ResponseCode::NXDomain;
    assert_eq!(read(&message), Ok(SrvAnswer::Absent));
    let mut message = reply();
    let root = name(".");
    let zone = SOA::new(root.clone(), root, 1, 1, 1, 1, 1);
    message.add_authority(record("example.org.", 60, RData::SOA(zone)));
    assert_eq!(read(&message), Ok(SrvAnswer::Absent));
}

#[test]
fn what_cannot_be_used_is_an_error_and_another_source_is_asked() {
    let mut failed = reply();
    failed.metadata.response_code = ResponseCode::ServFail;
    assert_eq!(read(&failed), Err(LookupError::ServerFailure));

    let mut whole = reply();
    whole.add_answer(service("_xmpp-client._tcp.example.org.", 900));
    let mut cut = whole.clone();
    cut.metadata.truncation = true;
    assert_eq!(read(&cut), Err(LookupError::Malformed));

    let bytes = whole.to_vec().unwrap();
    for length in 0..bytes.len() {
        let read = SrvAnswer::from_message(ASKED, &bytes[..length]);
        assert_eq!(read, Err(LookupError::Malformed), "{length} bytes");
    }
    let other = SrvAnswer::from_message("_xmpps-client._tcp.example.org", &bytes);
    assert_eq!(
        other,
        Err(LookupError::Malformed),
        "the answer to another question"
    );
    let mut aside = reply();
    let alias = RData::CNAME(CNAME(name("elsewhere.example.net.")));
    aside.add_answer(record("_xmpp-client._tcp.example.org.", 60, alias));
    assert_eq!(read(&aside), Err(LookupError::Malformed));
}
