//! The push notifications that the app wants.

use snapback_proto::knowledge::{Push, PushRegistration, PushTarget};

use super::super::codec::{Reader, Writer};
use super::super::fault::Fault;
use super::Record;

impl Record for Push {
    fn write(&self, out: &mut Writer) {
        out.flag(self.is_told)
            .option(self.wanted.as_ref(), |out, wanted| {
                write_target(out, &wanted.target).number(wanted.options.len() as u64);
                for (name, value) in &wanted.options {
                    out.text(name).text(value);
                }
                out
            })
            .number(self.withdrawn.len() as u64);
        for target in &self.withdrawn {
            write_target(out, target);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Fault> {
        let is_told = input.flag()?;
        let wanted = input.option(|input| {
            let target = read_target(input)?;
            let count = input.number()?;
            let options = (0..count).map(|_| Ok((input.text()?, input.text()?)));
            Ok(PushRegistration {
                target,
                options: options.collect::<Result<_, Fault>>()?,
            })
        })?;
        let count = input.number()?;
        let withdrawn = (0..count).map(|_| read_target(input));
        Ok(Self {
            wanted,
            withdrawn: withdrawn.collect::<Result<_, Fault>>()?,
            is_told,
        })
    }
}

fn write_target<'a>(out: &'a mut Writer, target: &PushTarget) -> &'a mut Writer {
    out.text(&target.service)
        .option(target.node.as_ref(), |out, node| out.text(node))
}

fn read_target(input: &mut Reader<'_>) -> Result<PushTarget, Fault> {
    Ok(PushTarget {
        service: input.text()?,
        node: input.option(Reader::text)?,
    })
}
