import Foundation
import Snapback
import Testing

/// History (XEP-0313) and push notifications (XEP-0357), with the reference server's.
@Suite struct HistoryTests {
  @Test func historyIsReadBackwardsAndIsNoEvent() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    let romeo = try Jid(World.romeo)
    for number in 1...5 {
      try await world.obey("message", ["body": "thou \(number)"])
      while try await client.message().content.body != "thou \(number)" {}
    }
    let newest = try await client.history(with: romeo, limit: 3)
    #expect(newest.messages.map(\.message.body) == ["thou 5", "thou 4", "thou 3"])
    #expect(newest.unreadable == 0)
    #expect(newest.messages.allSatisfy { $0.archivedAt != nil })
    let oldest = try await client.history(with: romeo, before: newest.next, limit: 3)
    #expect(oldest.messages.map(\.message.body) == ["thou 2", "thou 1"])
    #expect(oldest.next == nil)
    #expect(try await client.history(with: Jid("paris@localhost")).messages.isEmpty)
    // The next message is a new one.
    try await world.obey("message", ["body": "new"])
    #expect(try await client.message().content.body == "new")
    await client.shutdown()
  }

  @Test func pushNotificationsAreEnabledInEachNewSession() async throws {
    let world = try await World()
    let client = try await world.client()
    let service = try Jid("push.example.org")
    try await client.push.enable(service: service, node: "n1", options: ["secret": "s"])
    var enabled = 0
    client.connect()
    for await event in client.events {
      guard case .pushEnabled = event else { continue }
      enabled += 1
      if enabled == 2 { break }
      try await client.disconnect()
      client.connect()
    }
    try await client.push.disable()
    await #expect(throws: SnapbackError.tooBig(size: 5_016, limit: 4_096)) {
      try await client.push.enable(service: service, node: String(repeating: "n", count: 5_000))
    }
    await client.shutdown()
  }
}
