//! The attempt's socket.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// What one read takes at most, and so what one transaction takes in: under a flood the disk's syncs are what costs, and
/// some hundred stanzas share one. Not more, so that neither a flood nor a roster starves the other inputs.
const READ_CHUNK: usize = 128 * 1024;
/// How much may be unsent of the answers to what was read while something was unsent (rule I20). A server that asks and does not
/// read is not read any more until it does. What the app sends does not count: a long queue on a slow path must not keep us from
/// hearing.
const MAX_OWED: usize = 256 * 1024;
/// How long the last bytes of a connection may take to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Socket {
    inner: TcpStream,
    /// Written by the engine, not yet taken by the kernel.
    unsent: Vec<u8>,
    /// How much of it was written because of what was read while something was unsent already.
    owed: usize,
    /// What is written now is the answer to such a read.
    is_answering: bool,
    /// Where reads go; kept, so that a busy connection does not clear a new one for each read.
    chunk: Box<[u8]>,
    is_read_closed: bool,
}

/// What a read brought.
pub(super) enum Read<'a> {
    Bytes(&'a [u8]),
    Closed,
    Nothing,
}

impl Socket {
    pub(super) fn new(inner: TcpStream) -> Self {
        // A flight is one write already; Nagle would only hold back its last segment. Without it we are slower, not wrong.
        let _ = inner.set_nodelay(true);
        Self {
            inner,
            unsent: Vec::new(),
            owed: 0,
            is_answering: false,
            chunk: vec![0; READ_CHUNK].into_boxed_slice(),
            is_read_closed: false,
        }
    }

    /// Whether more of what the server asks is unsent than it may ask for.
    pub(super) fn owes_too_much(&self) -> bool {
        self.owed >= MAX_OWED
    }

    /// All that followed from the last read is written.
    pub(super) fn settled(&mut self) {
        self.is_answering = false;
    }

    /// Resolves when bytes can be moved.
    pub(super) async fn ready(&self, may_read: bool) {
        let may_read = !self.is_read_closed && may_read;
        let interest = match (may_read, !self.unsent.is_empty()) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        // An error shows itself at the next read.
        let _ = self.inner.ready(interest).await;
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

    /// Moves what can be moved.
    pub(super) fn transfer(&mut self) -> Read<'_> {
        self.flush();
        self.is_answering = !self.unsent.is_empty();
        match self.inner.try_read(&mut self.chunk) {
            Ok(0) => self.closed(),
            Ok(length) => Read::Bytes(self.chunk.get(..length).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Read::Nothing
            }
            Err(_) => self.closed(),
        }
    }

    fn closed(&mut self) -> Read<'_> {
        self.is_read_closed = true;
        Read::Closed
    }

    /// Writes what the kernel takes.
    pub(super) fn flush(&mut self) {
        while !self.unsent.is_empty() {
            match self.inner.try_write(&self.unsent) {
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

    /// Lets the last bytes leave, and closes.
    pub(super) fn close(self) {
        let Self {
            mut inner, unsent, ..
        } = self;
        tokio::spawn(async move {
            let closing = async {
                inner.write_all(&unsent).await?;
                inner.shutdown().await
            };
            // No entity is left to whom a failure would matter.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        });
    }
}
