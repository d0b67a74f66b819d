import Foundation

extension Storage {
  /// In a file of the app, at the place and with the protection that a phone wants: outside of every backup, readable
  /// after the first unlock, sealed with keys of the Keychain.
  ///
  /// On systems without a Keychain the keys are in a folder beside the file.
  ///
  /// - Parameters:
  ///   - name: one for each account, such as `juliet`; not a path.
  ///   - appGroup: the group whose folder the app shares with its extensions.
  ///   - accessGroup: the Keychain's group for the same purpose.
  /// - Throws: an error of the file system, or ``SnapbackError/configuration(setting:)`` if the name is a path or the
  ///   group is none of this app's.
  public static func file(
    named name: String, appGroup: String? = nil, accessGroup: String? = nil
  ) throws -> Storage {
    guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
      throw SnapbackError.configuration(setting: "name")
    }
    var folder = try home(appGroup).appendingPathComponent("Snapback", isDirectory: true)
    #if canImport(Security)
      // Files that are made in it, the database's companions among them, inherit the protection.
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
      // There are no backups to stay out of that this could know.
      folder.standardize()
      return .inFileWithKeys(
        folder.appendingPathComponent("\(name).db"), keys: folder.appendingPathComponent("\(name).keys"))
    #endif
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
