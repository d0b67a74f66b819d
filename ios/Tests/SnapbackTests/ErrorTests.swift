import Foundation
import Testing

@testable import Snapback

/// Provokes every error, and checks its fields and that its description contains nothing private.
@Suite struct ErrorTests {
  private func opening(
    _ account: String = World.juliet, _ adapt: (inout Configuration) -> Void
  ) async throws -> SnapbackClient {
    var configuration = Configuration()
    configuration.storage = .memory
    adapt(&configuration)
    return try await SnapbackClient.open(account, password: "pencil", configuration: configuration)
  }

  @Test func addresses() async throws {
    #expect(throws: SnapbackError.invalidJid(.empty(part: .localpart))) { try Jid("@localhost") }
    #expect(throws: SnapbackError.invalidJid(.empty(part: .resource))) { try Jid("a@b/") }
    #expect(throws: SnapbackError.invalidJid(.tooLong(part: .localpart))) {
      try Jid(String(repeating: "a", count: 1024) + "@b")
    }
    #expect(throws: SnapbackError.invalidJid(.disallowed(part: .localpart))) { try Jid("a b@localhost") }
    let jid = try Jid("Juliet@Localhost/Balcony")
    #expect(jid.description == "juliet@localhost/Balcony" && jid.bare.description == "juliet@localhost")
    #expect(jid.localpart == "juliet" && jid.domain == "localhost" && jid.resource == "Balcony")
    await #expect(throws: SnapbackError.accountWithoutLocalpart) { try await opening("localhost") { _ in } }
    await #expect(throws: SnapbackError.invalidJid(.unexpectedResource)) { try await opening("a@b/c") { _ in } }
  }

  @Test func onlyAnErrorThatSaysSoIsRetryable() {
    let types = ["auth", "cancel", "continue", "modify", "wait", "", "WAIT"].map(ErrorType.init)
    #expect(types == [.auth, .cancel, .continue, .modify, .wait, .cancel, .cancel])
    for type in types {
      let error = SnapbackError.refused(type: type, condition: "conflict", text: nil, error: nil)
      #expect(error.isRetryable == (type == .wait))
    }
  }

  @Test func aJidIsEncodedAsItsText() throws {
    let jid = try Jid("Juliet@Localhost/Balcony")
    let text = try JSONEncoder().encode([jid])
    #expect(try JSONDecoder().decode([String].self, from: text) == ["juliet@localhost/Balcony"])
    #expect(try JSONDecoder().decode([Jid].self, from: Data(#"["JULIET@localhost/Balcony"]"#.utf8)) == [jid])
    #expect(throws: DecodingError.self) { try JSONDecoder().decode([Jid].self, from: Data(#"["@localhost"]"#.utf8)) }
  }

  /// W4: an address that is not a JID is not an absent one, which would stand for the user's own account.
  @Test func unreadableAddresses() throws {
    #expect(StanzaAddress(.absent) == .absent)
    let strange = StanzaAddress(.unreadable(text: "a b@example.net"))
    #expect(strange == .unreadable("a b@example.net") && strange != .absent && strange.jid == nil)
    #expect(strange.description == "a b@example.net")
    let romeo = StanzaAddress.named(try Jid("Romeo@example.net/orchard"))
    #expect(romeo.jid?.bare.description == "romeo@example.net")
  }

  @Test func settings() async throws {
    await #expect(throws: SnapbackError.configuration(setting: "name_servers")) {
      try await opening { $0.nameServers = ["dns.example.org"] }
    }
    await #expect(throws: SnapbackError.configuration(setting: "dangerous_trust")) {
      try await opening { $0.danger.trustOnlyTheseRoots = "no certificate" }
    }
    #expect(throws: SnapbackError.configuration(setting: "name")) { try Storage.file(named: "../up") }
  }

  @Test func aFolderThatAPhoneDoesNotOpenYetIsRetryable() {
    for code in [CocoaError.Code.fileReadNoPermission, .fileWriteNoPermission] {
      let error = Storage.onPhone(CocoaError(code)) as? SnapbackError
      #expect(error == .storage(.notYetUnlocked) && error?.isRetryable == true && error?.isLocked == true)
    }
    #expect(Storage.onPhone(CocoaError(.fileWriteOutOfSpace)) is CocoaError)
  }

  /// Without a setting, the state survives the process.
  @Test func theDefaultStorageIsAFileOfTheAccount() throws {
    guard let file = try Configuration().storage.resolved(account: "Juliet@Example.org").file else {
      Issue.record("no file")
      return
    }
    #expect(file.lastPathComponent == "juliet@example.org.db")
    #expect(file.deletingLastPathComponent().lastPathComponent == "Snapback")
    #expect(try Storage.automatic.resolved(account: ".j@example.org").file?.lastPathComponent == "_.j@example.org.db")
    #expect(throws: SnapbackError.invalidJid(.empty(part: .localpart))) {
      try Storage.automatic.resolved(account: "@a")
    }
    #expect(try Storage.memory.resolved(account: "a@b").file == nil)
  }

  @Test func stores() async throws {
    let folder = try Folder()
    // A folder is not a database.
    let nothing = Storage.inFileWithKeys(folder.url, keys: folder.url.appendingPathComponent("keys"))
    await #expect(throws: SnapbackError.self) { try await opening { $0.storage = nothing } }
    let file = folder.url.appendingPathComponent("v.db")
    let problems = [
      VaultError.locked, .broken, VaultError(keychain: -25308), VaultError(keychain: -34018),
      VaultError(keychain: -25300),
    ]
    #expect(problems.map(\.kind) == [.locked, .broken, .locked, .accessGroup, .broken])
    for problem in problems {
      #expect(SnapbackError.vault(problem).isRetryable == (problem.kind == .locked))
      await #expect(throws: SnapbackError.vault(problem)) {
        try await opening { $0.storage = .inFile(file, vault: MemoryVault(problem)) }
      }
    }
    let first = try await opening { $0.storage = .inFile(file, vault: MemoryVault()) }
    #expect(first.openReport.troubles.isEmpty)
    await #expect(throws: SnapbackError.storage(.ownedElsewhere)) {
      try await opening { $0.storage = .inFile(file, vault: MemoryVault()) }
    }
    try await first.send(to: World.romeo, "sealed")
    await first.shutdown()
    // Another vault does not have the key, which is reported.
    let second = try await opening { $0.storage = .inFile(file, vault: MemoryVault()) }
    #expect(second.openReport.troubles.contains(.keyLost))
    #expect(second.openReport.mayHaveLostStanzas)
    await second.shutdown()
    await #expect(throws: SnapbackError.closed) { try await second.pause() }
  }

  @Test func stanzas() async throws {
    let client = try await opening { _ in }
    await #expect(throws: SnapbackError.invalidJid(.empty(part: .localpart))) {
      try await client.send(to: "@localhost", "?")
    }
    var message = Message(to: try Jid(World.romeo))
    for xml in ["<x>", "", "<x/><y/>", "text"] {
      message.extensions = [xml]
      await #expect(throws: SnapbackError.badXml) { [message] in try await client.send(message) }
      await #expect(throws: SnapbackError.badXml) { try await client.iq(.get, xml) }
    }
    let big = String(repeating: "a", count: 2_000_000)
    do {
      try await client.send(to: World.romeo, big)
      Issue.record("the stanza was accepted")
    } catch SnapbackError.tooBig(let size?, let limit?) {
      #expect(size > 2_000_000 && limit < size)
    }
    func nested(_ depth: Int) -> String {
      String(repeating: "<x xmlns='urn:x'>", count: depth) + String(repeating: "</x>", count: depth)
    }
    message.extensions = [nested(59)]
    try await client.send(message)
    for depth in [61, 100] {
      message.extensions = [nested(depth)]
      let tooDeep = SnapbackError.tooComplex(limit: "depth")
      await #expect(throws: tooDeep) { [message] in try await client.send(message) }
      await #expect(throws: tooDeep) { try await client.iq(.set, nested(depth)) }
    }
    await client.shutdown()
    let modest = try await opening { $0.maxStanza = 1000 }
    do {
      try await modest.send(to: World.romeo, String(repeating: "a", count: 1000))
      Issue.record("the stanza was accepted")
    } catch SnapbackError.tooBig(_, let limit) {
      #expect(limit == 1000)
    }
    await modest.shutdown()
  }

  @Test func requests() async throws {
    let world = try await World()
    let client = try await world.client { $0.timeouts.ack = 1 }
    client.connect()
    _ = try await client.online()
    do {
      _ = try await client.iq(.get, "<query xmlns='urn:example:unknown'/>")
      Issue.record("the request was not refused")
    } catch SnapbackError.refused(let type, let condition, _, let error) {
      #expect(error?.name == "error" && error?.children.first?.name == condition)
      #expect(type == .cancel && ["service-unavailable", "feature-not-implemented"].contains(condition))
    }
    try await world.obey("cut", ["mode": "blackhole"])
    await #expect(throws: SnapbackError.timedOut) {
      try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>", timeout: 0.1)
    }
    let lost = Task { try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>", timeout: 3600) }
    try await Task.sleep(nanoseconds: 50_000_000)
    try await world.obey("restart", ["down_ms": 1])
    await #expect(throws: SnapbackError.sessionLost) { try await withTimeout("the loss") { try await lost.value } }
    await client.shutdown()
  }

  @Test func aWrongPasswordStopsAndAsksForCredentials() async throws {
    let world = try await World()
    let client = try await SnapbackClient.open(
      World.juliet, password: "wr0ng", configuration: world.configuration())
    client.connect()
    let ended = try await client.ended()
    guard case .loginRefused(let condition, let text) = ended.reason else {
      Issue.record("\(ended.reason)")
      return
    }
    #expect(condition == "not-authorized")
    #expect(text == "No account of this name has this password.")
    #expect(!ended.description.contains("No account"))
    #expect(ended.needsCredentials && !ended.retryable)
    #expect(!ended.description.contains("wr0ng"))
    try await client.until("the stop") { $0 == .offline(reason: .needsCredentials, retryIn: nil) }
    await client.shutdown()
  }

  @Test func aNewPasswordLogsInAtOnceAndAnOldOneIsNotUsedAgain() async throws {
    let world = try await World()
    let client = try await SnapbackClient.open(
      World.juliet, password: "wr0ng", configuration: world.configuration())
    client.connect()
    try await client.until("the stop") { $0 == .offline(reason: .needsCredentials, retryIn: nil) }
    client.setPassword("wr0ng as well")
    #expect(try await client.ended().needsCredentials)
    #expect(try await client.ended().needsCredentials)
    client.setPassword(World.password)
    #expect(try await client.online().outcome == .bound)
    // An existing session continues.
    client.setPassword("wr0ng")
    #expect(try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>").payload == nil)
    await client.shutdown()
    client.setPassword("too late")
  }

  @Test func aCertificateOfAnotherAuthorityIsRefused() async throws {
    let world = try await World()
    let other = try await World()
    let client = try await world.client { $0.danger.trustOnlyTheseRoots = other.certificate }
    client.connect()
    let ended = try await client.ended()
    // Both authorities have the same name and different keys.
    #expect(ended.reason == .tls(problem: .certificate(problem: .badSignature)))
    await client.shutdown()
  }

  @Test func aProxyHasAnAddressAndOneThatIsDownIsTriedAgain() async throws {
    await #expect(throws: SnapbackError.configuration(setting: "proxy")) {
      try await opening { $0.proxy = Proxy(.socks5, address: "proxy.example", port: 9050) }
    }
    var proxy = Proxy(.httpConnect, address: "127.0.0.1", port: 1)
    proxy.user = "juliet"
    proxy.password = "capulet"
    #expect(!"\(proxy)".contains("capulet") && !String(reflecting: proxy).contains("capulet"))
    let world = try await World()
    let client = try await world.client { $0.proxy = proxy }
    client.connect()
    let ended = try await client.ended()
    guard case .unreachable = ended.reason else {
      Issue.record("\(ended.reason)")
      return
    }
    #expect(ended.retryable)
    await client.shutdown()
  }

  @Test func theUserTrustsTheKeyOfARefusedCertificate() async throws {
    let world = try await World()
    let other = try await World()
    let client = try await world.client { $0.danger.trustOnlyTheseRoots = other.certificate }
    client.connect()
    let refused = try await client.refused()
    #expect(refused.problem == .badSignature && refused.mayBeTrusted && !refused.chain.isEmpty)
    #expect(refused.explanation(domain: "localhost").contains("localhost"))
    #expect(refused.key.fingerprint.count == 79 && ServerKey(sha256: Data([1])) == nil)
    let another = try #require(ServerKey(sha256: Data(repeating: 7, count: 32)))
    await #expect(throws: SnapbackError.keyNotRefused) { try await client.serverKeys.trust(another) }
    await #expect(throws: SnapbackError.tooManyKeys(limit: 8)) {
      try await client.serverKeys.require(Array(repeating: another, count: 9))
    }
    try await client.serverKeys.trust(refused.key)
    _ = try await client.online()
    try await client.serverKeys.forget(refused.key)
    #expect(try await client.refused().key == refused.key)
    try await client.serverKeys.dangerouslyTrust(refused.key)
    _ = try await client.online()
    await client.shutdown()
    await #expect(throws: SnapbackError.closed) { try await client.serverKeys.forget(another) }
  }

  @Test func aClosedPortIsTriedAgain() async throws {
    let world = try await World()
    try await world.obey("down")
    let client = try await world.client()
    client.connect()
    let ended = try await client.ended()
    guard case .unreachable(let failures) = ended.reason else {
      Issue.record("\(ended.reason)")
      return
    }
    #expect(!failures.isEmpty && ended.retryable)
    try await world.obey("up")
    #expect(try await client.online().outcome == .bound)
    await client.shutdown()
  }

  @Test func descriptionsAreSafeToLog() {
    let secret = "in confidence"
    let errors: [SnapbackError] = [
      .closed, .invalidJid(.domainLabel), .invalidJid(.ipLiteral), .invalidJid(.missingResource),
      .accountWithoutLocalpart, .storage(.deviceFull), .storage(.notYetUnlocked), .tls(detail: "d"),
      .vault(.locked), .vault(.broken), .vault(VaultError(.accessGroup, status: -34018)), .eventsNotIterated,
      .configuration(setting: "s"),
      .unsupported(detail: "u"), .queueFull(limit: 1), .badXml, .notAStanza, .sendFailed(.sessionLost),
      .sendFailed(.refused(kind: "auth", condition: "forbidden", text: secret, xml: secret)),
      .refused(type: .auth, condition: "forbidden", text: secret, error: nil), .badContent(problem: "p"),
      .sessionLost, .timedOut, .notQueued, .internal,
      .tooBig(size: 2, limit: 1), .tooComplex(limit: "depth"), .tooBig(size: nil, limit: nil),
      .sendFailed(.streamEnded(condition: "policy-violation")),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    for error in errors {
      #expect(!error.description.contains(secret))
      #expect(error.localizedDescription == error.description)
    }
  }
}

/// A vault with keys in memory, or one that fails.
final class MemoryVault: KeyVault, @unchecked Sendable {
  private let lock = NSLock()
  private var secrets: [String: Data] = [:]
  private let problem: VaultError?

  init(_ problem: VaultError? = nil) {
    self.problem = problem
  }

  func read(name: String) throws(VaultError) -> Data? {
    if let problem { throw problem }
    return lock.withLock { secrets[name] }
  }

  func write(name: String, secret: Data) throws(VaultError) {
    if let problem { throw problem }
    lock.withLock { secrets[name] = secret }
  }
}
