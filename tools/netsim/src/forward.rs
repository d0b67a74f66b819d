//! Ports of the other host that lead into the network of the shell.

use std::io;

use snapback_netsim::packets::tun::{NamespaceRuntime, SERVER, TunError, TunLink};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::arguments::Forward;

/// Relays, as long as this lives: connections are accepted in one network and made in the other.
#[derive(Debug)]
pub(crate) struct Forwards {
    _there: NamespaceRuntime,
    _here: Option<Runtime>,
}

impl Forwards {
    pub(crate) fn start(link: &TunLink, forwards: &[Forward]) -> Result<Self, TunError> {
        let refused = |source| TunError::Io {
            what: "opening the ports to forward",
            source,
        };
        let there = link.server().runtime()?;
        // A socket belongs to the network of the thread that makes it: each of the two runtimes makes one end.
        let here = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(refused)?;
        for forward in forwards.iter().copied() {
            let listener = link
                .server()
                .run(|| std::net::TcpListener::bind((SERVER, forward.port)))?;
            let listener = listener.map_err(refused)?;
            listener.set_nonblocking(true).map_err(refused)?;
            let connect = here.handle().clone();
            there.handle().spawn(async move {
                let Ok(listener) = TcpListener::from_std(listener) else {
                    return;
                };
                while let Ok((client, _)) = listener.accept().await {
                    let connect = connect.clone();
                    tokio::spawn(async move {
                        let upstream = connect.spawn(TcpStream::connect(forward.to)).await;
                        if let Ok(Ok(upstream)) = upstream {
                            // Either end may close it.
                            let _ = relay(client, upstream).await;
                        }
                    });
                }
            });
        }
        Ok(Self {
            _there: there,
            _here: Some(here),
        })
    }
}

impl Drop for Forwards {
    fn drop(&mut self) {
        if let Some(here) = self._here.take() {
            here.shutdown_background();
        }
    }
}

async fn relay(mut client: TcpStream, mut upstream: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}
