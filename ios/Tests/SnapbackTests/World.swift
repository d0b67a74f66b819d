import Dispatch
import Foundation
import Snapback
import Testing

/// The server of a test as a process, with a link that can be cut (`tests/scenarios/README.md`).
final class World: Sendable {
  struct Ready: Decodable, Sendable {
    let host: String
    let starttlsPort: UInt16
    let directPort: UInt16
    /// The link in front of a real server.
    let linkPort: UInt16?
    /// The certificate of the reference server's authority, and that of a real server's.
    let caFile: String?
    let caPem: String?
    let accounts: [Account]
  }

  struct Account: Decodable, Sendable {
    let jid: String
    let password: String
  }

  struct Answer: Decodable, Sendable {
    struct Message: Decodable, Hashable, Sendable {
      let id: String
      let body: String
    }
    struct Connection: Decodable, Sendable {
      let account: String?
      let outcome: String?
      let openedMs: Int
      let closed: Bool
    }
    struct Session: Decodable, Sendable {
      let jid: String
      let attached: Bool
      let unacked: Int
    }
    struct Stats: Decodable, Sendable {
      let connections: [Connection]
      let sessions: [Session]
    }
    let ok: Bool
    let error: String?
    let ids: [String]?
    let messages: [Message]?
    let stats: Stats?
  }

  enum Problem: Error {
    case noServer
    case silent
    case refused(String)
  }

  static let juliet = "juliet@localhost"
  static let password = "r0m30"
  static let romeo = "romeo@localhost"

  let ready: Ready
  let certificate: String
  private let process: Lines

  convenience init(_ options: String...) async throws {
    try await self.init(options: options)
  }

  /// The reference server.
  convenience init(options: [String]) async throws {
    guard let path = ProcessInfo.processInfo.environment["SNAPBACK_TEST_SERVER"] else { throw Problem.noServer }
    try await self.init(Lines(path, options))
  }

  /// Prosody or ejabberd as packaged (`tests/interop/src/bin/real_server.rs`): on the other side of a connection, since it
  /// may run in another root than the tests.
  convenience init(real server: String) async throws {
    guard let port = Self.realServers[server] else { throw Problem.noServer }
    try await self.init(Lines(port: port))
  }

  private init(_ process: Lines) async throws {
    self.process = process
    ready = try Self.decode(Ready.self, try await process.next() ?? "")
    certificate =
      if let pem = ready.caPem { pem } else { try String(contentsOfFile: ready.caFile ?? "", encoding: .utf8) }
  }

  /// The ports of the real servers that run for the tests, by name: `prosody=40001 ejabberd=40002`.
  static let realServers: [String: UInt16] = {
    let servers = ProcessInfo.processInfo.environment["SNAPBACK_REAL_SERVERS"] ?? ""
    let pairs = servers.split(separator: " ").map { $0.split(separator: "=") }
    return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), UInt16($0[1]) ?? 0) })
  }()

  deinit {
    process.end()
  }

  /// Sends a command to the server: `"cut"`, or `"message"` with `["count": 3]`.
  @discardableResult
  func obey(_ command: String, _ fields: [String: any Sendable] = [:]) async throws -> Answer {
    let object = fields.merging(["world": command]) { first, _ in first }
    return try await obey(JSONSerialization.data(withJSONObject: object))
  }

  /// Sends a command of a scenario to the server.
  func obey(_ command: Json) async throws -> Answer {
    try await obey(JSONEncoder().encode(command))
  }

  private func obey(_ command: Data) async throws -> Answer {
    guard let text = try await process.ask(String(decoding: command, as: UTF8.self)) else { throw Problem.silent }
    let answer = try Self.decode(Answer.self, text)
    guard answer.ok else { throw Problem.refused(answer.error ?? "") }
    return answer
  }

  func stats() async throws -> Answer.Stats {
    guard let stats = try await obey("stats").stats else { throw Problem.silent }
    return stats
  }

  /// Returns the messages that romeo received from juliet, in order and with duplicates.
  func received() async throws -> [Answer.Message] {
    try await obey("received").messages ?? []
  }

  func configuration(storage: Storage = .memory) -> Configuration {
    var configuration = Configuration()
    configuration.storage = storage
    configuration.servers = [ServerAddress(host: ready.host, port: ready.directPort)]
    configuration.danger.trustOnlyTheseRoots = certificate
    configuration.timeouts.backoff = 0.1
    configuration.timeouts.backoffCap = 1
    return configuration
  }

  func client(
    storage: Storage = .memory, _ adapt: (inout Configuration) -> Void = { _ in }
  ) async throws -> SnapbackClient {
    var configuration = configuration(storage: storage)
    adapt(&configuration)
    return try await SnapbackClient.open(Self.juliet, password: Self.password, configuration: configuration)
  }

  private static func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(text.utf8))
  }
}

/// A process with which the tests exchange lines.
final class Lines: Sendable {
  /// `nil` for one that others have started.
  private let process: Process?
  private let input: FileHandle
  private let reader: LineReader
  /// Reads run one at a time on this queue, so that no thread of Swift's own pool is blocked.
  private let queue = DispatchQueue(label: "lines")

