import Foundation
import Snapback
import Testing

@Suite struct LifecycleTests {
  @Test func aSecondCloseDoesNothingAndLaterCallsFailWithClosed() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    client.close()
    client.close()
    await client.shutdown()
    await client.shutdown()
    let jid = try Jid(World.romeo)
    await #expect(throws: SnapbackError.closed) { try await client.send(to: jid, "too late") }
    await #expect(throws: SnapbackError.closed) { try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>") }
    await #expect(throws: SnapbackError.closed) { try await client.roster() }
    await #expect(throws: SnapbackError.closed) { try await client.disconnect() }
    await #expect(throws: SnapbackError.closed) { try await client.logOut() }
    await #expect(throws: SnapbackError.closed) { try await client.pause() }
    await #expect(throws: SnapbackError.closed) { try await client.drain(deadline: Date()) }
    client.connect()
    client.resume()
    client.setForeground(false)
    client.networkChanged(NetworkState(available: true, nameServers: []))
    #expect(client.state == .offline(reason: .notWanted, retryIn: nil))
    for await _ in client.events {}
    for await state in client.states { #expect(state == client.state) }
  }

  @Test func waitingCallsEndWithTheClient() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    try await world.obey("cut", ["mode": "blackhole"])
    let sent = try await client.send(to: World.romeo, "unheard")
    let events = client.events
    let reader = Task { for await _ in events {} }
    let request = Task { try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>", timeout: 3600) }
    let acked = Task { try await sent.acked() }
    try await Task.sleep(nanoseconds: 20_000_000)
    client.close()
    try await withTimeout("the events' end") { await reader.value }
    await #expect(throws: SnapbackError.closed) { try await withTimeout("the request") { try await request.value } }
    await #expect(throws: SnapbackError.closed) { try await withTimeout("the stanza") { try await acked.value } }
  }

  @Test func releasingTheLastReferenceClosesTheClient() async throws {
    let world = try await World()
    weak var gone: SnapbackClient?
    do {
      let client = try await world.client()
      gone = client
      client.connect()
      _ = try await client.online()
    }
    try await eventually("the object's end") { [gone] in gone == nil }
    try await eventually("the connection's end") { try await world.stats().connections.allSatisfy(\.closed) }
  }

  /// Many closed clients use no more resources than a few. `SNAPBACK_CYCLES` sets their number for a longer run.
  @Test func closedClientsLeaveNoResources() async throws {
    let cycles = ProcessInfo.processInfo.environment["SNAPBACK_CYCLES"].flatMap(Int.init) ?? 1000
    let world = try await World()
    func live(_ times: Int) async throws {
      for round in 0..<times {
        let client = try await world.client()
        client.connect()
        if round.isMultiple(of: 2) { _ = try await client.online() }
        await client.shutdown()
      }
    }
    try await live(20)
    let before = Footprint()
    try await live(cycles)
    try await eventually("the same footprint") { Footprint().files <= before.files }
    let after = Footprint()
    print("\(cycles) cycles: \(before) before, \(after) after")
    #expect(after.threads <= before.threads + 4, "threads: \(before.threads) before, \(after.threads) after")
    #expect(
      after.kilobytes <= before.kilobytes + 8_192 + cycles * 4,
      "memory: \(before.kilobytes) kB before, \(after.kilobytes) kB after \(cycles) cycles")
  }

  @Test func aPausedClientHasNoFileOpenAndResumes() async throws {
    let world = try await World()
    let folder = try Folder()
    let client = try await world.client(storage: folder.storage)
    client.connect()
    #expect(try await client.online().outcome == .bound)
    await #expect(throws: SnapbackError.storage(.ownedElsewhere)) {
      try await world.client(storage: folder.storage)
    }
    try await client.pause()
    try await client.until("the state") { $0 == .offline(reason: .suspended, retryIn: nil) }
    let other = try await world.client(storage: folder.storage)
    await other.shutdown()
    client.resume()
    #expect(try await client.online().outcome == .resumed)
    await client.shutdown()
    // The next client resumes the session, too.
    let next = try await world.client(storage: folder.storage)
    next.connect()
    #expect(try await next.online().outcome == .resumed)
    await next.shutdown()
  }
}

/// The resources of this process (proc(5)).
private struct Footprint: CustomStringConvertible {
  let files: Int
  let threads: Int
  let kilobytes: Int

  init() {
    files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    func number(_ name: String) -> Int {
      let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
    threads = number("Threads")
    kilobytes = number("VmRSS")
  }

  var description: String { "\(files) files, \(threads) threads, \(kilobytes) kB" }
}
