//! What a login needs: its minimum strength, keys and tokens.

use snapback_proto::knowledge::FastToken;
use snapback_proto::sasl::{
    ChannelBindingType, Floor, Hash, HtBinding, Mechanism, Preparation, ScramKeyId, ScramKeys,
};
use snapback_proto::secret::Secret;
use snapback_proto::time::UnixTime;
use snapback_types::key_trust::{KeyHash, KeyTrust, Pins};

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::Record;

impl Record for Floor {
    fn write(&self, out: &mut Writer) {
        out.text(self.mechanism.as_str())
            .option(self.channel_binding, |out, kind| out.text(kind.as_str()));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            mechanism: Mechanism::parse(&input.text()?).ok_or(Fault::Unreadable)?,
            channel_binding: input.option(|input| {
                ChannelBindingType::parse(&input.text()?).ok_or(Fault::Unreadable)
            })?,
        })
    }
}

impl Record for KeyTrust {
    fn write(&self, out: &mut Writer) {
        out.flag(self.proven_by_authority);
        for keys in [self.pins.trusted(), self.pins.required()] {
            out.number(keys.len() as u64);
            for key in keys {
                key.write(out);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let proven_by_authority = input.flag()?;
        let mut keys = || {
            let count = input.number()?;
            let keys = (0..count).map(|_| KeyHash::read(input));
            keys.collect::<Result<Vec<_>, Fault>>()
        };
        Ok(Self {
            proven_by_authority,
            pins: Pins::restore(keys()?, keys()?),
        })
    }
}

impl Record for (ScramKeyId, ScramKeys) {
    fn write(&self, out: &mut Writer) {
        let (id, keys) = self;
        let mechanism = Mechanism::Scram {
            hash: id.hash,
            plus: false,
        };
        out.text(mechanism.as_str())
            .text(&id.user)
            .bytes(&id.salt)
            .number(id.iterations.into())
            .bytes(keys.client_key().expose())
            .bytes(keys.server_key().expose())
            .flag(id.preparation == Preparation::SaslPrep);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut id = ScramKeyId {
            hash: scram_hash(&input.text()?)?,
            user: input.text()?,
            salt: input.bytes()?.to_vec(),
            iterations: input.number32()?,
            preparation: Preparation::OpaqueString,
        };
        let client_key = Secret::new(input.bytes()?.to_vec());
        let server_key = Secret::new(input.bytes()?.to_vec());
        // Keys of schemas 1 to 8 end here.
        if !input.is_at_end() && input.flag()? {
            id.preparation = Preparation::SaslPrep;
        }
        let keys =
            ScramKeys::restore(id.hash, client_key, server_key).map_err(|_| Fault::Unreadable)?;
        Ok((id, keys))
    }
}

fn scram_hash(mechanism: &str) -> Result<Hash, Fault> {
    match Mechanism::parse(mechanism) {
        Some(Mechanism::Scram { hash, .. }) => Ok(hash),
        _ => Err(Fault::Unreadable),
    }
}

impl Record for FastToken {
    fn write(&self, out: &mut Writer) {
        out.text(Mechanism::Ht(self.binding).as_str())
            .text(self.token.expose())
            .option(self.expires, |out, at| out.time(at.0))
            .number(self.count.into());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            binding: token_binding(&input.text()?)?,
            token: Secret::new(input.text()?),
            expires: input.option(|input| input.time().map(UnixTime))?,
            count: input.number32()?,
        })
    }
}

fn token_binding(mechanism: &str) -> Result<HtBinding, Fault> {
    match Mechanism::parse(mechanism) {
        Some(Mechanism::Ht(binding)) => Ok(binding),
        _ => Err(Fault::Unreadable),
    }
}
