import Foundation
import SnapbackFFI

/// How an account is to be kept online. Everything has a default.
public struct Configuration: Sendable {
  /// What the resource begins with. Something is added, so that two devices of an account do not end each other's sessions: by
  /// the server in Bind 2 (XEP-0386), else eight digits that stay the same for as long as the installation lives (RFC 6120 section 7.7).
  public var resource = "snapback"
  /// Where things are remembered. The default forgets with the process; see `Storage.file(named:)` for a phone.
  public var storage = Storage.memory
  /// What a login may do.
  public var login = LoginPolicy()
  /// What is asked of the archive after a lost session (XEP-0313).
  public var catchUp = CatchUp()
  /// The longest stanza that is sent, in bytes; a longer one, or one that is longer than the server takes (XEP-0478), is refused
  /// with ``SnapbackError/tooBig(size:limit:)``, or fails with `tooBig` if it is queued already.
  /// Default 245,760: what servers of today take, less room. A server ends the stream over a longer one (RFC 6120 section 13.12).
  public var maxStanza: Int?
  /// How long to wait for what.
  public var patience = Patience()
  /// Connect here instead of asking the DNS; all of them are tried, in this order.
  public var servers: [ServerAddress] = []
  /// The name servers to ask, as IP addresses; `nil` means those of the system, which iOS does not name.
  public var nameServers: [String]?
  /// Who is asked for SRV records before any name server. On Apple's systems that is the system's resolver.
  public var srvResolver: (any SrvResolver)? = SystemPlatform.srvResolver
  /// Who tells when the network changes. On Apple's systems that is `NWPathMonitor`.
  public var networkMonitor: (any NetworkMonitor)? = SystemPlatform.networkMonitor
  /// What we say about ourselves.
  public var identity = Identity()
  /// Turn carbons on (XEP-0280).
  public var carbons = true
  /// Send initial presence after each new session.
  public var presence = true
  /// Fetch the roster after each new session.
  public var roster = true
  /// Settings that take protection away.
  public var danger = Danger()

  /// The defaults.
  public init() {}
}

/// Where things are remembered.
public enum Storage: Sendable {
  /// In memory, as long as the process lives.
  case memory
  /// In one file, sealed with keys of the vault. Keep the file, and what is called like it with an ending more, out of
  /// backups; `Storage.file(named:)` does.
  case inFile(URL, vault: any KeyVault)
  /// In one file, with the keys beside it in a folder: for desktops and tests.
  case inFileWithKeys(URL, keys: URL)
}

/// What a login may do. The defaults are the safe ones.
public struct LoginPolicy: Sendable, Hashable {
  /// Allow the PLAIN mechanism (RFC 4616). Off: the server would learn the password.
  public var allowPlain = false
  /// Refuse to log in without channel binding (RFC 9266). Off: many servers do not offer it. Once used, it is insisted on.
  public var requireChannelBinding = false
  /// Allow FAST logins in TLS 1.3 early data where the server allows them (XEP-0484). Off: early data has no forward
  /// secrecy against a stolen ticket key.
  public var earlyData = false
  /// Allow tokens without channel binding (`HT-SHA-256-NONE`). Off: a stolen token could be used from anywhere.
  public var allowUnboundTokens = false

  /// The safe policy.
  public init() {}
}

/// How long to wait for what, in seconds; `nil` for the default.
public struct Patience: Sendable, Hashable {
  /// From the transport's start to the session. Default 30 s: eight round trips over GPRS, with a retransmission.
  public var login: TimeInterval?
  /// For the answer to an acknowledgement request (XEP-0198). Default 20 s: a stalled cell may hold data for 10 s.
  public var ack: TimeInterval?
  /// Silence after which the server is asked for a sign of life; zero turns it off. Default 240 s: below the five minutes
  /// after which common NATs forget a flow.
  public var keepalive: TimeInterval?
  /// For a sign of life after a change of the network or a wake-up. Default 3 s: a radio that wakes, and a round trip.
  /// Longer, and a user looks at a dead connection; shorter, and a live one is thrown away.
  public var probe: TimeInterval?
  /// What the first wait after a failed attempt is drawn from; it doubles with each failure. Default 1 s.
  public var backoff: TimeInterval?
  /// What the doubling ends at. Default 300 s: a phone that was offline for an hour should not notice the wait.
  public var backoffCap: TimeInterval?

