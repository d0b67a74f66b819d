import Foundation
import Testing

@testable import Snapback

@Suite struct BackPressureTests {
  /// More than is held in Swift and in the core together: the rest waits at the server, and comes in order, once.
  @Test func whoDoesNotReadHoldsTheServerBack() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    // The server gives up on who does not acknowledge 500; the client reads no more, and acknowledges no more, once it
    // holds about 1,100. So the first come one after the other, and the last ones at once.
    var count = 0
    while count < 900 {
      count += 100
      try await world.obey("message", ["count": 100])
      while try await world.stats().sessions.contains(where: { $0.unacked > 100 }), count < 1000 {
        // The server asks for an acknowledgement when it sends, and not later.
        count += 1
        try await world.obey("message")
        try await Task.sleep(nanoseconds: 20_000_000)
      }
    }
    count += 300
    try await world.obey("message", ["count": 300])
    var bodies: [String?] = []
    while bodies.count < count { bodies.append(try await client.message().content.body) }
    #expect(bodies == (1...count).map { "romeo \($0)" })
    await client.shutdown()
  }

  @Test func anAcknowledgementArrivesWhileNobodyTakesEvents() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    try await client.until("a session") { if case .online = $0 { true } else { false } }
    // More than are held in Swift as a rule.
    try await world.obey("message", ["count": 200])
    try await client.send(to: World.romeo, "after them").ackedInTime()
    #expect(try await world.received().map(\.body) == ["after them"])
    #expect(client.queue.count > SnapbackClient.eventsHeld)
    await client.shutdown()
  }

  @Test func stagesArriveWhileNobodyTakesEvents() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    try await client.until("a session") { if case .online = $0 { true } else { false } }
    try await world.obey("message", ["count": 200])
    let sent = try await client.send(to: World.romeo, "after them")
    let last = try await patiently("the last stage") {
      var last: Stage?
      for await stage in sent.stages { last = stage }
      return last
    }
    #expect(last == .acked)
    await client.shutdown()
  }

  @Test func moreIsHeldWhileSomebodyWaitsForWhatComesAfterAndNoLonger() async throws {
    let queue = EventQueue<Int>(capacity: 2, wideCapacity: 4)
    let writer = Task { for number in 1...6 { await queue.put([number]) } }
    try await eventually("two") { queue.count == 2 }
    let track = Track(queue)
    var stages: AsyncStream<Stage>? = track.subscribe()
    try await eventually("four") { queue.count == 4 }
    for _ in 0..<100 { await Task.yield() }
    #expect(queue.count == 4)
    stages = nil
    // The track is there, and nobody listens.
    for number in 1...3 { #expect(await queue.next() == number) }
    try await eventually("two again") { queue.count == 2 }
    for _ in 0..<100 { await Task.yield() }
    #expect(queue.count == 2)
    for number in 4...6 { #expect(await queue.next() == number) }
    await writer.value
    _ = (track, stages)
  }

  @Test func whatIsHeldIsBoundedInBytes() async throws {
    let queue = EventQueue<Int>(capacity: 100, wideCapacity: 1000, bytes: 10, size: { $0 })
    queue.widen()
    let writer = Task { for _ in 1...4 { await queue.put([6]) } }
    try await eventually("two") { queue.count == 2 }
    for _ in 0..<100 { await Task.yield() }
    #expect(queue.count == 2)
    for _ in 1...4 { #expect(await queue.next() == 6) }
    await writer.value
  }

  @Test func aFullQueueIsAnErrorWithItsLimit() async throws {
    let world = try await World()
    let client = try await world.client()
    let jid = try Jid(World.romeo)
    var taken: UInt64 = 0
    var full: UInt64?
    while full == nil, taken < 100_000 {
      do {
        try await client.send(to: jid, "\(taken)")
        taken += 1
      } catch SnapbackError.queueFull(let limit) {
        full = limit
      }
    }
    #expect(full == taken)
    await client.shutdown()
  }

  @Test func theQueueTakesNoMoreThanItHolds() async throws {
    let queue = EventQueue<Int>(capacity: 2)
    let progress = Locked(0)
    let writer = Task {
      for number in 1...5 {
        await queue.put([number])
        progress.withLock { $0 = number }
      }
    }
    try await eventually("the first") { progress.withLock { $0 } == 1 }
    // The second filled it: its writer waits for room.
    for _ in 0..<100 { await Task.yield() }
    #expect(progress.withLock { $0 } == 1)
    for number in 1...5 { #expect(await queue.next() == number) }
    await writer.value
    queue.end()
    #expect(await queue.next() == nil)
    await queue.untilEmpty()
  }

  @Test func theEndOfTheQueueFreesAllWhoWait() async throws {
    let queue = EventQueue<Int>(capacity: 1)
    let writer = Task { await queue.put([1, 2, 3]) }
    let emptied = Task { await queue.untilEmpty() }
    try await Task.sleep(nanoseconds: 10_000_000)
    queue.end()
    try await patiently("the writer") { await writer.value }
    try await patiently("who waits for the end") { await emptied.value }
    #expect(await queue.next() == 1)
    let empty = EventQueue<Int>(capacity: 1)
    let readers = (0..<3).map { _ in Task { await empty.next() } }
    empty.end()
    for reader in readers { #expect(await reader.value == nil) }
  }
}
