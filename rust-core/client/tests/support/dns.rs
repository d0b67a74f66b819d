//! A name server that serves one domain and counts its queries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use tokio::net::UdpSocket;

pub struct NameServer {
    pub addr: SocketAddr,
    queries: Arc<AtomicUsize>,
    port: Arc<AtomicU16>,
}

impl NameServer {
    /// Answers that direct TLS of any domain is on this port of `localhost`, and nothing else. It runs until the test's
    /// runtime ends.
    pub async fn start(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let started = Self {
            addr: socket.local_addr().unwrap(),
            queries: Arc::default(),
            port: Arc::new(AtomicU16::new(port)),
        };
        let (queries, port) = (Arc::clone(&started.queries), Arc::clone(&started.port));
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                queries.fetch_add(1, Ordering::SeqCst);
                let answer = answer(&buffer[..length], port.load(Ordering::SeqCst));
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        started
    }

    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    /// Changes the server's port.
    pub fn set_port(&self, port: u16) {
        self.port.store(port, Ordering::SeqCst);
    }
}

/// RFC 1035 section 4.1, RFC 2782. The question ends after its name, type and class; what follows it (EDNS) is dropped.
fn answer(query: &[u8], port: u16) -> Vec<u8> {
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..name_end + 5];
    let is_direct = question.starts_with(b"\x0d_xmpps-client");
    let (code, answers) = if is_direct { (0, 1) } else { (3, 0) };
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    out.extend(question);
    if is_direct {
        let target = b"\x09localhost\0";
        // The question's name, SRV, IN, 300 seconds.
        out.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 1, 44]);
        out.extend((6 + target.len() as u16).to_be_bytes());
        out.extend([0, 1, 0, 1]);
        out.extend(port.to_be_bytes());
        out.extend(target);
    }
    out
}
