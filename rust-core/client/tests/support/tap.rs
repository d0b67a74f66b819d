//! Records the raw bytes of each connection, as anyone on the path could.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use snapback_client::{Dial, Dialing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The bytes that passed, separately for each direction.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Vec<Vec<u8>>>>);

impl Tap {
    /// Returns every direction of every connection.
    pub fn streams(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    pub fn has_seen(&self, secret: &str) -> bool {
        let secret = secret.as_bytes();
        self.streams()
            .iter()
            .any(|stream| stream.windows(secret.len()).any(|part| part == secret))
    }

    fn open(&self) -> usize {
        let mut streams = self.0.lock().unwrap();
        streams.push(Vec::new());
        streams.len() - 1
    }

    async fn copy(
        self,
        mut from: tokio::net::tcp::OwnedReadHalf,
        mut to: tokio::net::tcp::OwnedWriteHalf,
        stream: usize,
    ) {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            self.0.lock().unwrap()[stream].extend_from_slice(&chunk[..length]);
            if to.write_all(&chunk[..length]).await.is_err() {
                return;
            }
        }
        // The other end may have closed already.
        let _ = to.shutdown().await;
    }
}

/// Dials the server through the tap, whatever address the client dials.
pub struct TapDial {
    pub tap: Tap,
    pub server: SocketAddr,
}

impl Dial for TapDial {
    fn dial(&self, _: SocketAddr) -> Dialing {
        let (tap, server) = (self.tap.clone(), self.server);
        Box::pin(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let client = TcpStream::connect(listener.local_addr()?).await?;
            let (near, _) = listener.accept().await?;
            let far = TcpStream::connect(server).await?;
            let (near_read, near_write) = near.into_split();
            let (far_read, far_write) = far.into_split();
            let up = tap.open();
            let down = tap.open();
            tokio::spawn(tap.clone().copy(near_read, far_write, up));
            tokio::spawn(tap.copy(far_read, near_write, down));
            Ok(client)
        })
    }
}
