//! One relayed connection: two queues of time-stamped chunks and the four tasks that move them.

use crate::link::Shared;
use crate::{ChargeHandshake, CutMode, Direction};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The largest piece read at once.
const READ: usize = 16 * 1024;
/// Chunks on the wire per direction. 16 MiB of them, more than any bandwidth-delay product worth testing, so memory
/// is bounded and throughput is not.
const WINDOW: usize = 1024;
/// tokio's timer rounds up to a millisecond; the last one is waited for by yielding, so that ten flights over a link
/// are not twenty milliseconds late.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// What travels: bytes, or the end of them.
enum Piece {
    Bytes(Vec<u8>),
    End,
    Reset,
}

type Queue = mpsc::Receiver<(Instant, Piece)>;

/// What the link holds of a connection in order to end it.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    client: Option<Arc<OwnedReadHalf>>,
    upstream: Option<Arc<OwnedReadHalf>>,
    /// Everything but the task that reads from the server.
    tasks: Vec<AbortHandle>,
    upstream_reader: Option<AbortHandle>,
    ends_delivered: u8,
    cut: bool,
}

impl Connection {
    pub(crate) fn is_live(&self) -> bool {
        !self.cut
    }

    /// Ends the connection; true if nothing of it is left to keep.
    pub(crate) fn cut(&mut self, mode: CutMode) -> bool {
        self.cut = true;
        self.tasks.drain(..).for_each(|t| t.abort());
        if mode != CutMode::ResetClient {
            self.stop_upstream_reader();
        }
        match mode {
            CutMode::ResetClient => reset(&mut self.client),
            CutMode::ResetBoth => {
                reset(&mut self.client);
                reset(&mut self.upstream);
            }
            CutMode::CloseBoth => {
                self.client = None;
                self.upstream = None;
            }
            CutMode::Blackhole => {}
        }
        self.client.is_none() && self.upstream.is_none()
    }

    /// Returns whether the client was cut off and the server was not notified.
    pub(crate) fn is_half_dead(&self) -> bool {
        self.client.is_none()
    }

    pub(crate) fn drop_upstream(&mut self) {
        self.stop_upstream_reader();
        reset(&mut self.upstream);
    }

    /// One direction is over; true if that was the second.
    pub(crate) fn end_delivered(&mut self) -> bool {
        self.ends_delivered += 1;
        self.ends_delivered >= 2
    }

    fn stop_upstream_reader(&mut self) {
        if let Some(task) = self.upstream_reader.take() {
            task.abort();
        }
    }
}

/// Makes the close that follows a reset: with no time to linger the kernel sends RST instead of FIN.
fn reset(socket: &mut Option<Arc<OwnedReadHalf>>) {
    if let Some(half) = socket.take() {
        // A socket that the peer has closed already may refuse the option; then there is no peer to reset.
        let _ = half.as_ref().as_ref().set_zero_linger();
    }
}

/// A write half that does not send FIN when its task is dropped, since a reset must not be preceded by one.
struct Writer(Option<OwnedWriteHalf>);

