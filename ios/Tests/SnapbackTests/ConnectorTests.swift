import Dispatch
import Foundation
import Testing

@testable import Snapback

#if canImport(Glibc)
  import Glibc
#endif

/// Connections that the app opens.
@Suite struct ConnectorTests {
  /// Connects with a socket of its own, which is the client's or behind a pair of sockets.
  private final class Own: Connector {
    let addresses = Locked<[String]>([])
    let isPumped: Bool

    init(isPumped: Bool) {
      self.isPumped = isPumped
    }

    func connect(to address: String, port: UInt16) async throws -> Int32 {
      addresses.withLock { $0.append("\(address):\(port)") }
      let socket = try Self.connected(address, port)
      return isPumped ? try SocketPump.start(Bytes(socket)) : socket
    }

    private static func connected(_ address: String, _ port: UInt16) throws -> Int32 {
      #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
      #else
        let stream = SOCK_STREAM
      #endif
      let descriptor = socket(AF_INET, stream, 0)
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      inet_pton(AF_INET, address, &name.sin_addr)
      let result = withUnsafePointer(to: &name) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else {
        close(descriptor)
        throw ConnectionProblem.refused
      }
      return descriptor
    }
  }

  /// A network stack: blocking calls on threads of their own.
  private final class Bytes: ByteConnection {
    private let socket: Int32
    private let reads = DispatchQueue(label: "reads")
    private let writes = DispatchQueue(label: "writes")

    init(_ socket: Int32) {
      self.socket = socket
    }

    deinit {
      close(socket)
    }

    func receive(_ received: @escaping @Sendable (Data?) -> Void) {
      reads.async { [self] in
        var buffer = [UInt8](repeating: 0, count: 1000)
        let count = recv(socket, &buffer, buffer.count, 0)
        received(count > 0 ? Data(buffer[0..<count]) : nil)
      }
    }

    func send(_ data: Data?, _ sent: @escaping @Sendable (Bool) -> Void) {
      writes.async { [self] in
        guard let data else {
          return sent(shutdown(socket, Int32(SHUT_WR)) == 0)
        }
        var rest = data
        while !rest.isEmpty {
          let count = rest.withUnsafeBytes { bytes in
            Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
          }
          if count <= 0 { return sent(false) }
          rest = Data(rest.dropFirst(count))
        }
        sent(true)
      }
    }

    func cancel() {
      shutdown(socket, Int32(SHUT_RDWR))
    }
  }

  @Test(arguments: [false, true])
  func aConnectionOfTheAppCarriesASession(isPumped: Bool) async throws {
    let world = try await World()
    let own = Own(isPumped: isPumped)
    let client = try await world.client { $0.connector = own }
    client.connect()
    _ = try await client.online()
    // More than the buffers of a pair of sockets hold.
    let body = String(repeating: "x", count: 100_000)
    for _ in 0..<10 {
      try await client.send(to: World.romeo, body).acked()
    }
    try await world.obey("cut")
    #expect(try await client.online().outcome == .resumed)
    let port = world.ready.directPort
    #expect(own.addresses.withLock { $0 }.allSatisfy { $0 == "127.0.0.1:\(port)" })
    #expect(own.addresses.withLock { $0.count } >= 2)
    await client.shutdown()
  }

  @Test func aConnectorThatFailsIsAnAttemptThatFailed() async throws {
    struct Failing: Connector {
      func connect(to address: String, port: UInt16) async throws -> Int32 { throw ConnectionProblem.unreachable }
    }
    let world = try await World()
    let client = try await world.client { $0.connector = Failing() }
    client.connect()
    let ended = try await client.ended()
    #expect(ended.retryable)
    #expect(ended.dial.addresses.count == 1, "\(ended.dial)")
    await client.shutdown()
  }
}
