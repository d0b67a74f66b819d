// Stubs of the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
import Dispatch

public struct NWPath: Sendable {
  public enum Status: Sendable {
    case satisfied
    case unsatisfied
    case requiresConnection
  }
  public let status: Status
}

public final class NWPathMonitor {
  public init() {}
  public final var pathUpdateHandler: (@Sendable (_ newPath: NWPath) -> Void)?
  public final func start(queue: DispatchQueue) {}
  public final func cancel() {}
}
