// A stand-in for what Foundation has beyond Linux on Apple's systems, for a type check on Linux (`cargo xtask swift`): only what
// Snapback uses, and it does nothing. No part of the package.
import Foundation

extension URLResourceValues {
  public var isExcludedFromBackup: Bool? {
    get { nil }
    set {}
  }
}

extension FileManager {
  public func containerURL(forSecurityApplicationGroupIdentifier groupIdentifier: String) -> URL? { nil }
}
