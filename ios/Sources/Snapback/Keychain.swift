import Foundation

/// The calls of the Keychain that a vault needs (`SecItem*`), each with an `OSStatus`.
protocol Keychain: Sendable {
  func copy(_ name: String) -> (status: Int32, secret: Data?)
  func update(_ name: String, _ secret: Data) -> Int32
  func add(_ name: String, _ secret: Data) -> Int32
  func delete(_ name: String) -> Int32
}

/// What the Keychain answers (`SecBase.h`), by its values.
enum KeychainStatus {
  static let success: Int32 = 0
  /// `errSecItemNotFound`.
  static let itemNotFound: Int32 = -25300
  /// `errSecDuplicateItem`.
  static let duplicateItem: Int32 = -25299
  /// What passes: the device is locked or the user has to agree (`errSecInteractionNotAllowed`, `errSecInteractionRequired`,
  /// `errSecInDarkWake`, `errSecUserCanceled`), or the Keychain's process is busy, out of memory or not running
  /// (`errSecNotAvailable`, `errSecServiceNotAvailable`, `errSecAllocate`, and `EINTR`, `EBUSY`, `EAGAIN` and `ETIMEDOUT` above 100,000).
  static let passing: Set<Int32> = [
    -25308, -25315, -25320, -128, -25291, -67585, -108, 100_004, 100_016, 100_035, 100_060,
  ]
}

extension VaultError {
  /// What a status of the Keychain means.
  init(keychain status: Int32) {
    self.init(KeychainStatus.passing.contains(status) ? .locked : .broken, status: status)
  }
}

/// Keys in a Keychain.
struct KeychainKeys<Items: Keychain> {
  /// Named as no key is.
  static var probe: String { "probe" }

  let keychain: Items

  /// Before the first unlock some versions of iOS say "not found" of what is there, and a key that is not found is given up for
  /// lost. So this is believed only while an item can be added.
  func read(_ name: String) throws(VaultError) -> Data? {
    let (status, secret) = keychain.copy(name)
    if status == KeychainStatus.itemNotFound {
      try checkUnlocked()
      // The device may have been unlocked in between.
      let (status, secret) = keychain.copy(name)
      if status == KeychainStatus.itemNotFound { return nil }
      try check(status)
      return secret
    }
    try check(status)
    guard let secret else { throw VaultError(.broken, status: status) }
    return secret
  }

  func write(_ name: String, _ secret: Data) throws(VaultError) {
    var status = keychain.update(name, secret)
    if status == KeychainStatus.itemNotFound { status = keychain.add(name, secret) }
    // It appeared in between: another process has added it, or the device was unlocked.
    if status == KeychainStatus.duplicateItem { status = keychain.update(name, secret) }
    try check(status)
  }

  private func checkUnlocked() throws(VaultError) {
    let status = keychain.add(Self.probe, Data([0]))
    // One that was left behind shows the same.
    if status != KeychainStatus.duplicateItem { try check(status) }
    _ = keychain.delete(Self.probe)
  }

  private func check(_ status: Int32) throws(VaultError) {
    if status != KeychainStatus.success { throw VaultError(keychain: status) }
  }
}
