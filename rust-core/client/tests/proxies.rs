//! Proxies, honest and not: SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 section 9.3.6). With remote names no query
//! of any kind leaves the device.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use snapback_client::resolver::{NameServers, ResolveError, System};
use snapback_client::{
    Client, ClientConfig, DialError, EndReason, Event, Proxy, ProxyCredentials, ProxyError,
    ProxyKind, ProxyNames, Secret, ServerAddress, SocksRefusal, Transport, Trust, danger,
};
use snapback_reference_server::{Config, ReferenceServer, Switches};
use support::TIMEOUT;
use support::course::hasty;
use support::dns::NameServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "r0m30";

/// What a proxy does with a request.
#[derive(Clone, Debug)]
enum Manner {
    /// Connects to the server, whatever is asked for.
    Connects,
    /// The same, for this user only.
    ConnectsFor(&'static str, &'static str),
    /// Answers with these bytes, and then keeps silent.
    Says(Vec<u8>),
    /// Answers with these bytes, and closes.
    SaysAndCloses(Vec<u8>),
    /// Answers with these bytes without end.
    Repeats(Vec<u8>),
}

struct TestProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    async fn start(kind: ProxyKind, manner: Manner, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (manner, log) = (manner.clone(), Arc::clone(&log));
                tokio::spawn(serve(client, kind, manner, server, log));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves one connection; what goes wrong ends it.
async fn serve(
    mut client: TcpStream,
    kind: ProxyKind,
    manner: Manner,
    server: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let credentials = match manner {
        Manner::Connects => None,
        Manner::ConnectsFor(user, password) => Some((user, password)),
        Manner::Says(bytes) => {
            client.write_all(&bytes).await?;
            return std::future::pending().await;
        }
        Manner::SaysAndCloses(bytes) => {
            // A request that is not read would be answered with a reset.
            let mut request = [0; 1024];
            let _ = client.read(&mut request).await?;
            client.write_all(&bytes).await?;
            return client.shutdown().await;
        }
        Manner::Repeats(bytes) => loop {
            client.write_all(&bytes).await?;
        },
    };
    let asked = match kind {
        ProxyKind::Socks5 => socks5(&mut client, credentials).await?,
        ProxyKind::HttpConnect => http(&mut client, credentials).await?,
    };
    let Some(asked) = asked else { return Ok(()) };
    log.lock().unwrap().push(asked);
    let mut far = TcpStream::connect(server).await?;
    tokio::io::copy_bidirectional(&mut client, &mut far).await?;
    Ok(())
}

/// Returns what the client asks for; `None` if its credentials are wrong.
async fn socks5(
    client: &mut TcpStream,
    credentials: Option<(&str, &str)>,
) -> std::io::Result<Option<String>> {
    assert_eq!(client.read_u8().await?, 5);
    let mut methods = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut methods).await?;
    let Some((user, password)) = credentials else {
        client.write_all(&[5, 0]).await?;
        return socks5_request(client).await.map(Some);
    };
    if !methods.contains(&2) {
        client.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    client.write_all(&[5, 2]).await?;
    assert_eq!(client.read_u8().await?, 1);
    let given = [text(client).await?, text(client).await?];
    let is_right = given == [user, password];
    client.write_all(&[1, u8::from(!is_right)]).await?;
    if !is_right {
        return Ok(None);
    }
    socks5_request(client).await.map(Some)
}

async fn socks5_request(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            client.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => text(client).await?,
        4 => {
            let mut ip = [0; 16];
            client.read_exact(&mut ip).await?;
            std::net::Ipv6Addr::from(ip).to_string()
        }
        other => panic!("address type {other}"),
    };
    let port = client.read_u16().await?;
    // Bound to a name, which is the longest form.
    client
        .write_all(&[5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 80])
        .await?;
    Ok(format!("{host}:{port}"))
}

