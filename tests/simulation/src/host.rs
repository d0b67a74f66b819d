//! The server's end of a connection: the reference server, with TLS or its stand-in in front.

use std::collections::BTreeMap;

use snapback_reference_server as server;

use crate::null_tls::{
    ALERT, DATA, EARLY, END_POINT, FINISHED, HELLO, IMPOSTOR, TICKET, frame, joined, record,
};

/// What the connections of a server share apart from its world: the stand-in's tickets.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    issued: BTreeMap<u64, u32>,
    last: u64,
}

/// One connection, as bytes.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) connection: server::Connection,
    /// `None` where the reference server handles TLS itself.
    null: Option<Null>,
    out: Vec<u8>,
}

#[derive(Debug)]
struct Null {
    phase: Phase,
    buffer: Vec<u8>,
    exporter: [u8; 32],
    impostor: bool,
    early_accepted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Clear,
    ExpectHello,
    ExpectFinished,
    Open,
    Failed,
}

impl Host {
    pub(crate) fn open(
        world: &mut server::World,
        transport: server::Transport,
        is_null: bool,
        exporter: [u8; 32],
        impostor: bool,
        now: server::Timestamp,
    ) -> Self {
        if !is_null {
            return Self {
                connection: server::Connection::new(world, transport, now),
                null: None,
                out: Vec::new(),
            };
        }
        let tls = server::PretendTls {
            exporter: exporter.to_vec(),
            end_point: END_POINT.to_vec(),
            resumed: false,
        };
        let phase = match transport {
            server::Transport::StartTls => Phase::Clear,
            server::Transport::DirectTls => Phase::ExpectHello,
        };
        Self {
            connection: server::Connection::pretending(world, transport, tls, now),
            null: Some(Null {
                phase,
                buffer: Vec::new(),
                exporter,
                impostor,
                early_accepted: false,
            }),
            out: Vec::new(),
        }
    }

    /// Returns whether TLS has not begun.
    pub(crate) fn is_clear(&self) -> bool {
        let null = self.null.as_ref();
        null.is_some_and(|null| null.phase == Phase::Clear)
    }

    /// Handles the bytes of one read.
    pub(crate) fn received(
        &mut self,
        world: &mut server::World,
        tickets: &mut Tickets,
        bytes: &[u8],
        now: server::Timestamp,
    ) {
        let Some(null) = &mut self.null else {
            self.connection.handle_bytes(world, bytes, now);
            return;
        };
        let mut held = std::mem::take(&mut null.buffer);
        let mut rest = joined(&mut held, bytes);
        if null.phase == Phase::Clear {
            let hello = rest.iter().position(|byte| *byte == HELLO);
            let hello = hello.filter(|_| world.switches.pipelining);
            let (clear, after) = rest.split_at(hello.unwrap_or(rest.len()));
            if !clear.is_empty() {
                self.connection.handle_bytes(world, clear, now);
                self.collect(world);
            }
            rest = after;
        }
        self.records(world, tickets, &mut rest, now);
        if let Some(null) = &mut self.null {
            null.buffer = rest.to_vec();
        }
    }

    fn records(
        &mut self,
        world: &mut server::World,
        tickets: &mut Tickets,
        received: &mut &[u8],
        now: server::Timestamp,
    ) {
        loop {
            let Some(null) = &mut self.null else { return };
            if matches!(null.phase, Phase::Clear | Phase::Failed) {
                return;
            }
            let Some((kind, payload)) = record(received) else {
                return;
            };
            match (kind, null.phase) {
                (HELLO, Phase::ExpectHello) => self.hello(world, tickets, payload, now),
                (EARLY, Phase::ExpectFinished) if null.early_accepted => {
                    self.connection.handle_early_bytes(world, payload, now);
                }
                (EARLY, Phase::ExpectFinished) => {}
                (FINISHED, Phase::ExpectFinished) => self.finished(world, tickets, now),
                (DATA, Phase::Open) => self.connection.handle_bytes(world, payload, now),
                (ALERT, _) => self.connection.handle_eof(world, now),
                _ => {
                    null.phase = Phase::Failed;
                    self.connection.handle_eof(world, now);
                }
            }
            self.collect(world);
        }
    }

    fn hello(
        &mut self,
        world: &mut server::World,
        tickets: &mut Tickets,
        payload: &[u8],
        now: server::Timestamp,
    ) {
        let Some(null) = &mut self.null else { return };
        if null.impostor {
            frame(IMPOSTOR, &[], &mut self.out);
            null.phase = Phase::Failed;
            return;
        }
        let (offers_early, number) = match payload {
            [early, number @ ..] => (*early == 1, <[u8; 8]>::try_from(number).unwrap_or_default()),
            [] => (false, [0; 8]),
        };
        let ticket = tickets.issued.remove(&u64::from_be_bytes(number));
        let resumed = ticket.is_some() && world.switches.tls_tickets;
        let early = resumed && offers_early && world.switches.early_data.is_some();
        null.early_accepted = early;
        null.phase = Phase::ExpectFinished;
        let mut answer = vec![u8::from(resumed), u8::from(early)];
        answer.extend_from_slice(&null.exporter);
        frame(HELLO, &answer, &mut self.out);
        if world.switches.half_rtt || early {
            self.connection.handle_bytes(world, &[], now);
        }
    }

    fn finished(
        &mut self,
        world: &mut server::World,
        tickets: &mut Tickets,
        now: server::Timestamp,
    ) {
        let Some(null) = &mut self.null else { return };
        null.phase = Phase::Open;
        if world.switches.tls_tickets {
            for _ in 0..2 {
                tickets.last += 1;
                let early = world.switches.early_data.unwrap_or(0);
                tickets.issued.insert(tickets.last, early);
                let mut ticket = tickets.last.to_be_bytes().to_vec();
                ticket.extend_from_slice(&early.to_be_bytes());
                frame(TICKET, &ticket, &mut self.out);
            }
        }
        self.connection.handle_bytes(world, &[], now);
    }

    fn collect(&mut self, world: &mut server::World) -> Option<server::Closing> {
        let output = self.connection.take_output(world);
        let Some(null) = &mut self.null else {
            self.out.extend_from_slice(&output.bytes);
            return output.closing;
        };
        match null.phase {
            Phase::Clear => {
                self.out.extend_from_slice(&output.bytes);
                if memchr::memmem::find(&output.bytes, b"<proceed").is_some() {
                    null.phase = Phase::ExpectHello;
                }
            }
            Phase::Failed => {}
            _ if output.bytes.is_empty() => {}
            _ => frame(DATA, &output.bytes, &mut self.out),
        }
        if null.phase == Phase::Failed {
            return Some(server::Closing::Finish);
        }
        output.closing
    }

    /// Returns what is to be sent, and how the connection ends after it, if it does.
    pub(crate) fn take_output(
        &mut self,
        world: &mut server::World,
    ) -> (Vec<u8>, Option<server::Closing>) {
        let closing = self.collect(world);
        (std::mem::take(&mut self.out), closing)
    }
}
