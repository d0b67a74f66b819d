import Foundation
import SnapbackFFI
import Testing

@testable import Snapback

/// The parts that a platform provides: resolver, network monitor and log.
@Suite struct PlatformTests {
  @Test func thePlatformsResolverIsAsked() async throws {
    let world = try await World()
    let resolver = FixedResolver(port: world.ready.directPort)
    let client = try await world.client {
      $0.servers = []
      // Not asked, and no server is there.
      $0.nameServers = ["127.0.0.1:9"]
      $0.nameResolver = resolver
    }
    client.connect()
    #expect(try await client.online().outcome == .bound)
    for asked in [
      "srv _xmpps-client._tcp.localhost", "srv _xmpp-client._tcp.localhost", "a xmpp.example.org",
      "aaaa xmpp.example.org",
    ] {
      #expect(resolver.asked.contains(asked))
    }
    await client.shutdown()
  }

  @Test func aDenialOfThePlatformIsTheAnswer() async throws {
    let world = try await World()
    let resolver = FixedResolver(port: nil)
    let client = try await world.client {
      $0.servers = []
      $0.nameResolver = resolver
    }
    client.connect()
    #expect(try await client.ended().reason == .resolve(problem: .noSuchDomain))
    await client.shutdown()
  }

  @Test func aQueryThatIsNotNeededAnyMoreIsCancelled() async throws {
    let world = try await World()
    let resolver = SilentResolver()
    let client = try await world.client {
      $0.servers = []
      $0.nameResolver = resolver
    }
    client.connect()
    try await eventually("two queries") { resolver.counts.begun == 2 }
    try await client.disconnect()
    try await eventually("their end") { resolver.counts.cancelled == 2 }
    await client.shutdown()
  }

  @Test func aNetworkThatIsAvailableAgainIsUsedAtOnce() async throws {
    let world = try await World()
    let network = HandNetwork()
    let client = try await world.client { $0.networkMonitor = network }
    client.connect()
    _ = try await client.online()
    network.report(false)
    try await world.obey("cut")
    try await client.until("no network") { $0 == .offline(reason: .noNetwork, retryIn: nil) }
    network.report(true)
    #expect(try await client.online().outcome == .resumed)
    await client.shutdown()
    #expect(network.isCancelled)
  }

  @Test func t9TheLogHoldsNoSecret() async throws {
    let records = HandLog()
    SnapbackLog.send { records.add($0.description) }
    defer { SnapbackLog.send(to: nil) }
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    try await world.obey("message", ["body": "in confidence"])
    #expect("\(try await client.message())".contains("in confidence") == false)
    try await client.send(to: World.romeo, "in confidence").ackedInTime()
    try await world.obey("cut")
    _ = try await client.online()
    await client.shutdown()
    let all = records.all
    #expect(all.contains { $0.hasPrefix("online ") })
    for secret in [World.password, "in confidence", "juliet", "romeo"] {
      #expect(!all.contains { $0.contains(secret) })
    }
  }

  @Test func srvRecordsAreReadFromTheWire() {
    var wire: [UInt8] = [0, 5, 0, 10, 0x14, 0x67, 4]
    wire.append(contentsOf: "xmpp".utf8)
    wire.append(7)
    wire.append(contentsOf: "example".utf8)
    wire.append(0)
    let expected = SrvRecord(priority: 5, weight: 10, port: 5223, target: "xmpp.example")
    #expect(SrvRecord(wire: wire) == expected)
    #expect(SrvRecord(wire: [0, 0, 0, 0, 0, 0, 0])?.target == ".")
    for length in 0..<wire.count { #expect(SrvRecord(wire: Array(wire.prefix(length))) == nil) }
    #expect(SrvRecord(wire: wire + [0]) == nil)
    #expect(SrvRecord(wire: [0, 0, 0, 0, 0, 0, 0xC0, 0]) == nil)
    for byte in UInt8.min...UInt8.max { _ = SrvRecord(wire: [0, 0, 0, 0, 0, 0, byte, byte]) }
  }

  @Test func invalidTimesAreBounded() {
    #expect(Milliseconds.of(0.0001) == 1)
    #expect(Milliseconds.of(-1) == 0)
    #expect(Milliseconds.of(.nan) == 0)
    #expect(Milliseconds.of(.infinity) == Milliseconds.of(.greatestFiniteMagnitude))
  }
}

/// Knows one host, or denies everything.
private final class FixedResolver: NameResolver {
  private let names = Locked<[String]>([])
  private let port: UInt16?

  init(port: UInt16?) {
    self.port = port
  }

  var asked: [String] { names.withLock { $0 } }

  func records(of name: String, type: RecordType) async -> DnsAnswer {
    names.withLock { $0.append("\(type) \(name)") }
    guard let port else { return .noRecords }
    switch type {
    case .srv where name.hasPrefix("_xmpps-client."):
      let record = SrvRecord(priority: 0, weight: 0, port: port, target: "xmpp.example.org")
      return .srv(records: [record], ttl: 60)
    case .a: return .addresses(addresses: ["127.0.0.1"], ttl: nil)
    case .srv, .aaaa: return .noRecords
    }
  }
}

/// Never answers.
private final class SilentResolver: NameResolver {
  let state = Locked((begun: 0, cancelled: 0))

  var counts: (begun: Int, cancelled: Int) { state.withLock { $0 } }

  func records(of name: String, type: RecordType) async -> DnsAnswer {
    state.withLock { $0.begun += 1 }
    try? await Task.sleep(nanoseconds: 3_600_000_000_000)
    if Task.isCancelled { state.withLock { $0.cancelled += 1 } }
    return .unable
  }
}

private final class HandNetwork: NetworkMonitor, NetworkObservation, @unchecked Sendable {
  private let lock = NSLock()
  private var changed: (@Sendable (NetworkState) -> Void)?
  private var cancelled = false

  func observe(_ changed: @escaping @Sendable (NetworkState) -> Void) -> any NetworkObservation {
    lock.withLock { self.changed = changed }
    return self
  }

  func report(_ available: Bool) {
    let changed = lock.withLock { self.changed }
    changed?(NetworkState(available: available, nameServers: []))
  }

  func cancel() {
    lock.withLock { cancelled = true }
  }

  var isCancelled: Bool { lock.withLock { cancelled } }
}

private final class HandLog: @unchecked Sendable {
  private let lock = NSLock()
  private var records: [String] = []

  func add(_ record: String) {
    lock.withLock { records.append(record) }
  }

  var all: [String] { lock.withLock { records } }
}
