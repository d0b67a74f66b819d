import Foundation
import Testing

@testable import Snapback

@Suite struct BackPressureTests {
  /// There are more messages than Swift and the core hold: the rest waits at the server, and arrives once and in order.
  @Test func anAppThatDoesNotReadMakesTheServerWait() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    // The server ends a session with 500 unacknowledged stanzas; the client neither reads nor acknowledges more when it
    // holds about 1,100. So the first messages are sent one after the other, and the last ones together.
    var count = 0
    while count < 900 {
      count += 100
      try await world.obey("message", ["count": 100])
      while try await world.stats().sessions.contains(where: { $0.unacked > 100 }), count < 1000 {
        // The server requests an acknowledgement only when it sends.
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

  @Test func anAcknowledgementArrivesWhileEventsAreNotTaken() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    try await client.until("a session") { if case .online = $0 { true } else { false } }
    // More than the queue in Swift usually holds.
    try await world.obey("message", ["count": 200])
    try await client.send(to: World.romeo, "after them").ackedInTime()
    #expect(try await world.received().map(\.body) == ["after them"])
    #expect(client.queue.count > SnapbackClient.eventsHeld)
    await client.shutdown()
  }

  @Test func stagesArriveWhileEventsAreNotTaken() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    try await client.until("a session") { if case .online = $0 { true } else { false } }
    try await world.obey("message", ["count": 200])
    let sent = try await client.send(to: World.romeo, "after them")
    let last = try await withTimeout("the last stage") {
      var last: Stage?
      for await stage in sent.stages { last = stage }
      return last
    }
    #expect(last == .acked)
    await client.shutdown()
  }

  @Test func theCapacityIsLargerOnlyWhileStagesAreAwaited() async throws {
    let queue = EventQueue<Int>(capacity: 2, wideCapacity: 4)
    let writer = Task { for number in 1...6 { await queue.put([number]) } }
    try await eventually("two") { queue.count == 2 }
    let track = Track(queue)
    var stages: AsyncStream<Stage>? = track.subscribe()
    try await eventually("four") { queue.count == 4 }
    for _ in 0..<100 { await Task.yield() }
    #expect(queue.count == 4)
    stages = nil
    // The track exists, and has no subscriber.
    for number in 1...3 { #expect(await queue.next() == number) }
    try await eventually("two again") { queue.count == 2 }
    for _ in 0..<100 { await Task.yield() }
    #expect(queue.count == 2)
    for number in 4...6 { #expect(await queue.next() == number) }
    await writer.value
    _ = (track, stages)
  }

  @Test func theQueueIsBoundedInBytes() async throws {
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

  @Test func putWaitsWhileTheQueueIsFull() async throws {
    let queue = EventQueue<Int>(capacity: 2)
    let progress = Locked(0)
    let writer = Task {
      for number in 1...5 {
        await queue.put([number])
        progress.withLock { $0 = number }
      }
    }
    try await eventually("the first") { progress.withLock { $0 } == 1 }
    // The second element has filled the queue: its writer waits for room.
    for _ in 0..<100 { await Task.yield() }
    #expect(progress.withLock { $0 } == 1)
    for number in 1...5 { #expect(await queue.next() == number) }
    await writer.value
    queue.end()
    #expect(await queue.next() == nil)
    await queue.untilEmpty()
  }

  @Test func theEndOfTheQueueResumesAllWaitingTasks() async throws {
    let queue = EventQueue<Int>(capacity: 1)
    let writer = Task { await queue.put([1, 2, 3]) }
    let emptied = Task { await queue.untilEmpty() }
    try await Task.sleep(nanoseconds: 10_000_000)
    queue.end()
    try await withTimeout("the writer") { await writer.value }
    try await withTimeout("the task that waits for the end") { await emptied.value }
    #expect(await queue.next() == 1)
    let empty = EventQueue<Int>(capacity: 1)
    let readers = (0..<3).map { _ in Task { await empty.next() } }
    empty.end()
    for reader in readers { #expect(await reader.value == nil) }
  }
}
