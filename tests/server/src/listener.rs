//! The tokio front end: sockets and timers around sans-IO connections, no protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::connection::{Closing, Connection};
use crate::time::Timestamp;
use crate::wire::Transport;
use crate::world::{ConnectionId, World};

/// The timeout of a write to a client that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the client's end of the connection is awaited after ours.
const LINGER: Duration = Duration::from_secs(2);
const READ_BUFFER: usize = 65_536;
/// The size of the pieces in which a script lets bytes be sent: less than a TLS record of a few bytes.
const TRICKLE: usize = 16;

#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    wakeups: Mutex<BTreeMap<ConnectionId, Arc<Notify>>>,
    /// A session deadline may have moved.
    changed: Notify,
    epoch: (Timestamp, Instant),
    stop: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            world: Mutex::new(world),
            wakeups: Mutex::default(),
            changed: Notify::new(),
            epoch: (since_epoch, Instant::now()),
            stop: watch::Sender::new(false),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let (at, started) = self.epoch;
        at + started.elapsed()
    }

    fn instant(&self, at: Timestamp) -> Instant {
        let (epoch, started) = self.epoch;
        started + at.saturating_sub(epoch)
    }

    /// Calls `run` with the world, and wakes the connections that have something to do afterwards.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let now = self.now();
        let (result, dirty) = {
            let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
            let result = run(&mut world, now);
            (result, world.take_dirty())
        };
        let wakeups = self.wakeups.lock().unwrap_or_else(PoisonError::into_inner);
        for notify in dirty.iter().filter_map(|id| wakeups.get(id)) {
            notify.notify_one();
        }
        drop(wakeups);
        self.changed.notify_one();
        result
    }

    fn register(&self, connection: ConnectionId) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        let mut wakeups = self.wakeups.lock().unwrap_or_else(PoisonError::into_inner);
        wakeups.insert(connection, notify.clone());
        notify
    }

    fn unregister(&self, connection: ConnectionId) {
        let mut wakeups = self.wakeups.lock().unwrap_or_else(PoisonError::into_inner);
        wakeups.remove(&connection);
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    async fn stopped(&self) {
        // The sender exists as long as `self`.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// Accepts connections until stopped.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, transport: Transport) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stopped() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(shared.clone(), stream, transport));
            }
            // Out of file descriptors or similar: the listener itself still works.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Ends expired sessions, until stopped.
pub(crate) async fn expire_sessions(shared: Arc<Shared>) {
    loop {
        let deadline = {
            let world = shared.world.lock().unwrap_or_else(PoisonError::into_inner);
            world.next_deadline()
        };
        tokio::select! {
            () = sleep_until(&shared, deadline) => {
                shared.with(World::handle_timeout);
            }
            () = shared.changed.notified() => {}
            () = shared.stopped() => return,
        }
    }
}

async fn sleep_until(shared: &Shared, deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(shared.instant(at)).await,
        None => std::future::pending().await,
    }
}

async fn serve(shared: Arc<Shared>, mut stream: TcpStream, transport: Transport) {
    // Without it an answer may wait for the client's acknowledgement of an earlier segment.
    let _ = stream.set_nodelay(true);
    let mut connection = shared.with(|world, now| Connection::new(world, transport, now));
    let wakeup = shared.register(connection.id());
    let closing = exchange(&shared, &mut stream, &mut connection, &wakeup).await;
    shared.unregister(connection.id());
    shared.with(|world, now| connection.handle_closed(world, now));
    match closing {
        Closing::Reset => {
            let _ = stream.set_zero_linger();
        }
        Closing::Finish => {
            let _ = tokio::time::timeout(LINGER, drain(&mut stream)).await;
        }
    }
}

/// Reads the rest of the input: closing a socket with unread input resets it, and the client loses what was sent last.
async fn drain(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut buffer = [0u8; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn pieces(stream: &mut TcpStream, bytes: &[u8], size: usize) -> std::io::Result<()> {
    for piece in bytes.chunks(size.max(1)) {
        stream.write_all(piece).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn exchange(
    shared: &Shared,
    stream: &mut TcpStream,
    connection: &mut Connection,
    wakeup: &Notify,
) -> Closing {
    let mut buffer = vec![0u8; READ_BUFFER];
    loop {
        let (output, deadline) = shared.with(|world, _| {
            let output = connection.take_output(world);
            (output, connection.next_deadline(world))
        });
        if !output.bytes.is_empty() {
            let size = if output.is_trickled {
                TRICKLE
            } else {
                output.bytes.len()
            };
            let write = tokio::time::timeout(WRITE_TIMEOUT, pieces(stream, &output.bytes, size));
            if !matches!(write.await, Ok(Ok(()))) {
                return Closing::Reset;
            }
        }
        if let Some(closing) = output.closing {
            return closing;
        }
        tokio::select! {
            read = stream.read(&mut buffer), if !connection.has_stopped_reading() => match read {
                Ok(0) => shared.with(|world, now| connection.handle_eof(world, now)),
                Ok(read) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    shared.with(|world, now| connection.handle_bytes(world, bytes, now));
                }
                Err(_) => return Closing::Reset,
            },
            () = wakeup.notified() => {
                shared.with(|world, now| connection.handle_wakeup(world, now));
            }
            () = sleep_until(shared, deadline) => {
                shared.with(|world, now| connection.handle_timeout(world, now));
            }
            () = shared.stopped() => return Closing::Reset,
        }
    }
}
