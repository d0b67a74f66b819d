import Snapback
import SnapbackTesting
import Testing

/// The tests of a small app, which has no server.
@Suite struct FakeModelTests {
  private let fake: FakeSnapback
  private let model: FakeModel
  private let romeo: Jid

  @MainActor init() throws {
    fake = try FakeSnapback("juliet@example.org")
    model = FakeModel(fake.client)
    romeo = try Jid("romeo@example.net")
  }

  private func running(_ test: () async throws -> Void) async throws {
    let run = Task { await model.run() }
    try await test()
    fake.client.close()
    await run.value
  }

  private func shows(_ what: String, _ condition: @escaping @MainActor @Sendable (FakeModel) -> Bool) async throws {
    let model = model
    try await eventually(what) { await condition(model) }
  }

  @Test func itShowsWhatArrivesAndWhetherTheContactIsTyping() async throws {
    try await running {
      #expect(await !model.isOnline)
      fake.goOnline()
      try await shows("online") { $0.isOnline }
      var typing = Message(to: fake.account)
      typing.chatState = .composing
      await fake.untilConfirmed(try fake.receive(typing, from: romeo))
      #expect(await model.isTyping)
      await fake.untilConfirmed(try fake.receive(from: "romeo@example.net/orchard", "hello"))
      #expect(await !model.isTyping)
      #expect(await model.lines.map(\.text) == ["hello"])
      #expect(await model.lines.map(\.from) == ["romeo@example.net"])
    }
  }

  @Test func whatIsSentWithoutANetworkIsSentLater() async throws {
    try await running {
      fake.goOnline()
      await model.send("one", to: romeo)
      try await shows("acked") { $0.lines.map(\.isAcked) == [true] }
      fake.cut()
      try await shows("offline") { !$0.isOnline }
      await model.send("two", to: romeo)
      try fake.receive(from: "romeo@example.net", "three")
      #expect(fake.sentMessages.map(\.body) == ["one"])
      #expect(await !model.lines.contains { $0.text == "three" })
      fake.resume()
      try await shows("all") { $0.lines.map(\.text) == ["one", "two", "three"] && $0.lines[1].isAcked }
      #expect(fake.sentMessages.map(\.body) == ["one", "two"])
      #expect(await fake.nextMessage()?.body == "one")
    }
  }

  @Test func aMessageThatFailsIsShown() async throws {
    try await running {
      fake.goOnline()
      fake.failNextStanza(condition: "service-unavailable")
      await model.send("one", to: romeo)
      try await shows("failed") { $0.lines.map(\.isFailed) == [true] }
      fake.failNext(.queueFull(limit: 1))
      await model.send("two", to: romeo)
      #expect(await model.lines.map(\.isFailed) == [true, true])
      await model.send("three", to: romeo)
      try await shows("acked") { $0.lines.last?.isAcked == true }
    }
  }

  @Test func aRoomIsJoinedLostAndLeft() async throws {
    let coven = try Jid("coven@chat.example.org")
    fake.setRoom(coven, subject: "Toil", occupants: [RoomOccupant(nick: "first"), RoomOccupant(nick: "second")])
    try await running {
      fake.goOnline()
      let room = try await fake.client.rooms.join(coven, as: "third")
      #expect(try await room.info()?.occupants.map(\.nick) == ["first", "second", "third"])
      try fake.roomMessage(coven, from: "first", "When shall we three meet again")
      try await room.send("In thunder")
      try await shows("the messages") { $0.lines.map(\.from) == ["first", "third"] }
      fake.loseRoom(coven, .shutdown)
      fake.rejoinRoom(coven)
      fake.removeFromRoom(coven, .kicked(actor: "first", reason: "spells"))
      let expected = ["in", "lost", "again in", "kicked from"].map { "\($0) \(coven)" }
      try await shows("the room") { $0.rooms == expected.dropLast() + [expected[3] + ": spells"] }
      #expect(try await room.info() == nil)
    }
  }

  @Test func aRefusedPasswordIsAskedFor() async throws {
    try await running {
      fake.refuseLogin()
      try await shows("the question") { $0.needsPassword }
      fake.beReachable()
      #expect(fake.client.state == .offline(reason: .needsCredentials, retryIn: nil))
      fake.client.setPassword("right")
      try await shows("online") { $0.isOnline && !$0.needsPassword }
      #expect(fake.passwords == ["right"])
    }
  }
}
