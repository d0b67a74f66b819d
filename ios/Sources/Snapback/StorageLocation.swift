import Foundation

extension Storage {
  /// Returns storage in a file of the app, with the protection that a phone needs: the file is excluded from backups,
  /// readable after the first unlock of the device, and encrypted with a key from the Keychain.
  ///
  /// On systems without a Keychain the keys are in a folder beside the file.
  ///
  /// - Parameters:
  ///   - name: a name for each account, such as `juliet`; not a path.
  ///   - appGroup: the app group whose folder the app shares with its extensions. Default `nil`: the app's own folder.
  ///   - accessGroup: the Keychain access group that the app shares with its extensions. Default `nil`: the app's own.
  /// - Throws: ``SnapbackError/storage(_:)`` with `notYetUnlocked` before the first unlock of a phone, another error of
  ///   the file system, or ``SnapbackError/configuration(setting:)`` if the name is a path or the app does not belong to
  ///   the group.
  public static func file(
    named name: String, appGroup: String? = nil, accessGroup: String? = nil
  ) throws -> Storage {
    guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
      throw SnapbackError.configuration(setting: "name")
    }
    do {
      return try prepared(name, appGroup, accessGroup)
    } catch {
      #if canImport(UIKit)
        throw onPhone(error)
      #else
        throw error
      #endif
    }
  }

  /// In the folder of an app on a phone, permission is missing only before the first unlock of the device.
  static func onPhone(_ error: any Error) -> any Error {
    switch (error as? CocoaError)?.code {
    case .fileReadNoPermission, .fileWriteNoPermission: SnapbackError.storage(.notYetUnlocked)
    default: error
    }
  }

  private static func prepared(_ name: String, _ appGroup: String?, _ accessGroup: String?) throws -> Storage {
    var folder = try home(appGroup).appendingPathComponent("Snapback", isDirectory: true)
    #if canImport(Security)
      // Files that are created in the folder inherit the protection, also those that SQLite adds to the database.
      let protection = [FileAttributeKey.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication]
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: protection)
      try FileManager.default.setAttributes(protection, ofItemAtPath: folder.path)
      var excluded = URLResourceValues()
      excluded.isExcludedFromBackup = true
      try folder.setResourceValues(excluded)
      return .inFile(
        folder.appendingPathComponent("\(name).db"), vault: KeychainVault(service: name, accessGroup: accessGroup))
    #else
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      // These systems have no common attribute that excludes a file from backups.
      folder.standardize()
      return .inFileWithKeys(
        folder.appendingPathComponent("\(name).db"), keys: folder.appendingPathComponent("\(name).keys"))
    #endif
  }

  /// Returns the storage itself; for ``automatic`` the file of the account.
  func resolved(account: String) throws -> Storage {
    guard case .automatic = self else { return self }
    let name = try Jid(account).bare.description
    // A name that begins with a full stop would be a hidden file.
    return try .file(named: name.hasPrefix(".") ? "_\(name)" : name)
  }

  /// The database file; `nil` if there is none.
  var file: URL? {
    switch self {
    case .automatic, .memory: nil
    case .inFile(let file, _), .inFileWithKeys(let file, _): file
    }
  }

  private static func home(_ appGroup: String?) throws -> URL {
    #if canImport(Security)
      if let appGroup {
        let folder = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: appGroup)
        guard let folder else { throw SnapbackError.configuration(setting: "appGroup") }
        return folder
      }
    #endif
    return try FileManager.default.url(
      for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
  }
}