  init(_ path: String, _ arguments: [String]) throws {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    self.process = process
    self.input = input.fileHandleForWriting
    reader = LineReader(output.fileHandleForReading)
  }

  /// Connects to a process on this machine.
  init(port: UInt16) throws {
    let stream = socket(AF_INET, streamType, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(stream, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw CocoaError(.fileReadUnknown) }
    let handle = FileHandle(fileDescriptor: stream, closeOnDealloc: true)
    process = nil
    input = handle
    reader = LineReader(handle)
  }

  /// Returns the next line; `nil` at the end.
  func next() async throws -> String? {
    try await withTimeout("a line of a process") {
      await withCheckedContinuation { continuation in
        self.queue.async { continuation.resume(returning: self.reader.next()) }
      }
    }
  }

  func ask(_ line: String) async throws -> String? {
    try input.write(contentsOf: Data((line + "\n").utf8))
    return try await next()
  }

  /// Closes the input of the process, at which it ends.
  func end() {
    try? input.close()
  }

  /// Kills the process, as a system does that needs its memory. `waitUntilExit` is not used: it runs a run loop, and on
  /// Linux it may not return on another thread than the main one.
  func kill() async throws {
    guard let process else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    try await eventually("the end of a process") { !process.isRunning }
  }
}

#if canImport(Glibc)
  private let streamType = Int32(SOCK_STREAM.rawValue)
#else
  private let streamType = SOCK_STREAM
#endif

/// Reads lines. It is used only on the queue of its process.
private final class LineReader: @unchecked Sendable {
  private let handle: FileHandle
  private var buffer = Data()

  init(_ handle: FileHandle) {
    self.handle = handle
  }

  func next() -> String? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        defer { buffer = Data(buffer[buffer.index(after: end)...]) }
        return String(decoding: buffer[..<end], as: UTF8.self)
      }
      let more = handle.availableData
      if more.isEmpty { return nil }
      buffer.append(more)
    }
  }
}

struct TestTimeout: Error, CustomStringConvertible {
  let description: String
}

/// Runs `work`, and fails after a timeout, also if `work` does not end when it is cancelled. The default leaves time for
/// a loaded machine.
func withTimeout<T: Sendable>(
  _ what: String, seconds: UInt64 = 90, _ work: @escaping @Sendable () async throws -> T
) async throws -> T {
  let (outcomes, outcome) = AsyncStream<Result<T, any Error>>.makeStream()
  let worker = Task {
    do { outcome.yield(.success(try await work())) } catch { outcome.yield(.failure(error)) }
  }
  let timer = Task {
    try await Task.sleep(nanoseconds: seconds * 1_000_000_000)
    outcome.yield(.failure(TestTimeout(description: "timeout while waiting for \(what)")))
  }
  defer {
    worker.cancel()
    timer.cancel()
  }
  for await first in outcomes { return try first.get() }
  throw CancellationError()
}

/// Polls until the condition is true.
func eventually(_ what: String, _ condition: @escaping @Sendable () async throws -> Bool) async throws {
  try await withTimeout(what) {
    while try await !condition() { try await Task.sleep(nanoseconds: 20_000_000) }
  }
}

extension SnapbackClient {
  /// Returns the first wanted event. Earlier events are dropped, and confirmed if they are deliveries.
  func first<T: Sendable>(_ what: String, _ pick: @escaping @Sendable (Event) -> T?) async throws -> T {
    let events = events
    return try await withTimeout(what) {
      for await event in events {
        event.delivery?.confirm()
        if let found = pick(event) { return found }
      }
      throw SnapbackError.closed
    }
  }

  func online() async throws -> Online {
    try await first("a session") { if case .online(let online) = $0 { online } else { nil } }
  }

  func caughtUp() async throws {
    try await first("the end of what was missed") { if case .caughtUp = $0 { () } else { nil } }
  }

  func ended() async throws -> Ended {
    try await first("the end of a connection") { if case .ended(let ended) = $0 { ended } else { nil } }
  }

  func refused() async throws -> RefusedCertificate {
    try await first("a refused certificate") { if case .certificateRefused(let refused) = $0 { refused } else { nil } }
  }

  func message() async throws -> Delivery<ReceivedMessage> {
    try await first("a message") { if case .message(let delivery) = $0 { delivery } else { nil } }
  }

  func until(_ what: String, _ wanted: @escaping @Sendable (ConnectionState) -> Bool) async throws {
    let states = states
    try await withTimeout(what) {
      for await state in states where wanted(state) { return }
      throw SnapbackError.closed
    }
  }
}

extension SentStanza {
  func ackedInTime() async throws {
    try await withTimeout("an acknowledgement") { try await acked() }
  }
}

/// A folder that is removed after the test.
final class Folder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("snapback-\(UUID())")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  var storage: Storage {
    .inFileWithKeys(url.appendingPathComponent("juliet.db"), keys: url.appendingPathComponent("keys"))
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }
}