async fn text(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

async fn http(
    client: &mut TcpStream,
    credentials: Option<(&str, &str)>,
) -> std::io::Result<Option<String>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    let request = String::from_utf8(request).unwrap();
    let asked = request
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split_once(" HTTP/1.1\r\n"))
        .map(|(asked, _)| asked.to_owned())
        .unwrap();
    assert!(request.contains(&format!("\r\nHost: {asked}\r\n")));
    // `juliet:capulet`, in Base64.
    let is_right = request.contains("\r\nProxy-Authorization: Basic anVsaWV0OmNhcHVsZXQ=\r\n");
    if credentials.is_some() && !is_right {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        client.write_all(refusal).await?;
        return Ok(None);
    }
    // In pieces: the end of the header is found wherever it is cut.
    for piece in ["HTTP/1.1 200 OK\r\nVia: 1.1 p", "roxy\r", "\n\r", "\n"] {
        client.write_all(piece.as_bytes()).await?;
        client.flush().await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Ok(Some(asked))
}

async fn server() -> ReferenceServer {
    ReferenceServer::start(Config {
        domain: "example.org".to_owned(),
        switches: Switches::modern(),
        accounts: vec![("juliet".to_owned(), PASSWORD.to_owned())],
        ..Config::default()
    })
    .await
    .unwrap()
}

fn config(server: &ReferenceServer, account: &str, proxy: Option<Proxy>) -> ClientConfig {
    let mut config = ClientConfig::new(account, PASSWORD).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
    config.network.proxy = proxy;
    hasty(&mut config);
    config
}

