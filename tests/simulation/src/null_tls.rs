//! A stand-in for TLS without cryptography: the flights, records, tickets and early data of TLS 1.3, so that a fast run
//! cuts handshakes in the same places. It exists in this crate only; shipped code uses `snapback-tls`.
//!
//! A record is `type (1) | length (2) | payload`. A cut in the middle of a record delivers nothing of it, as in TLS.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use snapback_engine::link::tls::{Session, Tls};
use snapback_tls::{
    CertificateError, EarlyData, Established, SessionParams, TicketInfo, TicketOrigin, TlsError,
    TlsEvent, TlsVersion,
};

pub(crate) const HELLO: u8 = 0x16;
pub(crate) const FINISHED: u8 = 0x14;
pub(crate) const ALERT: u8 = 0x15;
pub(crate) const DATA: u8 = 0x17;
pub(crate) const TICKET: u8 = 0x18;
pub(crate) const EARLY: u8 = 0x19;
/// In place of a ServerHello: the certificate of another server.
pub(crate) const IMPOSTOR: u8 = 0x1a;

/// Stands for the SHA-256 of the server's key.
pub(crate) const KEY: [u8; 32] = [7; 32];
/// tls-server-end-point of the server's certificate.
pub(crate) const END_POINT: [u8; 32] = [9; 32];

const RECORD: usize = 16_384;

/// Appends a payload as records.
pub(crate) fn frame(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let mut rest = payload;
    out.reserve(payload.len() + 3 * payload.len().div_ceil(RECORD).max(1));
    loop {
        let (now, later) = rest.split_at(rest.len().min(RECORD));
        out.push(kind);
        out.extend_from_slice(&(now.len() as u16).to_be_bytes());
        out.extend_from_slice(now);
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Removes the first complete record from what was received.
pub(crate) fn record<'b>(received: &mut &'b [u8]) -> Option<(u8, &'b [u8])> {
    let (head, rest) = received.split_at_checked(3)?;
    let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
    let (payload, rest) = rest.split_at_checked(length)?;
    *received = rest;
    Some((head[0], payload))
}

/// Returns what was left of earlier reads, if anything, followed by this read.
pub(crate) fn joined<'b>(held: &'b mut Vec<u8>, read: &'b [u8]) -> &'b [u8] {
    if held.is_empty() {
        return read;
    }
    held.extend_from_slice(read);
    held
}

#[derive(Clone, Debug)]
struct NullTicket {
    number: u64,
    connection: u64,
    info: TicketInfo,
}

/// The client's tickets; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct NullTls {
    shared: Rc<RefCell<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    tickets: VecDeque<NullTicket>,
    connections: u64,
}

impl Tls for NullTls {
    type Session = NullSession;