  /// The defaults.
  public init() {}
}

/// What is asked of the archive after a lost session (XEP-0313); `nil` for the default.
public struct CatchUp: Sendable, Hashable {
  /// Messages to ask for at once. Default 100: about 50 kB of short ones. A server may give fewer.
  public var page: Int?
  /// Pages in all; beyond that the app is told of a gap with ``Event/possibleGap``. Default 100.
  public var pages: Int?
  /// How long messages of unknown fate wait for the archive's word, in seconds. Default 10 s: it comes with the first pages,
  /// or the archive is slow, and sending them twice is the lesser evil.
  public var patience: TimeInterval?

  /// The defaults.
  public init() {}
}

/// A server's address, known without the DNS.
public struct ServerAddress: Sendable, Hashable {
  /// Name or IP address. The certificate must be valid for the account's domain all the same.
  public var host: String
  /// TCP port.
  public var port: UInt16
  /// How TLS starts there.
  public var transport: Transport

  /// The server at this address.
  public init(host: String, port: UInt16, transport: Transport = .directTls) {
    self.host = host
    self.port = port
    self.transport = transport
  }
}

/// What we say about ourselves.
public struct Identity: Sendable, Hashable {
  /// The name of the app.
  public var name = "Snapback"
  /// `phone`, `pc`, ... (category `client` of XEP-0030).
  public var type = "phone"
  /// The URI that names the software in caps (XEP-0115).
  public var node = "urn:snapback:client"
  /// Features beyond those that Snapback itself answers.
  public var features: [String] = []
  /// The name of the device, shown to the user in lists of devices.
  public var device: String?

  /// The defaults.
  public init() {}
}

/// **Dangerous** settings, for tests and private networks.
public struct Danger: Sendable, Hashable {
  /// Trust these certificates (PEM) instead of those of the system: whoever holds the key of one can impersonate every
  /// server to this app.
  public var trustOnlyTheseRoots: String?

  /// Nothing dangerous.
  public init() {}
}

extension Configuration {
  func core(account: String) -> CoreConfig {
    CoreConfig(
      account: account,
      resource: resource,
      storage: storage.core,
      policy: SnapbackFFI.LoginPolicy(
        allowPlain: login.allowPlain,
        requireChannelBinding: login.requireChannelBinding,
        earlyData: login.earlyData,
        allowUnboundTokens: login.allowUnboundTokens),
      patience: SnapbackFFI.Patience(
        loginMs: patience.login.map(Milliseconds.of),
        ackMs: patience.ack.map(Milliseconds.of),
        keepaliveMs: patience.keepalive.map(Milliseconds.of),
        probeMs: patience.probe.map(Milliseconds.of),
        backoffMs: patience.backoff.map(Milliseconds.of),
        backoffCapMs: patience.backoffCap.map(Milliseconds.of)),
      servers: servers.map { SnapbackFFI.ServerAddress(host: $0.host, port: $0.port, transport: $0.transport) },
      nameServers: nameServers ?? SystemPlatform.nameServers,
      askPlatform: srvResolver != nil,
      identity: SnapbackFFI.Identity(
        name: identity.name,
        kind: identity.type,
        node: identity.node,
        features: identity.features,
        device: identity.device),
      carbons: carbons,
      presence: presence,
      roster: roster,
      catchUp: SnapbackFFI.CatchUp(
        page: catchUp.page.map { UInt32(clamping: max($0, 1)) },
        pages: catchUp.pages.map { UInt32(clamping: $0) },
        patienceMs: catchUp.patience.map(Milliseconds.of)),
      maxStanza: maxStanza.map { UInt32(clamping: $0) },
      dangerousTrust: danger.trustOnlyTheseRoots.map(DangerousTrust.init(onlyTheseRootsPem:)))
  }
}

extension Storage {
  fileprivate var core: SnapbackFFI.Storage {
    switch self {
    case .memory: .memory
    case .inFile(let file, let vault): .file(path: file.path, vault: VaultAdapter(vault: vault))
    case .inFileWithKeys(let file, let keys): .fileWithKeysInFolder(path: file.path, keys: keys.path)
    }
  }
}
