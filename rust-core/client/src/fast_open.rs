//! TCP Fast Open (RFC 7413), where the system has it for the connecting side without a call that replaces `write`: Linux and
//! Android (`TCP_FASTOPEN_CONNECT`, Linux 4.11). Apple's `connectx` would be such a call; it is not used.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Connects. If the kernel has a cookie of this server, the socket sends nothing before the first write, whose bytes the SYN
/// carries. Otherwise the handshake is the usual one, and asks for a cookie.
pub(crate) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use nix::sys::socket::{setsockopt, sockopt::TcpFastOpenConnect};
        use tokio::net::TcpSocket;

        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Where the kernel refuses the option, the handshake is the usual one.
        let _ = setsockopt(&socket, TcpFastOpenConnect, &true);
        socket.connect(addr).await
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    TcpStream::connect(addr).await
}
