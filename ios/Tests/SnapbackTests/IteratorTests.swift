import Foundation
import Testing

@testable import Snapback

/// Several iterators of the events, their cancellation, and none at all.
@Suite struct IteratorTests {
  /// Each message goes to exactly one of ten iterators, of which half are cancelled in the middle.
  @Test func tenIteratorsShareTheEventsAndCancellationLosesNone() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    try await client.until("a session") { if case .online = $0 { true } else { false } }
    let seen = Guarded<[String?]>([])
    let iterators = (0..<10).map { _ in
      Task {
        for await event in client.events {
          if case .message(let delivery) = event { seen.withLock { $0.append(delivery.content.body) } }
          event.delivery?.confirm()
        }
      }
    }
    for round in 0..<5 {
      try await world.obey("message", ["count": 40])
      iterators[round * 2].cancel()
    }
    try await eventually("all messages") { seen.withLock { $0.count } >= 200 }
    let bodies = seen.withLock { $0 }
    #expect(bodies.count == 200 && Set(bodies).count == 200)
    await client.shutdown()
    for iterator in iterators { try await withTimeout("the end of an iterator") { await iterator.value } }
  }

  @Test func aCancelledIteratorLeavesItsElementToAnother() async throws {
    let queue = EventQueue<Int>(capacity: 10)
    for number in 1...100 {
      let readers = (0..<10).map { _ in Task { await queue.next() } }
      for reader in readers.prefix(9) { reader.cancel() }
      await queue.put([number])
      var found: [Int] = []
      for reader in readers { if let element = await reader.value { found.append(element) } }
      #expect(found == [number])
    }
    #expect(queue.count == 0)
  }

  /// Nothing that follows can arrive: the caller learns that instead of waiting for ever.
  @Test func anAcknowledgementThatCannotArriveIsAnError() async throws {
    let queue = EventQueue<Int>(capacity: 2, wideCapacity: 4)
    let sent = SentStanza(id: "a", track: Track(queue))
    let acked = Task { try await sent.acked() }
    let writer = Task { for number in 1...6 { await queue.put([number]) } }
    await #expect(throws: SnapbackError.eventsNotIterated) {
      try await withTimeout("the error") { try await acked.value }
    }
    // With an iterator there is hope, however slow it is.
    let iterator = queue.attach()
    let second = Task { try await sent.acked() }
    try await eventually("a full queue") { queue.count == 4 }
    for _ in 0..<100 { await Task.yield() }
    for _ in 1...6 { _ = await queue.next() }
    await writer.value
    sent.track.reached(.acked)
    try await withTimeout("the acknowledgement") { try await second.value }
    withExtendedLifetime(iterator) {}
  }

  @Test func anAcknowledgementThatHasArrivedIsNoError() async throws {
    let queue = EventQueue<Int>(capacity: 1)
    let sent = SentStanza(id: "a", track: Track(queue))
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await queue.put([1, 2]) }
      try? await eventually("a full queue") { queue.count == 2 }
      sent.track.reached(.acked)
      for _ in 0..<100 { await #expect(throws: Never.self) { try await sent.acked() } }
      queue.end()
    }
  }
}
