//! Name servers in the namespace of the server: over UDP, and over TLS (RFC 7858).

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use snapback_netsim::packets::tun::Namespace;

use super::{DOMAIN, HOST, text};

/// The name of the encrypted server.
pub(super) const PRIVATE_DNS: &str = "dns.example.net";

/// The time to live of records, in seconds: an address stays known while a scenario lasts.
const TTL: u32 = 3600;

/// What the servers know.
#[derive(Clone, Debug, Default)]
pub(super) struct Zone {
    pub(super) addresses: Vec<IpAddr>,
    /// The port of direct TLS.
    pub(super) port: u16,
    /// An IPv6 address of `ipv4only.arpa` (RFC 7050), where the network has a translator.
    pub(super) prefix: Option<Ipv6Addr>,
}

/// Servers that run until the process ends, and what they know.
#[derive(Clone, Debug, Default)]
pub(super) struct NameServers(Arc<Mutex<Zone>>);

impl NameServers {
    pub(super) fn zone(&self) -> MutexGuard<'_, Zone> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a server for UDP.
    pub(super) fn serve_udp(&self, namespace: &Namespace, at: SocketAddr) -> Result<(), String> {
        let socket = namespace.run(|| UdpSocket::bind(at)).map_err(text)?;
        let socket = socket.map_err(text)?;
        let names = self.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = buffer.get(..length).and_then(|query| names.answer(query)) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(())
    }

    /// Starts a server for TLS, and returns its certificate, which is its own authority.
    pub(super) fn serve_tls(
        &self,
        namespace: &Namespace,
        at: SocketAddr,
    ) -> Result<String, String> {
        let key = KeyPair::generate().map_err(text)?;
        let params = CertificateParams::new(vec![PRIVATE_DNS.to_owned()]).map_err(text)?;
        let certificate = params.self_signed(&key).map_err(text)?;
        let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(text)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(text)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .map_err(text)?;
        let config = Arc::new(config);
        let listener = namespace.run(|| TcpListener::bind(at)).map_err(text)?;
        let listener = listener.map_err(text)?;
        let names = self.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if let Ok(session) = rustls::ServerConnection::new(Arc::clone(&config)) {
                    let mut stream = rustls::StreamOwned::new(session, socket);
                    let names = names.clone();
                    thread::spawn(move || while names.serve_stream(&mut stream).is_some() {});
                }
            }
        });
        Ok(certificate.pem())
    }

    fn serve_stream(&self, stream: &mut (impl Read + Write)) -> Option<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut query).ok()?;
        let answer = self.answer(&query)?;
        let length = u16::try_from(answer.len()).ok()?.to_be_bytes();
        stream
            .write_all(&[&length, answer.as_slice()].concat())
            .ok()?;
        stream.flush().ok()
    }

    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok()?;
        let question = query.queries.first()?.clone();
        let mut answer = Message::response(query.metadata.id, OpCode::Query);
        let name = question.name.to_lowercase().to_ascii();
        let name = name.trim_end_matches('.');
        match self.zone().records(name, question.query_type) {
            Some(records) => {
                for data in records {
                    answer.add_answer(Record::from_rdata(question.name.clone(), TTL, data));
                }
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer.add_query(question);
        answer.to_vec().ok()
    }
}

impl Zone {
    /// `None` if the name does not exist.
    fn records(&self, name: &str, kind: RecordType) -> Option<Vec<RData>> {
        let service = format!("_xmpps-client._tcp.{DOMAIN}");
        if name == service {
            let target = Name::from_ascii(format!("{HOST}.")).ok()?;
            let srv = RData::SRV(SRV::new(1, 1, self.port, target));
            return Some(
                vec![srv]
                    .into_iter()
                    .filter(|_| kind == RecordType::SRV)
                    .collect(),
            );
        }
        if name == "ipv4only.arpa" {
            let well_known = [170, 171].map(|last| RData::A(A(Ipv4Addr::new(192, 0, 0, last))));
            let translated = self.prefix.map(|address| RData::AAAA(AAAA(address)));
            return Some(match kind {
                RecordType::A => well_known.into(),
                RecordType::AAAA => translated.into_iter().collect(),
                _ => Vec::new(),
            });
        }
        let of_host = self.addresses.iter().filter_map(|address| match address {
            IpAddr::V4(v4) if kind == RecordType::A => Some(RData::A(A(*v4))),
            IpAddr::V6(v6) if kind == RecordType::AAAA => Some(RData::AAAA(AAAA(*v6))),
            _ => None,
        });
        (name == HOST).then(|| of_host.collect())
    }
}