async fn outcome(client: &Client) -> Result<(), EndReason> {
    client.connect();
    let wait = async {
        loop {
            match client.next_event().await {
                Some(Event::Online { .. }) => return Ok(()),
                Some(Event::Ended { reason, .. }) => return Err(reason),
                Some(_) => {}
                None => panic!("the client ended"),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap()
}

const KINDS: [ProxyKind; 2] = [ProxyKind::Socks5, ProxyKind::HttpConnect];

#[tokio::test]
async fn with_remote_names_no_query_leaves_the_device() {
    let server = server().await;
    for kind in KINDS {
        let proxy = TestProxy::start(kind, Manner::Connects, server.direct_addr()).await;
        let dns = NameServer::start(server.direct_addr().port()).await;
        let mut config = config(
            &server,
            "juliet@example.org",
            Some(Proxy::new(kind, proxy.address)),
        );
        config.network.name_servers = NameServers::Given(vec![dns.addr]);
        config.network.system = System::Android10;
        config.network.ask_platform = true;
        let client = Client::open(config).unwrap();
        assert_eq!(outcome(&client).await, Ok(()), "{kind:?}");
        assert_eq!(proxy.asked(), ["example.org:5223"], "{kind:?}");
        assert_eq!(dns.queries(), 0, "{kind:?}");
        let request = tokio::time::timeout(
            std::time::Duration::from_millis(50),
            client.next_platform_request(),
        );
        assert!(request.await.is_err(), "the platform was asked");
    }
}

#[tokio::test]
async fn the_domain_is_tried_with_starttls_if_direct_tls_fails() {
    let server = server().await;
    for kind in KINDS {
        // Behind every name and port there is the port for STARTTLS.
        let proxy = TestProxy::start(kind, Manner::Connects, server.starttls_addr()).await;
        let config = config(
            &server,
            "juliet@example.org",
            Some(Proxy::new(kind, proxy.address)),
        );
        let client = Client::open(config).unwrap();
        client.connect();
        let wait =
            async { while !matches!(client.next_event().await, Some(Event::Online { .. })) {} };
        tokio::time::timeout(TIMEOUT, wait).await.unwrap();
        let asked = proxy.asked();
        assert_eq!(asked.first().unwrap(), "example.org:5223");
        assert_eq!(asked.last().unwrap(), "example.org:5222");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_names_and_addresses_as_they_are_configured() {
    let server = server().await;
    let table = [
        ("xmpp.example.net", "xmpp.example.net:7000"),
        ("B\u{fc}cher.example", "xn--bcher-kva.example:7000"),
        ("192.0.2.7", "192.0.2.7:7000"),
        (
            "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion",
            "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:7000",
        ),
    ];
    for kind in KINDS {
        for (host, expected) in table {
            let proxy = TestProxy::start(kind, Manner::Connects, server.direct_addr()).await;
            let mut config = config(
                &server,
                "juliet@example.org",
                Some(Proxy::new(kind, proxy.address)),
            );
            config.network.servers = vec![ServerAddress {
                host: host.to_owned(),
                port: 7000,
                transport: Transport::DirectTls,
            }];
            let client = Client::open(config).unwrap();
            assert_eq!(outcome(&client).await, Ok(()), "{kind:?} {host}");
            assert_eq!(proxy.asked(), [expected]);
        }
    }
}

#[tokio::test]
async fn local_names_are_looked_up_and_the_proxy_gets_an_address() {
    let server = server().await;
    for kind in KINDS {
        let proxy = TestProxy::start(kind, Manner::Connects, server.direct_addr()).await;
        let dns = NameServer::start(7001).await;
        let mut settings = Proxy::new(kind, proxy.address);
        settings.names = ProxyNames::Local;
        let mut config = config(&server, "juliet@example.org", Some(settings));
        config.network.name_servers = NameServers::Given(vec![dns.addr]);
        let client = Client::open(config).unwrap();
        assert_eq!(outcome(&client).await, Ok(()), "{kind:?}");
        assert!(dns.queries() > 0);
        let asked = proxy.asked();
        // `localhost` has one address or two.
        assert!(
            asked.iter().all(|asked| asked.ends_with(":7001")),
            "{asked:?}"
        );
        assert!(
            !asked.iter().any(|asked| asked.contains("localhost")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn onion_names_reach_no_resolver() {
    let server = server().await;
    let onion = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion";
    for (account, host) in [
        (format!("juliet@{onion}"), None),
        ("juliet@example.org".to_owned(), Some(onion)),
    ] {
        let dns = NameServer::start(5223).await;
        let mut config = config(&server, &account, None);
        config.network.name_servers = NameServers::Given(vec![dns.addr]);
        config.network.servers = host
            .map(|host| ServerAddress {
                host: host.to_owned(),
                port: 5223,
                transport: Transport::DirectTls,
            })
            .into_iter()
            .collect();
        let client = Client::open(config).unwrap();
        let expected = EndReason::Dial(DialError::Resolve(ResolveError::OnionService));
        assert_eq!(outcome(&client).await, Err(expected), "{account} {host:?}");
        assert_eq!(dns.queries(), 0);
    }
}

#[tokio::test]
async fn a_proxy_may_require_a_user_and_a_password() {
    let server = server().await;
    let manner = Manner::ConnectsFor("juliet", "capulet");
    for kind in KINDS {
        let proxy = TestProxy::start(kind, manner.clone(), server.direct_addr()).await;
        let with = |password: Option<&str>| {
            let mut settings = Proxy::new(kind, proxy.address);
            settings.credentials = password.map(|password| ProxyCredentials {
                user: "juliet".to_owned(),
                password: Secret::from(password),
            });
            Client::open(config(&server, "juliet@example.org", Some(settings))).unwrap()
        };
        let failed = |error| Err(EndReason::Dial(DialError::Proxy(error)));
        let table = [
            (Some("capulet"), Ok(())),
            (Some("montague"), failed(ProxyError::CredentialsRefused)),
            (None, failed(ProxyError::CredentialsRequired)),
        ];
        for (password, expected) in table {
            assert_eq!(outcome(&with(password)).await, expected, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_lies_ends_in_a_typed_error() {
    let server = server().await;
    let http = |text: &str| Manner::SaysAndCloses(text.as_bytes().to_vec());
    let refusal = |code| Manner::Says(vec![5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    use ProxyKind::{HttpConnect, Socks5};
    let table = [
        (
            Socks5,
            refusal(5),
            ProxyError::Refused(SocksRefusal::ConnectionRefused),
        ),
        (
            Socks5,
            refusal(2),
            ProxyError::Refused(SocksRefusal::NotAllowed),
        ),
        (
            Socks5,
            refusal(99),
            ProxyError::Refused(SocksRefusal::Other(99)),
        ),
        (Socks5, Manner::Says(vec![4, 0]), ProxyError::Malformed),
        (Socks5, Manner::Says(vec![5, 7]), ProxyError::Malformed),
        // It asks for a password that was not offered.
        (Socks5, Manner::Says(vec![5, 2]), ProxyError::Malformed),
        (
            Socks5,
            Manner::Says(vec![5, 0, 5, 0, 0, 9]),
            ProxyError::Malformed,
        ),
        (
            Socks5,
            Manner::SaysAndCloses(vec![5, 0, 5]),
            ProxyError::Closed,
        ),
        (
            Socks5,
            Manner::SaysAndCloses(Vec::new()),
            ProxyError::Closed,
        ),
        (
            Socks5,
            Manner::Repeats(vec![b'x'; 4096]),
            ProxyError::Malformed,
        ),
        (
            HttpConnect,
            http("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            ProxyError::Status(502),
        ),
        (
            HttpConnect,
            http("HTTP/1.0 100 Continue\r\n\r\n"),
            ProxyError::Status(100),
        ),
        (
            HttpConnect,
            http("HTTP/2 200 OK\r\n\r\n"),
            ProxyError::Malformed,
        ),
        (
            HttpConnect,
            http("HTTP/1.1 2000 OK\r\n\r\n"),
            ProxyError::Malformed,
        ),
        (
            HttpConnect,
            http("HTTP/1.1 20\r\n\r\n"),
            ProxyError::Malformed,
        ),
        (
            HttpConnect,
            http("SSH-2.0-OpenSSH\r\n\r\n"),
            ProxyError::Malformed,
        ),
        (
            HttpConnect,
            http("HTTP/1.1 200 OK\r\nVia: x"),
            ProxyError::Closed,
        ),
        (HttpConnect, http(""), ProxyError::Closed),
        (
            HttpConnect,
            Manner::Repeats(b"X-Endless: header\r\n".to_vec()),
            ProxyError::TooLong,
        ),
        (HttpConnect, Manner::Repeats(vec![0]), ProxyError::TooLong),
    ];
    for (kind, manner, expected) in table {
        let printed = format!("{kind:?} {expected:?}");
        let proxy = TestProxy::start(kind, manner, server.direct_addr()).await;
        let config = config(
            &server,
            "juliet@example.org",
            Some(Proxy::new(kind, proxy.address)),
        );
        let client = Client::open(config).unwrap();
        let expected = EndReason::Dial(DialError::Proxy(expected));
        assert_eq!(outcome(&client).await, Err(expected), "{printed}");
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_is_given_up() {
    let server = Arc::new(server().await);
    let mut attempts = tokio::task::JoinSet::new();
    for kind in KINDS {
        for bytes in [Vec::new(), vec![5, 0], b"HTTP/1.1 200".to_vec()] {
            let server = Arc::clone(&server);
            attempts.spawn(async move {
                let proxy = TestProxy::start(kind, Manner::Says(bytes), server.direct_addr()).await;
                let settings = Proxy::new(kind, proxy.address);
                let mut config = config(&server, "juliet@example.org", Some(settings));
                config.reconnect.attempt = TIMEOUT;
                outcome(&Client::open(config).unwrap()).await
            });
        }
    }
    let begun = std::time::Instant::now();
    while let Some(ended) = attempts.join_next().await {
        let ended = ended.unwrap();
        let is_typed = matches!(ended, Err(EndReason::Dial(DialError::Proxy(_))));
        assert!(is_typed, "{ended:?}");
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn the_certificate_is_the_servers_whatever_the_proxy_connects_to() {
    let server = server().await;
    let other = ReferenceServer::start(Config {
        seed: 7,
        ..Config::default()
    })
    .await
    .unwrap();
    for kind in KINDS {
        let proxy = TestProxy::start(kind, Manner::Connects, other.direct_addr()).await;
        let config = config(
            &server,
            "juliet@example.org",
            Some(Proxy::new(kind, proxy.address)),
        );
        let client = Client::open(config).unwrap();
        let ended = outcome(&client).await;
        assert!(matches!(ended, Err(EndReason::Link(_))), "{ended:?}");
    }
}
