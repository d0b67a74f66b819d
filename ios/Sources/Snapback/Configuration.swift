import Foundation
import SnapbackFFI

/// The settings of a client. Every setting has a default.
public struct Configuration: Sendable {
  /// The first part of the resource. Default `snapback`. A suffix makes it unique, so that two devices of an account do
  /// not end each other's sessions: the server adds it in Bind 2 (XEP-0386); otherwise the client adds eight digits,
  /// which stay the same until the app is reinstalled (RFC 6120 section 7.7).
  public var resource = "snapback"
  /// Where the client keeps its state. Default ``Storage/automatic``: in a file of the account, so that nothing is lost
  /// when the process ends.
  public var storage = Storage.automatic
  /// The authentication policy. The defaults are the secure choices.
  public var login = LoginPolicy()
  /// How much of the archive is fetched when the server has lost the session (XEP-0313).
  public var catchUp = CatchUp()
  /// The largest stanza that is sent, in bytes of XML. Default 245,760: the limit of common servers, less room for what
  /// they add. A server ends the stream when a stanza is larger than its limit (RFC 6120 section 13.12). A stanza
  /// larger than this, or than the limit that the server announces (XEP-0478), is refused with
  /// ``SnapbackError/tooBig(size:limit:)``; if it is already queued, it fails with `tooBig`.
  public var maxStanza: Int?
  /// The timeouts.
  public var timeouts = Timeouts()
  /// Servers to connect to, instead of resolving the account's domain. They are tried in this order. Default: none.
  public var servers: [ServerAddress] = []
  /// The name servers to query, as IP addresses, where ``nameResolver`` is `nil`. Default `nil`: those of the system's
  /// configuration file, which iOS does not have. An entry that is not an IP address makes opening the client fail with
  /// ``SnapbackError/configuration(setting:)``.
  public var nameServers: [String]?
  /// The resolver for services and hosts, which is used instead of name servers. Default on Apple's systems: the
  /// system's resolver; elsewhere `nil`, and name servers are queried.
  public var nameResolver: (any NameResolver)? = SystemPlatform.nameResolver
  /// Opens the connections. Default `nil`: the client opens its own sockets, which is faster. An app needs one for a tunnel
  /// of its own, or for what only Network.framework has, such as VPN on demand and proxies that the system configures.
  public var connector: (any Connector)?
  /// The proxy for the connections. Default `nil`: none.
  public var proxy: Proxy?
  /// The monitor that reports network changes. Default on Apple's systems: one that uses `NWPathMonitor`.
  public var networkMonitor: (any NetworkMonitor)? = SystemPlatform.networkMonitor
  /// What the client says about itself to other entities.
  public var identity = Identity()
  /// Whether to enable message carbons in each new session (XEP-0280). Default `true`.
  public var carbons = true
  /// Whether to send initial presence in each new session (RFC 6121 section 4.2). Default `true`.
  public var presence = true
  /// Whether to fetch the roster in each new session (RFC 6121 section 2.2). Default `true`.
  public var roster = true
  /// Who gets a delivery receipt when asking for one (XEP-0184). The receipt is sent when the app confirms the delivery;
  /// messages from rooms, from the archive and copies get none. Default: the contacts that may see the user's presence,
  /// since a receipt shows that the user is online.
  public var receipts = ReceiptPolicy.contacts
  /// **Dangerous** options, for tests and private networks.
  public var danger = Danger()

  /// Creates a configuration with the defaults.
  public init() {}
}

/// Where a client keeps its state: the session that can be resumed (XEP-0198), queued stanzas, unconfirmed deliveries,
/// the roster and FAST tokens (XEP-0484).
public enum Storage: Sendable {
  /// In a file that is named after the account, in the folder of the app: what `Storage.file(named:)` returns for it.
  case automatic
  /// In memory. The state is lost when the process ends: messages that wait to be sent, unconfirmed deliveries, and the
  /// session. For tests, and for tools that send one message.
  case memory
  /// In one database file, whose values are encrypted with a key from the vault. Exclude it from backups, together with
  /// the files whose names are the same with a suffix, such as `account.db-wal`: the session in an old copy cannot be
  /// resumed. `Storage.file(named:)` does this.
  case inFile(URL, vault: any KeyVault)
  /// In one database file, with its keys as plain files in a folder. For desktops and tests.
  case inFileWithKeys(URL, keys: URL)
}

