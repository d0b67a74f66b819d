//! The attempt's socket.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// The maximum size of one read, and so of what one transaction stores: under load the disk's syncs are the main cost,
/// and some hundred stanzas share one. It is not larger, so that neither a flood nor a roster delays the other inputs.
const READ_CHUNK: usize = 128 * 1024;
/// The maximum number of unsent bytes of answers to what was read while something was unsent (rule I20). If a server
/// sends requests and does not read, reading from it pauses until it does. What the app sends does not count: a long
/// queue on a slow path must not stop us from reading.
const MAX_OWED: usize = 256 * 1024;
/// The maximum time for the last bytes of a connection to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Socket {
    inner: TcpStream,
    /// Written by the engine, not yet taken by the kernel.
    unsent: Vec<u8>,
    /// How much of it was written in answer to what was read while something was unsent already.
    owed: usize,
    /// What is written now is the answer to such a read.
    is_answering: bool,
    /// The read buffer; kept, so that a busy connection does not clear a new one for each read.
    chunk: Box<[u8]>,
    is_read_closed: bool,
}

/// The result of a read.
pub(super) enum Read<'a> {
    Bytes(&'a [u8]),
    Closed,
    Nothing,
}

impl Socket {
    pub(super) fn new(inner: TcpStream) -> Self {
        // A flight is one write already; Nagle's algorithm would only delay its last segment. If this fails, the
        // connection is slower, not wrong.
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

    /// Returns whether more answers to the server are unsent than allowed.
    pub(super) fn owes_too_much(&self) -> bool {
        self.owed >= MAX_OWED
    }

    /// Marks everything that followed from the last read as written.
    pub(super) fn settled(&mut self) {
        self.is_answering = false;
    }

    /// Waits until bytes can be read or written.
    pub(super) async fn ready(&self, may_read: bool) {
        let may_read = !self.is_read_closed && may_read;
        let interest = match (may_read, !self.unsent.is_empty()) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        // An error is reported by the next read.
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

    /// Reads and writes what is possible.
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

    /// Writes as much as the kernel accepts.
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
                // The next read reports a broken socket. It stays writable until then: with bytes left to write, the
                // driver would spin on it and never let the runtime notice that it is readable.
                Err(_) => {
                    self.unsent.clear();
                    self.owed = 0;
                }
            }
        }
    }

    /// Sends the last bytes, and closes.
    pub(super) fn close(self) {
        let Self {
            mut inner, unsent, ..
        } = self;
        tokio::spawn(async move {
            let closing = async {
                inner.write_all(&unsent).await?;
                inner.shutdown().await
            };
            // No task is left that a failure would concern.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        });
    }
}
