//! One connection's socket and link.

use std::io::ErrorKind;
use std::time::Duration;

use snapback_proto::plan::Transport;
use snapback_proto::time::Now;
use snapback_session::link::{Link, LinkInput};
use snapback_session::supervisor::AttemptId;
use snapback_store::ServerKey;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::Address;

/// What one read takes at most, and so what one transaction takes in: under a flood the disk's syncs are what costs, and
/// some hundred stanzas share one. Not more, so that neither a flood nor a roster starves the other inputs.
const READ_CHUNK: usize = 128 * 1024;
/// So much may be unsent of the answers to what was read while something was unsent (rule I20). A server that asks and does not
/// read is not read any more until it does. What the app sends does not count: a long queue on a slow path must not keep us from
/// hearing.
const MOST_OWED: usize = 256 * 1024;
/// For the last words of a connection that is closed.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Attempt {
    pub(super) number: AttemptId,
    pub(super) link: Link,
    pub(super) server: ServerKey,
    /// Where the socket leads.
    pub(super) address: Address,
    /// A login was proven at this server before.
    pub(super) was_proven: bool,
    /// There was a session over this connection.
    pub(super) is_online: bool,
    socket: TcpStream,
    /// Written by the link, not yet taken by the kernel.
    unsent: Vec<u8>,
    /// How much of it was written because of what was read while something was unsent already.
    owed: usize,
    /// What is written now is the answer to such a read.
    is_answering: bool,
    /// Where reads go; kept, so that a busy connection does not clear a new one for each read.
    chunk: Box<[u8]>,
    is_read_closed: bool,
}

/// What is known of where a connection leads.
pub(super) struct Place {
    pub(super) server: ServerKey,
    pub(super) address: Address,
    /// A login was proven at this server before.
    pub(super) was_proven: bool,
}

impl Attempt {
    pub(super) fn new(number: AttemptId, link: Link, socket: TcpStream, place: Place) -> Self {
        // A flight is one write already; Nagle would only hold back its last segment. Without it we are slower, not wrong.
        let _ = socket.set_nodelay(true);
        Self {
            number,
            link,
            server: place.server,
            address: place.address,
            was_proven: place.was_proven,
            is_online: false,
            socket,
            unsent: Vec::new(),
            owed: 0,
            is_answering: false,
            chunk: vec![0; READ_CHUNK].into_boxed_slice(),
            is_read_closed: false,
        }
    }

    /// Whether more is read now. Neither a full event queue nor a server that does not take our answers stops a login, or a
    /// goodbye.
    pub(super) fn may_read(&self, is_held_back: bool) -> bool {
        let is_held_back = is_held_back || self.owed >= MOST_OWED;
        !(is_held_back && self.link.state_name() == "Online")
    }

    /// Resolves when bytes can be moved.
    pub(super) async fn ready(&self, is_held_back: bool) {
        let may_read = !self.is_read_closed && self.may_read(is_held_back);
        let interest = match (may_read, !self.unsent.is_empty()) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        // An error shows itself at the next read.
        let _ = self.socket.ready(interest).await;
    }

    /// Sends a flight: one write, unless the kernel's buffer is full.
    pub(super) fn write(&mut self, bytes: Vec<u8>) {
        if self.is_answering {
            self.owed = self.owed.saturating_add(bytes.len());
        }
        if self.unsent.is_empty() {
            self.unsent = bytes;
        } else {
            self.unsent.extend_from_slice(&bytes);
        }
        self.flush();
    }

    /// Moves what may be moved now.
    pub(super) fn transfer_what_may_be(&mut self, is_held_back: bool, now: Now) {
        if self.may_read(is_held_back) {
            self.transfer(now);
        } else {
            self.flush();
        }
    }

    /// All that followed from the last read is written.
    pub(super) fn settled(&mut self) {
        self.is_answering = false;
    }

    /// Moves what can be moved.
    pub(super) fn transfer(&mut self, now: Now) {
        self.flush();
        self.is_answering = !self.unsent.is_empty();
        match self.socket.try_read(&mut self.chunk) {
            Ok(0) => self.closed(now),
            Ok(length) => {
                let bytes = self.chunk.get(..length).unwrap_or_default();
                self.link.handle_input(LinkInput::Received(bytes), now);
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.closed(now),
        }
    }

    fn closed(&mut self, now: Now) {
        self.is_read_closed = true;
        self.link.handle_input(LinkInput::TransportClosed, now);
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.try_write(&self.unsent) {
                Ok(length) => {
                    self.unsent.drain(..length);
                    self.owed = self.owed.min(self.unsent.len());
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
                {
                    return;
                }
                // A broken socket shows itself at the next read. It stays writable until then: with bytes left to
                // write, the driver would spin on it and never let the runtime see that it is readable.
                Err(_) => {
                    self.unsent.clear();
                    self.owed = 0;
                }
            }
        }
    }

    /// Lets the last words leave, and closes.
    pub(super) fn close(self) {
        let Self {
            mut socket, unsent, ..
        } = self;
        tokio::spawn(async move {
            let farewell = async {
                socket.write_all(&unsent).await?;
                socket.shutdown().await
            };
            // Nobody is left to whom a failure would matter.
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        });
    }
}

/// Stands in where a change concerns no server.
pub(super) fn no_server() -> ServerKey {
    ServerKey {
        host: String::new(),
        port: 0,
        transport: Transport::DirectTls,
    }
}