/// The authentication policy. The defaults are the secure choices.
public struct LoginPolicy: Sendable, Hashable {
  /// Whether the mechanism PLAIN is allowed (RFC 4616). Default `false`: it gives the password to the server.
  public var allowPlain = false
  /// Whether a login without channel binding is refused (RFC 9266). Default `false`: many servers do not offer it.
  /// After one login with channel binding, later ones without it are refused in any case; see
  /// ``SnapbackClient/forgetLoginFloor()``.
  public var requireChannelBinding = false
  /// Whether FAST logins may be sent as TLS 1.3 early data to servers that allow it (XEP-0484). Default `false`: early
  /// data has no forward secrecy if the server's ticket key is stolen.
  public var earlyData = false
  /// Whether the first flight may travel in the TCP handshake (TCP Fast Open, RFC 7413). Default `false`: some networks
  /// drop such packets, an observer can recognise the device by the cookie, and the server may receive the flight twice.
  /// Linux and Android have it; on Apple's systems the setting has no effect yet.
  public var fastOpen = false
  /// Whether TLS offers a key exchange that a quantum computer does not break (X25519MLKEM768, TLS 1.3). Default `off`:
  /// it adds 2.3 kB to each login, and no round trip; a server that cannot read so large a first message would not be
  /// reached. ``TlsSummary/keyExchange`` names what was used.
  public var postQuantum: PostQuantum = .off
  /// Whether FAST tokens without channel binding are allowed (`HT-SHA-256-NONE`, XEP-0484). Default `false`: a stolen
  /// token could be used on any connection.
  public var allowUnboundTokens = false

  /// Creates the policy with the defaults.
  public init() {}
}

/// The timeouts, in seconds; `nil` selects the default.
public struct Timeouts: Sendable, Hashable {
  /// The time from the start of the transport until the session is established. Default 30 s: enough for eight round
  /// trips over GPRS with one retransmission.
  public var login: TimeInterval?
  /// The time to wait for the answer to an acknowledgement request (XEP-0198 section 4). Default 20 s: a mobile network
  /// may hold data back for 10 s.
  public var ack: TimeInterval?
  /// The time without inbound data after which the client sends a liveness probe; zero turns these probes off.
  /// Default 240 s: less than the five minutes after which common NATs drop an idle connection.
  public var keepalive: TimeInterval?
  /// The time to wait for the answer to a liveness probe after a network change or a wake-up. Default 3 s: the time in
  /// which a radio wakes up, and one round trip. With a longer one, the user looks at a dead connection for longer.
  /// With a shorter one, a working connection may be closed.
  public var probe: TimeInterval?
  /// The upper bound of the first random delay after a failed attempt; twice as long after each further one.
  /// Default 1 s. The delay is random so that the clients of a failed server do not all reconnect at the same time.
  public var backoff: TimeInterval?
  /// The largest upper bound that ``backoff`` grows to. Default 300 s: short compared with an hour without a server.
  public var backoffCap: TimeInterval?

  /// Creates timeouts with the defaults.
  public init() {}
}

/// How much of the archive is fetched when the server has lost the session (XEP-0313); `nil` selects the default.
public struct CatchUp: Sendable, Hashable {
  /// How many messages are requested in one page (XEP-0059). Default 100: about 50 kB of short messages. A server may
  /// return fewer.
  public var page: Int?
  /// The maximum number of pages. Default 100. If the archive has more, the client reports a gap with
  /// ``Event/possibleGap``.
  public var pages: Int?
  /// The time, in seconds, for which messages wait that the lost session may or may not have delivered: if the archive
  /// has them, they are not sent again. Default 10 s: the archive's first pages usually arrive within it. After it,
  /// they are sent, since a duplicate is better than a long delay.
  public var timeout: TimeInterval?

  /// Creates settings with the defaults.
  public init() {}
}

/// The address of a server, for use without the DNS.
public struct ServerAddress: Sendable, Hashable {
  /// A host name or an IP address. The certificate must still be valid for the account's domain.
  public var host: String
  /// The TCP port.
  public var port: UInt16
  /// How TLS starts: from the first byte (XEP-0368), or with STARTTLS (RFC 6120 section 5).
  public var transport: Transport

  /// Creates an address. TLS starts from the first byte by default, which needs fewer round trips than STARTTLS.
  public init(host: String, port: UInt16, transport: Transport = .directTls) {
    self.host = host
    self.port = port
    self.transport = transport
  }
}

