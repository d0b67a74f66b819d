import Foundation
import Snapback
import Testing

/// Rooms (XEP-0045), with the reference server's.
@Suite struct RoomTests {
  @Test func aRoomIsJoinedWrittenToRuledAndLeft() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    let coven = try Jid("coven@rooms.localhost")
    let room = try await client.rooms.join(coven, as: "juliet")
    var events = client.rooms.events.makeAsyncIterator()
    #expect(await events.next() == .joined(room: coven, nick: "juliet", created: true, again: false))
    try await room.send("Hail")
    while try await client.message().content.body != "Hail" {}
    let info = try #require(try await room.info())
    #expect(info.membership == .joined)
    #expect(info.occupants.map(\.affiliation) == [.owner])
    #expect(try await room.members(.owner).map(\.jid) == [Jid(World.juliet)])
    #expect(try await room.configuration().contains { $0.name == "muc#roomconfig_membersonly" })
    try await room.setNick("montague")
    #expect(try await room.info()?.nick == "montague")
    try await room.leave()
    #expect(try await room.info() == nil)
    #expect(try await client.rooms.list().isEmpty)
    await client.shutdown()
  }

  @Test func aJoinThatFailsSaysWhy() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    let coven = try Jid("coven@rooms.localhost")
    do {
      try await client.rooms.join(coven, as: "juliet", creation: .never)
      Issue.record("joined")
    } catch SnapbackError.notJoined(let refusal) {
      #expect(refusal.problem == .notFound)
    }
    let heath = try Jid("heath@rooms.localhost")
    let room = try await client.rooms.join(heath, as: "juliet", history: RoomHistory.none)
    try await room.destroy(alternative: coven)
    for await event in client.rooms.events {
      guard case .left(_, let exit) = event else { continue }
      #expect(exit == .destroyed(alternative: coven, reason: nil))
      break
    }
    await client.shutdown()
  }
}
