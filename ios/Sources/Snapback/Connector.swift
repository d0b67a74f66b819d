import SnapbackFFI

/// Opens the connections of a client with a network stack of the app's own. Set it as ``Configuration/connector``.
///
/// The bytes do not cross to Swift: the client reads and writes the descriptor. On Apple's systems `NetworkConnector` is one.
public protocol Connector: Sendable {
  /// Connects to an IPv4 or IPv6 address, not a name, and returns the descriptor of a connected stream socket. The client
  /// owns the descriptor from then on, and closes it. It may be one end of a pair of sockets (`socketpair`) whose other
  /// end the app moves the bytes through.
  ///
  /// Several addresses may be connected to at once (RFC 8305). The task is cancelled when another one is faster.
  ///
  /// - Throws: ``ConnectionProblem``, or another error, which counts as ``ConnectionProblem/other``.
  func connect(to address: String, port: UInt16) async throws -> Int32
}

/// Why a ``Connector`` has no connection.
public enum ConnectionProblem: Error, Sendable, Hashable {
  /// Nothing listens there.
  case refused
  /// There is no way to this address.
  case unreachable
  /// There was no answer.
  case timedOut
  /// Anything else.
  case other

  var core: ConnectProblem {
    switch self {
    case .refused: .refused
    case .unreachable: .unreachable
    case .timedOut: .timedOut
    case .other: .other
    }
  }
}

extension SnapbackClient {
  /// Answers requests for connections until the core ends. They run concurrently.
  static func pumpConnections(of core: any Core, to connector: any Connector) async {
    let running = RunningTasks()
    while let request = await core.nextConnectRequest() {
      switch request {
      case .connect(let id, let address, let port):
        running.start(id) {
          do {
            core.connected(id: id, descriptor: try await connector.connect(to: address, port: port))
          } catch {
            core.connectFailed(id: id, problem: (error as? ConnectionProblem ?? .other).core)
          }
        }
      case .cancel(let id): running.cancel(id)
      }
    }
    running.cancelAll()
  }
}