/// A proxy for the connections of an account. Its description does not contain the password.
public struct Proxy: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// The protocol: SOCKS5 (RFC 1928) or HTTP CONNECT (RFC 9110 section 9.3.6).
  public var kind: ProxyKind
  /// The IP address; not a name, which would have to be looked up. Another text makes opening the client fail with
  /// ``SnapbackError/configuration(setting:)``.
  public var address: String
  /// The TCP port.
  public var port: UInt16
  /// The user, if the proxy requires one. Default `nil`. It is sent to the proxy in the clear.
  public var user: String?
  /// The password of the user. Default `nil`. It is sent to the proxy in the clear.
  public var password: String?
  /// Whether the proxy looks names up. Default `true`: no query for a name leaves the device, and onion services can be
  /// reached. Then SRV records are not used: the server is one of ``Configuration/servers``, or the account's domain on
  /// port 5223, then on port 5222. With `false` this device looks names up, and the proxy gets addresses.
  public var remoteNames = true

  /// Creates a proxy without user and password that looks names up.
  public init(_ kind: ProxyKind, address: String, port: UInt16) {
    self.kind = kind
    self.address = address
    self.port = port
  }

  public var description: String { "Proxy(\(kind))" }
  public var customMirror: Mirror { Mirror(self, children: ["kind": kind]) }
}

/// The protocol of a proxy.
public typealias ProxyKind = SnapbackFFI.ProxyKind

/// Whether TLS offers a key exchange that a quantum computer does not break.
public typealias PostQuantum = SnapbackFFI.PostQuantum

/// What the client says about itself to other entities.
public struct Identity: Sendable, Hashable {
  /// The name of the app. Default `Snapback`.
  public var name = "Snapback"
  /// The type within the category `client` of service discovery (XEP-0030): `phone` (default), `pc`, ...
  public var type = "phone"
  /// The URI that identifies the software in entity capabilities (XEP-0115).
  public var node = "urn:snapback:client"
  /// Namespaces of features that the app implements itself, announced beside those of Snapback (XEP-0030).
  public var features: [String] = []
  /// Namespaces of the requests that the app answers, such as `jabber:iq:version`; they are announced, too. Each needs a
  /// handler (``SnapbackClient/onRequest(_:_:)``). Default none: all requests but those for service discovery and pings
  /// are refused.
  public var requests: [String] = []
  /// The name of the device, which servers show in lists of devices (XEP-0388). Default `nil`: none.
  public var device: String?

  /// Creates an identity with the defaults.
  public init() {}
}

/// **Dangerous** options, for tests and private networks.
public struct Danger: Sendable, Hashable {
  /// Root certificates (PEM) that are trusted instead of those of the system. Anyone who has the private key of one of
  /// them can impersonate every server to this app. Default `nil`: those of the system.
  public var trustOnlyTheseRoots: String?

  /// Creates options with the defaults, none of them dangerous.
  public init() {}
}

extension Configuration {
  /// - Parameter storage: the storage as the core knows it.
  func core(account: String, storage: SnapbackFFI.Storage) -> CoreConfig {
    CoreConfig(
      account: account,
      resource: resource,
      storage: storage,
      policy: SnapbackFFI.LoginPolicy(
        allowPlain: login.allowPlain,
        requireChannelBinding: login.requireChannelBinding,
        earlyData: login.earlyData,
        fastOpen: login.fastOpen,
        postQuantum: login.postQuantum,
        allowUnboundTokens: login.allowUnboundTokens),
      timeouts: SnapbackFFI.Timeouts(
        loginMs: timeouts.login.map(Milliseconds.of),
        ackMs: timeouts.ack.map(Milliseconds.of),
        keepaliveMs: timeouts.keepalive.map(Milliseconds.of),
        probeMs: timeouts.probe.map(Milliseconds.of),
        backoffMs: timeouts.backoff.map(Milliseconds.of),
        backoffCapMs: timeouts.backoffCap.map(Milliseconds.of)),
      servers: servers.map { SnapbackFFI.ServerAddress(host: $0.host, port: $0.port, transport: $0.transport) },
      nameServers: nameServers ?? SystemPlatform.nameServers,
      system: nameResolver != nil ? .apple : .other,
      identity: SnapbackFFI.Identity(
        name: identity.name,
        kind: identity.type,
        node: identity.node,
        features: identity.features,
        requests: identity.requests,
        device: identity.device),
      carbons: carbons,
      presence: presence,
      roster: roster,
      receipts: receipts,
      catchUp: SnapbackFFI.CatchUp(
        page: catchUp.page.map { UInt32(clamping: max($0, 1)) },
        pages: catchUp.pages.map { UInt32(clamping: $0) },
        timeoutMs: catchUp.timeout.map(Milliseconds.of)),
      maxStanza: maxStanza.map { UInt32(clamping: $0) },
      proxy: proxy.map { proxy in
        SnapbackFFI.Proxy(
          kind: proxy.kind,
          address: proxy.address.contains(":") ? "[\(proxy.address)]:\(proxy.port)" : "\(proxy.address):\(proxy.port)",
          user: proxy.user,
          remoteNames: proxy.remoteNames)
      },
      connects: connector != nil,
      dangerousTrust: danger.trustOnlyTheseRoots.map(DangerousTrust.init(onlyTheseRootsPem:)))
  }
}
