#if canImport(Network)
  import Dispatch
  import Foundation
  import Network

  /// Opens connections with Network.framework, which uses VPN on demand, proxies that the system configures, and wakes
  /// the cellular modem. Each connection costs a pair of sockets and one more copy of the bytes; without such a need,
  /// the client's own sockets are faster.
  public struct NetworkConnector: Connector {
    private let parameters: @Sendable () -> NWParameters

    /// - Parameter parameters: the parameters of each connection. Default: TCP without delay of small segments.
    public init(parameters: @escaping @Sendable () -> NWParameters = { Self.withoutDelay() }) {
      self.parameters = parameters
    }

    /// Returns the parameters of TCP without Nagle's algorithm: a flight is one write already.
    public static func withoutDelay() -> NWParameters {
      let options = NWProtocolTCP.Options()
      options.noDelay = true
      return NWParameters(tls: nil, tcp: options)
    }

    public func connect(to address: String, port: UInt16) async throws -> Int32 {
      guard let port = NWEndpoint.Port(rawValue: port) else { throw ConnectionProblem.other }
      let connection = NWConnection(host: NWEndpoint.Host(address), port: port, using: parameters())
      let ready = Readiness()
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
          ready.set(continuation)
          connection.stateUpdateHandler = { state in
            switch state {
            case .ready: ready.finish(.success(()))
            case .failed(let error): ready.finish(.failure(ConnectionProblem(error)))
            case .cancelled: ready.finish(.failure(CancellationError()))
            default: break
            }
          }
          connection.start(queue: DispatchQueue(label: "im.snapback.connection"))
        }
        return try SocketPump.start(NetworkBytes(connection))
      } onCancel: {
        // After the pump has begun, the client closes its end.
        if !ready.isFinished { connection.cancel() }
      }
    }
  }

  /// Resumes once.
  private final class Readiness: Sendable {
    private let waiting = Locked<(continuation: CheckedContinuation<Void, any Error>?, isFinished: Bool)>((nil, false))

    var isFinished: Bool { waiting.withLock { $0.isFinished } }

    func set(_ continuation: CheckedContinuation<Void, any Error>) {
      waiting.withLock { $0.continuation = continuation }
    }

    func finish(_ result: Result<Void, any Error>) {
      let continuation = waiting.withLock { waiting in
        waiting.isFinished = true
        defer { waiting.continuation = nil }
        return waiting.continuation
      }
      continuation?.resume(with: result)
    }
  }

  private final class NetworkBytes: ByteConnection {
    private static let chunk = 64 * 1024
    private let connection: NWConnection

    init(_ connection: NWConnection) {
      self.connection = connection
    }

    func receive(_ received: @escaping @Sendable (Data?) -> Void) {
      connection.receive(minimumIncompleteLength: 1, maximumLength: Self.chunk) { data, _, _, _ in
        received(data.flatMap { $0.isEmpty ? nil : $0 })
      }
    }

    func send(_ data: Data?, _ sent: @escaping @Sendable (Bool) -> Void) {
      connection.send(
        content: data,
        contentContext: data == nil ? .finalMessage : .defaultMessage,
        isComplete: data == nil,
        completion: .contentProcessed { error in sent(error == nil) })
    }

    func cancel() {
      connection.cancel()
    }
  }

  extension ConnectionProblem {
    fileprivate init(_ error: NWError) {
      self =
        switch error {
        case .posix(.ECONNREFUSED): .refused
        case .posix(.EHOSTUNREACH), .posix(.ENETUNREACH), .posix(.ENETDOWN): .unreachable
        case .posix(.ETIMEDOUT): .timedOut
        default: .other
        }
    }
  }
#endif
