import Foundation
import Snapback
import Testing

/// A cancelled task stops waiting at once; the client continues, and nothing is lost.
@Suite struct CancellationTests {
  @Test func cancelledIteratorsLoseNoEvent() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    let ids = Ids()
    for round in 0..<20 {
      let events = client.events
      let reader = Task {
        for await event in events {
          if case .message(let delivery) = event { ids.add(delivery.content.id) }
        }
      }
      try await world.obey("message", ["count": 10])
      if round.isMultiple(of: 2) { await Task.yield() }
      reader.cancel()
      await reader.value
    }
    let events = client.events
    // The readers above may have taken all of them.
    try await withTimeout("the rest") {
      while ids.all.count < 200 {
        for await event in events {
          guard case .message(let delivery) = event else { continue }
          ids.add(delivery.content.id)
          break
        }
      }
    }
    #expect(ids.all.count == 200 && Set(ids.all).count == 200)
    await client.shutdown()
  }

  @Test func aRequestCanBeCancelled() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    try await world.obey("cut", ["mode": "blackhole"])
    let request = Task { try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>", timeout: 3600) }
    request.cancel()
    await #expect(throws: CancellationError.self) {
      try await withTimeout("the request") { try await request.value }
    }
    // A request that is already waiting.
    let second = Task { try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>", timeout: 3600) }
    try await Task.sleep(nanoseconds: 50_000_000)
    second.cancel()
    await #expect(throws: CancellationError.self) {
      try await withTimeout("the request") { try await second.value }
    }
    try await world.obey("cut")
    #expect(try await client.online().outcome == .resumed)
    await client.shutdown()
  }

  @Test func statesStagesAndSendsOfACancelledTaskEnd() async throws {
    let world = try await World()
    let client = try await world.client()
    let sent = try await client.send(to: World.romeo, "later")
    let states = client.states
    let waiting = [
      Task { for await _ in states {} },
      Task { for await _ in sent.stages {} },
    ]
    for task in waiting {
      task.cancel()
      try await withTimeout("the end of a sequence") { await task.value }
    }
    let acked = Task { try await sent.acked() }
    acked.cancel()
    await #expect(throws: CancellationError.self) { try await acked.value }
    let send = Task {
      while !Task.isCancelled { await Task.yield() }
      try await client.send(to: World.romeo, "never")
    }
    send.cancel()
    await #expect(throws: CancellationError.self) { try await send.value }
    client.connect()
    try await sent.ackedInTime()
    #expect(try await world.received().map(\.body) == ["later"])
    await client.shutdown()
  }

  @Test func openingIsUndone() async throws {
    let world = try await World()
    let folder = try Folder()
    let configuration = world.configuration(storage: folder.storage)
    for delay in [0, 1_000_000, 5_000_000] as [UInt64] {
      let open = Task {
        try await SnapbackClient.open(World.juliet, password: World.password, configuration: configuration)
      }
      try await Task.sleep(nanoseconds: delay)
      open.cancel()
      // The call may have succeeded before it was cancelled.
      if case .success(let client) = await open.result { await client.shutdown() }
    }
    let client = try await world.client(storage: folder.storage)
    await client.shutdown()
  }
}

private final class Ids: @unchecked Sendable {
  private let lock = NSLock()
  private var ids: [String] = []

  func add(_ id: String?) {
    lock.withLock { ids.append(id ?? "") }
  }

  var all: [String] { lock.withLock { ids } }
}
