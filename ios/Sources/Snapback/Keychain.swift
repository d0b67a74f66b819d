import Foundation

/// The calls of the Keychain that a vault needs (`SecItem*`), each with its `OSStatus`.
protocol Keychain: Sendable {
  func copy(_ name: String) -> (status: Int32, secret: Data?)
  func update(_ name: String, _ secret: Data) -> Int32
  func add(_ name: String, _ secret: Data) -> Int32
  func delete(_ name: String) -> Int32
}

/// Statuses of the Keychain (`SecBase.h`), by their values.
enum KeychainStatus {
  static let success: Int32 = 0
  /// `errSecItemNotFound`.
  static let itemNotFound: Int32 = -25300
  /// `errSecDuplicateItem`.
  static let duplicateItem: Int32 = -25299
  /// The app names an access group that its entitlements do not have, or has none (`errSecMissingEntitlement`,
  /// `errSecNoAccessForItem`).
  static let accessGroup: Set<Int32> = [-34018, -25243]
  /// Temporary failures: the device is locked or the user has to agree (`errSecInteractionNotAllowed`,
  /// `errSecInteractionRequired`, `errSecInDarkWake`, `errSecUserCanceled`), or the Keychain's process is busy, out of
  /// memory or not running (`errSecNotAvailable`, `errSecServiceNotAvailable`, `errSecAllocate`, and `EINTR`, `EBUSY`,
  /// `EAGAIN` and `ETIMEDOUT` above 100,000).
  static let passing: Set<Int32> = [
    -25308, -25315, -25320, -128, -25291, -67585, -108, 100_004, 100_016, 100_035, 100_060,
  ]
}

extension VaultError {
  /// Converts a status of the Keychain.
  init(keychain status: Int32) {
    let kind: Kind =
      if KeychainStatus.passing.contains(status) {
        .locked
      } else if KeychainStatus.accessGroup.contains(status) {
        .accessGroup
      } else {
        .broken
      }
    self.init(kind, status: status)
  }
}

/// Keys in a Keychain.
struct KeychainKeys<Items: Keychain> {
  /// The name of an item that no key has.
  static var probe: String { "probe" }

  let keychain: Items

  /// Returns a secret; `nil` if there is none. Before the first unlock, some versions of iOS answer "not found" for
  /// existing items, and the data of a key that is not found is discarded. So "not found" counts only while an item can
  /// be added.
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
    // The item has appeared in between: another process has added it, or the device was unlocked.
    if status == KeychainStatus.duplicateItem { status = keychain.update(name, secret) }
    try check(status)
  }

  private func checkUnlocked() throws(VaultError) {
    let status = keychain.add(Self.probe, Data([0]))
    // A probe that an earlier process has left also shows that the Keychain is readable.
    if status != KeychainStatus.duplicateItem { try check(status) }
    _ = keychain.delete(Self.probe)
  }

  private func check(_ status: Int32) throws(VaultError) {
    if status != KeychainStatus.success { throw VaultError(keychain: status) }
  }
}
