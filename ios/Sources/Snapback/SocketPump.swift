import Dispatch
import Foundation

/// A connection of some network stack, as far as ``SocketPump`` needs it.
protocol ByteConnection: AnyObject, Sendable {
  /// Calls back once, with bytes, or with `nil` when nothing more is received.
  func receive(_ received: @escaping @Sendable (Data?) -> Void)
  /// Sends bytes, or with `nil` the end. Calls back once, with whether that was possible.
  func send(_ data: Data?, _ sent: @escaping @Sendable (Bool) -> Void)
  /// Ends the connection.
  func cancel()
}

/// Moves bytes between a connection and one end of a pair of sockets, whose other end the client has. It holds at most
/// one read in each direction, so that the slower side sets the pace.
final class SocketPump: @unchecked Sendable {
  /// The length of a read, in bytes.
  private static let chunk = 64 * 1024

  private let connection: any ByteConnection
  private let socket: Int32
  private let queue = DispatchQueue(label: "im.snapback.pump")
  // The rest is used on the queue only.
  private let readable: any DispatchSourceRead
  private let writable: any DispatchSourceWrite
  /// What the connection has received, and the client has not.
  private var inbound = Data()
  private var isWriting = false
  private var isReading = true
  private var isSendingDone = false
  private var isReceivingDone = false
  private var isOver = false

  /// Starts to move bytes. Returns the client's end, which the client closes.
  static func start(_ connection: any ByteConnection) throws -> Int32 {
    var pair: [Int32] = [-1, -1]
    #if canImport(Glibc)
      let stream = Int32(SOCK_STREAM.rawValue)
    #else
      let stream = SOCK_STREAM
    #endif
    guard socketpair(AF_UNIX, stream, 0, &pair) == 0 else { throw ConnectionProblem.other }
    for end in pair {
      _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      #if !canImport(Glibc)
        // A client that has gone must not end the process.
        var on: Int32 = 1
        _ = setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
      #endif
    }
    SocketPump(connection, pair[0]).run()
    return pair[1]
  }

  private init(_ connection: any ByteConnection, _ socket: Int32) {
    self.connection = connection
    self.socket = socket
    readable = DispatchSource.makeReadSource(fileDescriptor: socket, queue: queue)
    writable = DispatchSource.makeWriteSource(fileDescriptor: socket, queue: queue)
  }

  /// The sources keep this alive until it is over.
  private func run() {
    readable.setEventHandler { self.readFromClient() }
    writable.setEventHandler { self.writeToClient() }
    // A descriptor may be closed once both sources are.
    let closing = DispatchGroup()
    closing.enter()
    closing.enter()
    readable.setCancelHandler { closing.leave() }
    writable.setCancelHandler { closing.leave() }
    closing.notify(queue: queue) { [socket] in _ = close(socket) }
    readable.resume()
    queue.async { self.receive() }
  }

  private func readFromClient() {
    var buffer = [UInt8](repeating: 0, count: Self.chunk)
    let count = recv(socket, &buffer, buffer.count, 0)
    if count < 0 {
      if errno == EAGAIN || errno == EINTR { return }
      return end()
    }
    isReading = false
    readable.suspend()
    connection.send(count > 0 ? Data(buffer[0..<count]) : nil) { isSent in
      self.queue.async { self.sent(isSent, isLast: count == 0) }
    }
  }

  private func sent(_ isSent: Bool, isLast: Bool) {
    if isOver { return }
    guard isSent else { return end() }
    if isLast {
      isSendingDone = true
      return endIfDone()
    }
    isReading = true
    readable.resume()
  }

  private func receive() {
    connection.receive { data in
      self.queue.async { self.received(data) }
    }
  }

  private func received(_ data: Data?) {
    if isOver { return }
    guard let data else {
      isReceivingDone = true
      _ = shutdown(socket, Int32(SHUT_WR))
      return endIfDone()
    }
    inbound = data
    writeToClient()
  }

  private func writeToClient() {
    if isOver { return }
    while !inbound.isEmpty {
      #if canImport(Glibc)
        let count = inbound.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      #else
        let count = inbound.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, 0) }
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        guard errno == EAGAIN else { return end() }
        if !isWriting {
          isWriting = true
          writable.resume()
        }
        return
      }
      inbound = Data(inbound.dropFirst(count))
    }
    if isWriting {
      isWriting = false
      writable.suspend()
    }
    receive()
  }

  private func endIfDone() {
    if isSendingDone && isReceivingDone { end() }
  }

  private func end() {
    if isOver { return }
    isOver = true
    connection.cancel()
    // A source that is suspended does not end.
    if !isReading { readable.resume() }
    if !isWriting { writable.resume() }
    readable.cancel()
    writable.cancel()
  }
}
