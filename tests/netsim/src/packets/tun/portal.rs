//! The answers of a captive portal (RFC 8952): a redirection to HTTP clients, nothing to all others.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::namespace::{Namespace, NamespaceRuntime};
use super::{SERVER, TunError};

/// Where the portal listens, at the server's end of the link.
pub(super) const PORT: u16 = 8952;

/// The domain is one that never exists (RFC 6761).
const REDIRECTION: &[u8] = b"HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Starts a portal, which lives as long as the answer.
pub(super) fn start(server: &Namespace) -> Result<NamespaceRuntime, TunError> {
    let refused = |source| TunError::Io {
        what: "opening the port of the captive portal",
        source,
    };
    let listener = server.run(|| std::net::TcpListener::bind((SERVER, PORT)))?;
    let listener = listener.map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    let runtime = server.runtime()?;
    runtime.handle().spawn(async move {
        let Ok(listener) = TcpListener::from_std(listener) else {
            return;
        };
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client));
        }
    });
    Ok(runtime)
}

async fn answer(mut client: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(len @ 1..) = client.read(&mut buffer).await {
        let is_http = [b"GET ".as_slice(), b"HEAD ", b"POST "]
            .iter()
            .any(|method| {
                buffer
                    .get(..len)
                    .is_some_and(|said| said.starts_with(method))
            });
        if is_http {
            let _ = client.write_all(REDIRECTION).await;
            return;
        }
        // TLS and XMPP are read and left without an answer.
    }
}
