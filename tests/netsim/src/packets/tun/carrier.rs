//! The thread that moves packets between two TUN devices and the model.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{sync::Arc, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::SyncDevice;

use super::TunError;
use crate::Direction;
use crate::packets::Model;

/// The maximum number of packets read from one end before the other has its turn.
const BURST: usize = 64;

/// The longest packet that a TUN device hands out.
const LONGEST: usize = 65_536;

/// Drives a model with packets and the clock. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Carrier {
    shared: Arc<Shared>,
    /// A byte wakes the thread, the end of the stream ends it.
    waker: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    model: Mutex<Model>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier {
    pub(super) fn start(
        model: Model,
        client: SyncDevice,
        server: SyncDevice,
    ) -> Result<Self, TunError> {
        let refused = |source| TunError::Io {
            what: "preparing the thread of a link",
            source,
        };
        for device in [&client, &server] {
            device.set_nonblocking(true).map_err(refused)?;
        }
        let (waker, wake) = UnixStream::pair().map_err(refused)?;
        wake.set_nonblocking(true).map_err(refused)?;
        let shared = Arc::new(Shared {
            start: Instant::now(),
            model: Mutex::new(model),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || carry(&theirs, &client, &server, &wake))
            .map_err(refused)?;
        Ok(Self {
            shared,
            waker: Some(waker),
            thread: Some(thread),
        })
    }

    /// Asks or changes the model, at this moment.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Model, Duration) -> T) -> T {
        let answer = change(&mut self.shared.lock(), self.shared.start.elapsed());
        if let Some(mut waker) = self.waker.as_ref() {
            // A full pipe wakes as well as one more byte.
            let _ = waker.write(&[0]);
        }
        answer
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.waker = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(shared: &Shared, client: &SyncDevice, server: &SyncDevice, wake: &UnixStream) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let next = deliver(shared, client, server);
        let timeout = next.map(|next| {
            let wait = next.saturating_sub(shared.start.elapsed());
            Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            }
        });
        let mut ends = [client.as_fd(), server.as_fd(), wake.as_fd()]
            .map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
        if let Err(error) = poll(&mut ends, timeout.as_ref())
            && error != rustix::io::Errno::INTR
        {
            return;
        }
        if is_over(wake) {
            return;
        }
        for (device, direction) in [(client, Direction::ToServer), (server, Direction::ToClient)] {
            take(shared, device, direction, &mut buffer);
        }
    }
}

/// Reads what a device has, at most a burst.
fn take(shared: &Shared, device: &SyncDevice, direction: Direction, buffer: &mut [u8]) {
    for _ in 0..BURST {
        // An interface that is down has nothing to read.
        let Ok(len) = device.recv(buffer) else { return };
        let packet = buffer.get(..len).unwrap_or_default().to_vec();
        let now = shared.start.elapsed();
        shared.lock().handle_packet(now, direction, packet);
    }
}

/// Delivers what has arrived, and returns when there is more.
fn deliver(shared: &Shared, client: &SyncDevice, server: &SyncDevice) -> Option<Duration> {
    loop {
        let due = {
            let mut model = shared.lock();
            model
                .poll_packet(shared.start.elapsed())
                .ok_or_else(|| model.next_at())
        };
        let device = match &due {
            Ok((Direction::ToServer, _)) => server,
            Ok((Direction::ToClient, _)) => client,
            Err(next) => return *next,
        };
        if let Ok((_, packet)) = due {
            // An interface that is down refuses: so the packet is lost, as it would be.
            let _ = device.send(&packet);
        }
    }
}

/// Empties the waker; returns true when its other end is closed.
fn is_over(mut wake: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    loop {
        match wake.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
