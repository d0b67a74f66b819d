#if canImport(Security)
  import Foundation
  import Security

  /// A vault that keeps keys in the Keychain: readable after the first unlock since the device was started, on this
  /// device only, and never in a backup.
  public struct KeychainVault: KeyVault {
    private let keys: KeychainKeys<SystemKeychain>

    /// Creates a vault.
    ///
    /// - Parameters:
    ///   - service: the name under which the keys are stored; a different one for each store.
    ///   - accessGroup: the access group that the app shares with its extensions, if they share the store as well.
    public init(service: String, accessGroup: String? = nil) {
      keys = KeychainKeys(keychain: SystemKeychain(service: service, accessGroup: accessGroup))
    }

    /// Returns the secret of that name. Fails with a ``VaultError`` that holds the `OSStatus`.
    public func read(name: String) throws(VaultError) -> Data? {
      try keys.read(name)
    }

    /// Stores a secret under that name. Fails with a ``VaultError`` that holds the `OSStatus`.
    public func write(name: String, secret: Data) throws(VaultError) {
      try keys.write(name, secret)
    }
  }

  private struct SystemKeychain: Keychain {
    let service: String
    let accessGroup: String?

    func copy(_ name: String) -> (status: Int32, secret: Data?) {
      let query = item(name)
      query[kSecReturnData as NSString] = NSNumber(value: true)
      query[kSecMatchLimit as NSString] = kSecMatchLimitOne
      var found: CFTypeRef?
      let status = SecItemCopyMatching(query as CFDictionary, &found)
      return (status, (found as? NSData).map { Data(referencing: $0) })
    }

    func update(_ name: String, _ secret: Data) -> Int32 {
      SecItemUpdate(item(name) as CFDictionary, content(secret) as CFDictionary)
    }

    func add(_ name: String, _ secret: Data) -> Int32 {
      let new = item(name)
      for (key, value) in content(secret) {
        if let key = key as? NSString { new[key] = value }
      }
      return SecItemAdd(new as CFDictionary, nil)
    }

    func delete(_ name: String) -> Int32 {
      SecItemDelete(item(name) as CFDictionary)
    }

    private func content(_ secret: Data) -> NSMutableDictionary {
      let content = NSMutableDictionary()
      content[kSecValueData as NSString] = NSData(data: secret)
      content[kSecAttrAccessible as NSString] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
      return content
    }

    /// Returns the attributes that identify an item.
    private func item(_ name: String) -> NSMutableDictionary {
      let item = NSMutableDictionary()
      item[kSecClass as NSString] = kSecClassGenericPassword
      item[kSecAttrService as NSString] = NSString(string: "im.snapback.vault.\(service)")
      item[kSecAttrAccount as NSString] = NSString(string: name)
      // macOS also has an older keychain, which does not support protection classes.
      item[kSecUseDataProtectionKeychain as NSString] = NSNumber(value: true)
      if let accessGroup { item[kSecAttrAccessGroup as NSString] = NSString(string: accessGroup) }
      return item
    }
  }
#endif
