import Foundation
import Testing

@testable import Snapback

/// How a vault interprets the statuses of the Keychain.
@Suite struct KeychainTests {
  private let secret = Data([1, 2, 3])

  @Test func secretsAreKeptAndReplaced() throws {
    let keychain = HandKeychain()
    let keys = KeychainKeys(keychain: keychain)
    #expect(try keys.read("a") == nil)
    try keys.write("a", secret)
    #expect(try keys.read("a") == secret)
    try keys.write("a", Data([4]))
    #expect(try keys.read("a") == Data([4]))
    #expect(keychain.names == ["a"], "the probe is gone")
  }

  @Test(arguments: [-25308, -25315, -25320, -25291, -67585, -108, -128, 100_016, 100_035])
  func whatPassesIsNotBroken(_ status: Int32) {
    let keys = KeychainKeys(keychain: HandKeychain(failing: status))
    #expect(throws: VaultError(.locked, status: status)) { try keys.read("a") }
    #expect(throws: VaultError(.locked, status: status)) { try keys.write("a", secret) }
  }

  @Test(arguments: [-26275, -50, -25293, -61])
  func whatWillNotPassKeepsItsStatus(_ status: Int32) {
    let keys = KeychainKeys(keychain: HandKeychain(failing: status))
    #expect(throws: VaultError(.broken, status: status)) { try keys.read("a") }
    #expect(throws: VaultError(.broken, status: status)) { try keys.write("a", secret) }
    #expect(VaultError(.broken, status: status).description == "the vault is broken (status \(status))")
  }

  /// Before the first unlock, some versions of iOS answer "not found" for existing items, whose data would be
  /// discarded.
  @Test func notFoundDoesNotCountWhileTheDeviceIsLocked() throws {
    let keychain = HandKeychain()
    let keys = KeychainKeys(keychain: keychain)
    try keys.write("a", secret)
    keychain.hide()
    #expect(throws: VaultError(.locked, status: -25308)) { try keys.read("a") }
    #expect(throws: VaultError(.locked, status: -25308)) { try keys.write("a", Data([4])) }
    keychain.unhide()
    #expect(try keys.read("a") == secret)
  }

  @Test func anUnlockDuringTheReadIsNoticed() throws {
    let keychain = HandKeychain()
    let keys = KeychainKeys(keychain: keychain)
    try keys.write("a", secret)
    keychain.hide(unlockedByAdd: true)
    #expect(try keys.read("a") == secret)
    keychain.hide(unlockedByAdd: true)
    try keys.write("a", Data([4]))
    #expect(try keys.read("a") == Data([4]))
  }

  /// A mistake in the entitlements is not a damaged vault, nor a locked one.
  @Test(arguments: [-34018, -25243] as [Int32])
  func anAccessGroupThatTheAppMayNotUseIsReportedAsSuch(_ status: Int32) throws {
    let keys = KeychainKeys(keychain: HandKeychain(failing: status))
    let expected = VaultError(.accessGroup, status: status)
    #expect(throws: expected) { try keys.read("a") }
    #expect(throws: expected) { try keys.write("a", Data([1])) }
    #expect(expected.description.contains("entitlement") && expected.description.contains("\(status)"))
    #expect(!SnapbackError.vault(expected).isRetryable)
  }

  @Test func aProbeOfAnEarlierProcessDoesNoHarm() throws {
    let keychain = HandKeychain()
    let keys = KeychainKeys(keychain: keychain)
    try keys.write(KeychainKeys<HandKeychain>.probe, Data([0]))
    #expect(try keys.read("a") == nil)
    #expect(keychain.names.isEmpty)
  }

  /// The app receives the problem, and its log the status.
  @Test func theStatusOfAVaultIsLogged() async throws {
    let records = Locked<[String]>([])
    SnapbackLog.send { record in records.withLock { $0.append(record.description) } }
    defer { SnapbackLog.send(to: nil) }
    let folder = try Folder()
    var configuration = Configuration()
    configuration.storage = .inFile(
      folder.url.appendingPathComponent("v.db"), vault: MemoryVault(VaultError(.broken, status: -34018)))
    let broken = configuration
    await #expect(throws: SnapbackError.vault(VaultError(.broken, status: -34018))) {
      try await SnapbackClient.open(World.juliet, password: nil, configuration: broken)
    }
    let all = records.withLock { $0 }
    #expect(all.contains { $0.hasPrefix("vault ") && $0.contains("the vault is broken (status -34018)") })
  }
}

private final class HandKeychain: Keychain, @unchecked Sendable {
  private let lock = NSLock()
  private var items: [String: Data] = [:]
  private var isHidden = false
  private var isUnlockedByAdd = false
  private let failing: Int32?

  init(failing: Int32? = nil) {
    self.failing = failing
  }

  var names: [String] { lock.withLock { items.keys.sorted() } }

  /// Locked: existing items are not found, and none can be added.
  func hide(unlockedByAdd: Bool = false) {
    lock.withLock { (isHidden, isUnlockedByAdd) = (true, unlockedByAdd) }
  }

  func unhide() {
    lock.withLock { isHidden = false }
  }

  func copy(_ name: String) -> (status: Int32, secret: Data?) {
    lock.withLock {
      if let failing { return (failing, nil) }
      guard !isHidden, let secret = items[name] else { return (-25300, nil) }
      return (0, secret)
    }
  }

  func update(_ name: String, _ secret: Data) -> Int32 {
    lock.withLock {
      if let failing { return failing }
      guard !isHidden, items[name] != nil else { return -25300 }
      items[name] = secret
      return 0
    }
  }

  func add(_ name: String, _ secret: Data) -> Int32 {
    lock.withLock {
      if isHidden, !isUnlockedByAdd { return -25308 }
      isHidden = false
      if items[name] != nil { return -25299 }
      items[name] = secret
      return 0
    }
  }

  func delete(_ name: String) -> Int32 {
    lock.withLock { items.removeValue(forKey: name) == nil ? -25300 : 0 }
  }
}