impl Writer {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Some(half) => half.write_all(bytes).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn end(&mut self) {
        if let Some(half) = &mut self.0 {
            // Fails only if the other side is gone, and then the reader reports it.
            let _ = half.shutdown().await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(half) = self.0.take() {
            half.forget();
        }
    }
}

/// Takes over an accepted client.
pub(crate) fn start(shared: &Arc<Shared>, client: TcpStream) {
    let accepted = Instant::now();
    let established = match shared.handshake {
        ChargeHandshake::InConnect => accepted,
        ChargeHandshake::OnFirstBytes => accepted + shared.rtt(),
    };
    // Without NODELAY the relay would add Nagle's delays to the link's own. A failure shows as a slow test, no more.
    let _ = client.set_nodelay(true);
    let peer = client.peer_addr().ok();
    let (read, write) = client.into_split();
    let read = Arc::new(read);
    let id = shared.register(
        peer,
        Connection {
            client: Some(Arc::clone(&read)),
            ..Connection::default()
        },
    );
    let (to_server, from_client) = mpsc::channel(WINDOW);
    let reader = tokio::spawn(read_all(read, to_server, established));
    let server_side = tokio::spawn(server_side(
        Arc::clone(shared),
        id,
        established,
        from_client,
        Writer(Some(write)),
    ));
    shared.with(id, |c| {
        c.tasks
            .extend([reader.abort_handle(), server_side.abort_handle()])
    });
}

/// Dials the server when the client's handshake would have reached it, then writes to it.
async fn server_side(
    shared: Arc<Shared>,
    id: u64,
    established: Instant,
    queue: Queue,
    to_client: Writer,
) {
    wait_until(established + shared.rtt() / 2).await;
    let Ok(upstream) = TcpStream::connect(shared.upstream()).await else {
        wait_until(Instant::now() + shared.rtt() / 2).await;
        drop(to_client);
        shared.cut_one(id, CutMode::ResetBoth);
        return;
    };
    let _ = upstream.set_nodelay(true);
    let (read, write) = upstream.into_split();
    let read = Arc::new(read);
    let (sender, from_server) = mpsc::channel(WINDOW);
    shared.with(id, |c| {
        // Spawned under the lock: a cut comes either before (then this task is aborted and `with` finds it cut) or after.
        if c.cut {
            return;
        }
        c.upstream = Some(Arc::clone(&read));
        c.upstream_reader = Some(tokio::spawn(read_all(read, sender, established)).abort_handle());
        let writer = write_all(
            Arc::clone(&shared),
            id,
            Direction::ToClient,
            from_server,
            to_client,
        );
        c.tasks.push(tokio::spawn(writer).abort_handle());
    });
    write_all(shared, id, Direction::ToServer, queue, Writer(Some(write))).await;
}

/// Reads until the end. Continues reading, and drops the data, when the other side was cut off.
async fn read_all(
    from: Arc<OwnedReadHalf>,
    to: mpsc::Sender<(Instant, Piece)>,
    not_before: Instant,
) {
    let mut buffer = vec![0; READ];
    loop {
        let piece = match read(&from, &mut buffer).await {
            Ok([]) => Piece::End,
            Ok(bytes) => Piece::Bytes(bytes.to_vec()),
            Err(_) => Piece::Reset,
        };
        let more = matches!(piece, Piece::Bytes(_));
        // No receiver: the client was cut off, and the server must not notice.
        let _ = to.send((Instant::now().max(not_before), piece)).await;
        if !more {
            return;
        }
    }
}

async fn read<'b>(from: &OwnedReadHalf, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    loop {
        from.readable().await?;
        match from.try_read(buffer) {
            Ok(n) => return Ok(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// Writes each piece half a round trip after it was read.
async fn write_all(
    shared: Arc<Shared>,
    id: u64,
    direction: Direction,
    mut queue: Queue,
    mut to: Writer,
) {
    while let Some((at, piece)) = queue.recv().await {
        wait_until(at + shared.rtt() / 2).await;
        match piece {
            Piece::Bytes(bytes) => {
                let (len, cut) = shared.deliver(id, direction, at, bytes.len());
                if to
                    .write(bytes.get(..len).unwrap_or_default())
                    .await
                    .is_err()
                {
                    return shared.cut_one(id, CutMode::ResetBoth);
                }
                if let Some(mode) = cut {
                    return shared.cut_one(id, mode);
                }
            }
            Piece::End => {
                to.end().await;
                return shared.end_delivered(id);
            }
            Piece::Reset => return shared.cut_one(id, CutMode::ResetBoth),
        }
    }
}

pub(crate) async fn wait_until(due: Instant) {
    if let Some(early) = due.checked_sub(TIMER_GRAIN) {
        tokio::time::sleep_until(early.into()).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}
