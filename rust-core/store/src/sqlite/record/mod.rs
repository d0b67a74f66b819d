//! The records, field by field. Names from the protocol are stored as spelled there, so that reordering an enum changes
//! no file.

mod ledger;
mod login;
mod push;
mod session;
mod stanzas;

use snapback_proto::knowledge::KnownCaps;
use snapback_proto::stream::features::StreamFeatures;
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::{Item, Subscription};

use crate::{Endpoint, EndpointSource, KnownEndpoints};

use super::codec::{Reader, Writer};
use super::fault::Fault;
use super::tables::{transport, transport_name};
use super::xml;

pub(super) use ledger::{Epochs, Ledger, RowCounts};
pub(super) use session::of_session_before;
pub(super) use stanzas::of_stanza_before;

/// The contents of one sealed value.
pub(super) trait Record: Sized {
    fn write(&self, out: &mut Writer);
    fn read(input: &mut Reader<'_>) -> Result<Self, Fault>;

    fn to_plain(&self) -> Writer {
        let mut out = Writer::new();
        self.write(&mut out);
        out
    }

    fn from_plain(plain: &[u8]) -> Result<Self, Fault> {
        let mut input = Reader::new(plain);
        let record = Self::read(&mut input)?;
        input.end()?;
        Ok(record)
    }
}

impl Record for String {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.text()
    }
}

impl Record for UnixTime {
    fn write(&self, out: &mut Writer) {
        out.time(self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.time().map(Self)
    }
}

/// A fact without a value: that it is there says everything. Until schema 9 it had a time where it was off.
impl Record for () {
    fn write(&self, out: &mut Writer) {
        out.flag(false);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        match input.flag()? {
            false => Ok(()),
            true => Err(Fault::Unreadable),
        }
    }
}

fn small(number: u64) -> Result<u8, Fault> {
    u8::try_from(number).map_err(|_| Fault::Unreadable)
}

impl Record for [u8; 32] {
    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        input.bytes()?.try_into().map_err(|_| Fault::Unreadable)
    }
}

impl Record for StreamFeatures {
    fn write(&self, out: &mut Writer) {
        out.text(&self.to_element().to_xml());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self::parse(&xml::parse(&input.text()?)?))
    }
}

impl Record for KnownCaps {
    fn write(&self, out: &mut Writer) {
        out.text(&self.hash)
            .text(&self.ver)
            .option(self.only.as_ref(), |out, jid| out.text(jid))
            .texts(&self.features);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            hash: input.text()?,
            ver: input.text()?,
            only: input.option(Reader::text)?,
            features: input.texts()?.into(),
        })
    }
}

impl Record for KnownEndpoints {
    fn write(&self, out: &mut Writer) {
        out.time(self.stored_at.0)
            .time(self.expires_at.0)
            .number(self.endpoints.len() as u64);
        for endpoint in &self.endpoints {
            out.text(&endpoint.host)
                .text(&endpoint.addr.to_string())
                .text(transport_name(endpoint.transport))
                .number(endpoint.priority.into())
                .text(source_name(endpoint.source));
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            stored_at: UnixTime(input.time()?),
            expires_at: UnixTime(input.time()?),
            endpoints: {
                let count = input.number()?;
                let endpoints = (0..count).map(|_| known_endpoint(input));
                endpoints.collect::<Result<_, _>>()?
            },
        })
    }
}

fn known_endpoint(input: &mut Reader<'_>) -> Result<Endpoint, Fault> {
    Ok(Endpoint {
        host: input.text()?,
        addr: input.text()?.parse().map_err(|_| Fault::Unreadable)?,
        transport: transport(&input.text()?).ok_or(Fault::Unreadable)?,
        priority: u16::try_from(input.number()?).map_err(|_| Fault::Unreadable)?,
        source: source(&input.text()?)?,
    })
}

fn source(name: &str) -> Result<EndpointSource, Fault> {
    [
        EndpointSource::Override,
        EndpointSource::Srv,
        EndpointSource::Fallback,
    ]
    .into_iter()
    .find(|source| source_name(*source) == name)
    .ok_or(Fault::Unreadable)
}

fn source_name(source: EndpointSource) -> &'static str {
    match source {
        EndpointSource::Override => "override",
        EndpointSource::Srv => "srv",
        EndpointSource::Fallback => "fallback",
    }
}

impl Record for Item {
    fn write(&self, out: &mut Writer) {
        out.text(&self.jid)
            .option(self.name.as_ref(), |out, name| out.text(name))
            .text(self.subscription.name())
            .flag(self.ask)
            .texts(&self.groups);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            jid: input.text()?,
            name: input.option(Reader::text)?,
            subscription: subscription(&input.text()?)?,
            ask: input.flag()?,
            groups: input.texts()?,
        })
    }
}

fn subscription(name: &str) -> Result<Subscription, Fault> {
    [
        Subscription::None,
        Subscription::To,
        Subscription::From,
        Subscription::Both,
        Subscription::Remove,
    ]
    .into_iter()
    .find(|state| state.name() == name)
    .ok_or(Fault::Unreadable)
}
