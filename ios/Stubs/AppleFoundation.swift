// Stubs of what Foundation has only on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
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
