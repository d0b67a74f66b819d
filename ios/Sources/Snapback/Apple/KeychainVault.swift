#if canImport(Security)
  import Foundation
  import Security

  /// Keys in the Keychain: readable after the first unlock since the device was started, on this device only, and never in
  /// a backup.
  public struct KeychainVault: KeyVault {
    private let service: String
    private let accessGroup: String?

    /// - Parameters:
    ///   - service: what the keys are filed under; one for each store.
    ///   - accessGroup: the group that the app shares with its extensions, if the store is shared as well.
    public init(service: String, accessGroup: String? = nil) {
      self.service = service
      self.accessGroup = accessGroup
    }

    public func read(name: String) throws(VaultError) -> Data? {
      let query = item(name)
      query[kSecReturnData as NSString] = NSNumber(value: true)
      query[kSecMatchLimit as NSString] = kSecMatchLimitOne
      var found: CFTypeRef?
      let status = SecItemCopyMatching(query as CFDictionary, &found)
      if status == errSecItemNotFound { return nil }
      try check(status)
      guard let data = found as? NSData else { throw .broken }
      return Data(referencing: data)
    }

    public func write(name: String, secret: Data) throws(VaultError) {
      let change = NSMutableDictionary()
      change[kSecValueData as NSString] = NSData(data: secret)
      change[kSecAttrAccessible as NSString] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
      var status = SecItemUpdate(item(name) as CFDictionary, change as CFDictionary)
      if status == errSecItemNotFound {
        let new = item(name)
        new.addEntries(from: [
          kSecValueData as NSString: NSData(data: secret),
          kSecAttrAccessible as NSString: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ])
        status = SecItemAdd(new as CFDictionary, nil)
      }
      try check(status)
    }

    /// What names an item.
    private func item(_ name: String) -> NSMutableDictionary {
      let item = NSMutableDictionary()
      item[kSecClass as NSString] = kSecClassGenericPassword
      item[kSecAttrService as NSString] = NSString(string: "im.snapback.vault.\(service)")
      item[kSecAttrAccount as NSString] = NSString(string: name)
      // macOS has an older keychain beside this one, which knows no protection classes.
      item[kSecUseDataProtectionKeychain as NSString] = NSNumber(value: true)
      if let accessGroup { item[kSecAttrAccessGroup as NSString] = NSString(string: accessGroup) }
      return item
    }

    private func check(_ status: OSStatus) throws(VaultError) {
      switch status {
      case errSecSuccess: return
      case errSecInteractionNotAllowed: throw .locked
      default: throw .broken
      }
    }
  }
#endif
