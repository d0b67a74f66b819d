// Stubs of the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
import Foundation

public struct UIBackgroundTaskIdentifier: Hashable, Sendable, RawRepresentable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }
  public static let invalid = UIBackgroundTaskIdentifier(rawValue: 0)
}

@MainActor
public class UIApplication: NSObject {
  public enum State: Int { case active, inactive, background }
  public class var shared: UIApplication { fatalError("a stub") }
  public var applicationState: State { .active }
  public nonisolated class var didEnterBackgroundNotification: NSNotification.Name { NSNotification.Name("out") }
  public nonisolated class var willEnterForegroundNotification: NSNotification.Name { NSNotification.Name("in") }
  public nonisolated class var protectedDataDidBecomeAvailableNotification: NSNotification.Name {
    NSNotification.Name("unlocked")
  }
  public func beginBackgroundTask(
    withName taskName: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
  ) -> UIBackgroundTaskIdentifier { .invalid }
  public func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) {}
}
