// Stubs of the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
import Dispatch
import Foundation

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

public enum NWError: Error, Sendable {
  case posix(POSIXErrorCode)
  case dns(Int32)
  case tls(Int32)
}

public enum NWEndpoint {
  public struct Host: Sendable {
    public init(_ string: String) {}
  }
  public struct Port: Sendable {
    public init?(rawValue: UInt16) {}
  }
}

open class NWProtocolOptions {}

public enum NWProtocolTCP {
  public final class Options: NWProtocolOptions {
    public override init() {}
    public final var noDelay = false
  }
}

public enum NWProtocolTLS {
  public final class Options: NWProtocolOptions {}
}

public final class NWParameters {
  public init(tls: NWProtocolTLS.Options? = nil, tcp: NWProtocolTCP.Options = NWProtocolTCP.Options()) {}
}

public final class NWConnection: Sendable {
  public enum State: Sendable {
    case setup
    case waiting(NWError)
    case preparing
    case ready
    case failed(NWError)
    case cancelled
  }
  public final class ContentContext: Sendable {
    public static let defaultMessage = ContentContext()
    public static let finalMessage = ContentContext()
  }
  public enum SendCompletion {
    case contentProcessed(@Sendable (_ error: NWError?) -> Void)
    case idempotent
  }
  public init(host: NWEndpoint.Host, port: NWEndpoint.Port, using: NWParameters) {}
  public final var stateUpdateHandler: (@Sendable (_ state: State) -> Void)? {
    get { nil }
    set {}
  }
  public final func start(queue: DispatchQueue) {}
  public final func cancel() {}
  public final func receive(
    minimumIncompleteLength: Int,
    maximumLength: Int,
    completion: @escaping @Sendable (
      _ content: Data?, _ contentContext: ContentContext?, _ isComplete: Bool, _ error: NWError?
    ) -> Void
  ) {}
  public final func send(
    content: Data?,
    contentContext: ContentContext = .defaultMessage,
    isComplete: Bool = true,
    completion: SendCompletion
  ) {}
}