    fn session(&self, params: SessionParams) -> Result<NullSession, TlsError> {
        let mut shared = self.shared.borrow_mut();
        shared.connections += 1;
        let ticket = shared.tickets.pop_back();
        let max_early = ticket.as_ref().map_or(0, |t| t.info.max_early_data);
        let offers_early = params.early_data && max_early > 0;
        let mut hello = vec![u8::from(offers_early)];
        hello.extend_from_slice(&ticket.as_ref().map_or(0, |t| t.number).to_be_bytes());
        let mut output = Vec::new();
        frame(HELLO, &hello, &mut output);
        Ok(NullSession {
            shared: Rc::clone(&self.shared),
            connection: shared.connections,
            ticket: ticket.map(|ticket| ticket.info),
            early_left: if offers_early { max_early as usize } else { 0 },
            offers_early,
            phase: Phase::Hello,
            proven: false,
            buffer: Vec::new(),
            output,
            events: VecDeque::new(),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Hello,
    Established,
    Closed,
}

/// The client's side of one handshake.
#[derive(Debug)]
pub(crate) struct NullSession {
    shared: Rc<RefCell<Shared>>,
    connection: u64,
    ticket: Option<TicketInfo>,
    early_left: usize,
    offers_early: bool,
    phase: Phase,
    proven: bool,
    buffer: Vec<u8>,
    output: Vec<u8>,
    events: VecDeque<TlsEvent>,
}

impl NullSession {
    fn hello(&mut self, payload: &[u8]) {
        let [resumed, early, exporter @ ..] = payload else {
            return;
        };
        let early_data = match (self.offers_early, early) {
            (false, _) => EarlyData::NotSent,
            (true, 1) => EarlyData::Accepted,
            (true, _) => EarlyData::Rejected,
        };
        frame(FINISHED, &[], &mut self.output);
        self.phase = Phase::Established;
        self.events.push_back(TlsEvent::Established(Established {
            version: TlsVersion::Tls13,
            resumed: *resumed == 1,
            early_data,
            tls_exporter: exporter.try_into().ok(),
            tls_server_end_point: Some(END_POINT.to_vec()),
            spki_sha256: KEY,
            alpn_ok: true,
            cipher_suite: "none",
            key_exchange: None,
        }));
    }

    fn ticket_came(&mut self, payload: &[u8]) {
        let [number @ .., a, b, c, d] = payload else {
            return;
        };
        let Ok(number) = <[u8; 8]>::try_from(number) else {
            return;
        };
        let mut shared = self.shared.borrow_mut();
        if shared.tickets.len() >= 8 {
            shared.tickets.pop_front();
        }
        shared.tickets.push_back(NullTicket {
            number: u64::from_be_bytes(number),
            connection: self.connection,
            info: TicketInfo {
                max_early_data: u32::from_be_bytes([*a, *b, *c, *d]),
                origin: TicketOrigin {
                    end_point: Some(END_POINT.to_vec()),
                    spki_sha256: KEY,
                    login_proven: self.proven,
                },
            },
        });
    }
}

impl Session for NullSession {
    fn ticket(&self) -> Option<&TicketInfo> {
        self.ticket.as_ref()
    }

    fn was_retried(&self) -> bool {
        false
    }

    fn early_data_capacity(&self) -> usize {
        if self.phase == Phase::Hello {
            self.early_left
        } else {
            0
        }
    }

    fn write_early(&mut self, plaintext: &[u8]) -> usize {
        let taken = plaintext.len().min(self.early_data_capacity());
        if taken > 0 {
            frame(EARLY, &plaintext[..taken], &mut self.output);
            self.early_left -= taken;
        }
        taken
    }

    fn read(&mut self, ciphertext: &[u8]) -> Result<(), TlsError> {
        let mut held = std::mem::take(&mut self.buffer);
        let mut rest = joined(&mut held, ciphertext);
        while let Some((kind, payload)) = record(&mut rest) {
            match (kind, self.phase) {
                (HELLO, Phase::Hello) => self.hello(payload),
                (IMPOSTOR, Phase::Hello) => {
                    self.phase = Phase::Closed;
                    return Err(TlsError::CertificateInvalid(
                        CertificateError::UnknownIssuer,
                    ));
                }
                (TICKET, Phase::Established) => self.ticket_came(payload),
                (DATA, Phase::Established) => {
                    self.events.push_back(TlsEvent::Plaintext(payload.to_vec()));
                }
                (ALERT, _) => self.events.push_back(TlsEvent::CloseNotify),
                _ => {
                    self.phase = Phase::Closed;
                    return Err(TlsError::UnexpectedMessage);
                }
            }
        }
        self.buffer = rest.to_vec();
        Ok(())
    }

    fn poll_event(&mut self) -> Option<TlsEvent> {
        self.events.pop_front()
    }

    fn certificate_verified(&mut self, _: Result<(), CertificateError>) -> Result<(), TlsError> {
        Ok(())
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        if self.phase != Phase::Established {
            return Err(TlsError::Closed);
        }
        frame(DATA, plaintext, &mut self.output);
        Ok(())
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn login_proven(&mut self) {
        self.proven = true;
        for ticket in &mut self.shared.borrow_mut().tickets {
            if ticket.connection == self.connection {
                ticket.info.origin.login_proven = true;
            }
        }
    }

    fn close(&mut self) {
        if self.phase == Phase::Established {
            frame(ALERT, &[], &mut self.output);
        }
        self.phase = Phase::Closed;
    }
}
