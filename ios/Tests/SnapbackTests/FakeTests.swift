import Foundation
import Snapback
import SnapbackTesting
import Testing

/// What the fake lets a test script, one by one.
@Suite struct FakeTests {
  private let fake: FakeSnapback
  private let romeo: Jid

  init() throws {
    var configuration = Configuration()
    configuration.identity.requests = ["urn:example:ping"]
    fake = try FakeSnapback("juliet@example.org", configuration: configuration)
    romeo = try Jid("romeo@example.net")
  }

  @Test func anAccountThatIsNoJidIsRefused() {
    #expect(throws: SnapbackError.self) { try FakeSnapback("@example.org") }
  }

  #if os(Linux)
    @Test func itOpensNoSocketAndNoFile() async throws {
      let folder = "/proc/self/fd"
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).count
      let fakes = try (1...50).map { _ in try FakeSnapback("juliet@example.org") }
      for fake in fakes {
        fake.goOnline()
        try await fake.client.send(to: romeo, "hello").acked()
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count < before + 50)
      for fake in fakes { fake.client.close() }
    }
  #endif

  @Test func itConnectsOnlyIfTheServerIsReachable() async throws {
    fake.client.connect()
    #expect(fake.client.state == .connecting(step: .resolving))
    fake.beReachable()
    #expect(fake.client.state == .online(outcome: .bound, roundTrips: 5, isCaughtUp: true))
    fake.cut()
    #expect(fake.client.state == .offline(reason: .failed, retryIn: 1))
    fake.resume()
    #expect(fake.client.state == .online(outcome: .resumed, roundTrips: 3, isCaughtUp: true))
    fake.newSession()
    #expect(fake.client.state == .online(outcome: .bound, roundTrips: 5, isCaughtUp: true))
    try await fake.client.logOut()
    #expect(fake.client.state == .offline(reason: .notWanted, retryIn: nil))
    fake.client.close()
    fake.goOnline()
    #expect(fake.client.state == .offline(reason: .notWanted, retryIn: nil))
  }

  @Test func whatIsNotAcknowledgedIsSentAgainInANewSession() async throws {
    fake.goOnline()
    fake.acknowledgesAtOnce = false
    let sent = try await fake.client.send(to: romeo, "hello")
    #expect(fake.unacknowledged == [sent.id])
    fake.cut()
    fake.resume()
    fake.newSession()
    fake.acknowledge(sent.id)
    var stages: [Stage] = []
    for await stage in sent.stages { stages.append(stage) }
    #expect(stages == [.queued, .sent, .sent, .acked])
    #expect(fake.unacknowledged.isEmpty && fake.sent.count == 1)
    let failing = try await fake.client.send(to: romeo, "bye")
    fake.fail(failing.id, .sessionLost)
    await #expect(throws: SnapbackError.sendFailed(.sessionLost)) { try await failing.acked() }
  }

  @Test func whatIsNotConfirmedComesAgain() async throws {
    fake.goOnline()
    let first = try fake.receive(from: "romeo@example.net", "one")
    let second = try fake.receive(from: "romeo@example.net", "two")
    let delivery = try await fake.client.message()
    #expect(delivery.deliveryId == first)
    #expect(fake.unconfirmed == [second])
    let client = fake.restart()
    let again = try await client.message()
    #expect(again.deliveryId == second && again.content.body == "two")
    #expect(fake.unconfirmed.isEmpty)
  }

  @Test func aStanzaOutlivesARestart() async throws {
    let sent = try await fake.client.send(to: romeo, "hello")
    fake.restart()
    fake.goOnline()
    #expect(fake.sentMessages.map(\.id) == [sent.id])
    #expect(fake.unacknowledged.isEmpty)
  }

  @Test func requestsAreAnsweredInBothDirections() async throws {
    let client = fake.client
    fake.answer("urn:example:time") { request in
      guard request.type == .get else { throw SnapbackError.timedOut }
      return Element("time", namespace: "urn:example:time", text: "noon")
    }
    let time = Element("time", namespace: "urn:example:time")
    async let early = client.iq(.get, time)
    fake.goOnline()
    #expect(try await early.element?.text == "noon")
    await #expect(throws: SnapbackError.timedOut) { try await client.iq(.set, time) }
    let asked = SentItem.request(SentRequest(type: .get, to: nil, payload: time))
    #expect(fake.sent.first == asked)

    let ping = Element("ping", namespace: "urn:example:ping")
    try client.onRequest("urn:example:ping") { .result(Element("pong", namespace: $0.payload.namespace)) }
    guard case .result(let pong) = try await fake.request(ping, from: romeo) else { throw SnapbackError.internal }
    #expect(pong?.name == "pong")
    let unknown = try await fake.request(Element("x", namespace: "urn:example:x"), from: romeo)
    guard case .refused("service-unavailable", _, _) = unknown else { throw SnapbackError.internal }
    client.close()
    await #expect(throws: SnapbackError.closed) { try await fake.request(ping, from: romeo) }
  }

  @Test func aRequestWithoutASessionEnds() async throws {
    let client = fake.client
    let time = Element("time", namespace: "urn:example:time")
    await #expect(throws: SnapbackError.timedOut) { try await client.iq(.get, time, timeout: 0.01) }
    let waiting = Task { try await client.iq(.get, time) }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    let closing = Task { try await client.iq(.get, time) }
    client.close()
    await #expect(throws: SnapbackError.closed) { try await closing.value }
  }

  @Test func aBackgroundSyncFetchesWhatWaits() async throws {
    let client = fake.client
    let deadline = Date(timeIntervalSinceNow: 30)
    let reading = Task { for await event in client.events { event.delivery?.confirm() } }
    #expect(try await client.drain(deadline: deadline).outcome == .timedOut)
    fake.beReachable()
    #expect(try await client.drain(deadline: deadline).outcome == .offline(reason: .noSession))
    fake.goOnline()
    try await client.pause()
    try fake.receive(from: "romeo@example.net", "hello")
    let report = try await client.drain(deadline: deadline)
    #expect(report == DrainReport(outcome: .complete, messages: 1, hasGap: false, session: .resumed))
    #expect(client.state == .offline(reason: .suspended, retryIn: nil))
    let scripted = DrainReport(outcome: .timedOut, messages: 3, hasGap: true, session: nil)
    fake.setDrainReport(scripted)
    #expect(try await client.drain(deadline: deadline) == scripted)
    client.close()
    await reading.value
  }

  @Test func rosterAndHistoryAreThoseOfTheTest() async throws {
    fake.goOnline()
    let client = fake.client
    fake.setRoster([Contact(jid: romeo, name: "Romeo", groups: ["Montague"])])
    #expect(try await client.roster().contacts.map(\.name) == ["Romeo"])
    try await client.removeContact(romeo)
    #expect(try await client.roster().contacts.isEmpty)
    fake.archive(
      try (1...3).map { number in
        HistoryMessage(
          id: "h\(number)", archivedAt: 1000,
          message: try ReceivedMessage(from: "romeo@example.net", to: "juliet@example.org", "old \(number)"))
      })
    let page = try await client.history(with: romeo, limit: 2)
    #expect(page.messages.map(\.message.text) == ["old 3", "old 2"])
    #expect(page.next == "h2")
    #expect(try await client.history(before: page.next).messages.map(\.id) == ["h1"])
    await #expect(throws: SnapbackError.self) { try await client.history(before: "unknown") }
  }

  @Test func servicesAreInMemory() async throws {
    fake.goOnline()
    let client = fake.client
    try await client.blocking.block(romeo)
    #expect(try await client.blocking.list() == [romeo])
    try await client.blocking.unblockAll()
    #expect(try await client.blocking.list().isEmpty)
    let coven = try Jid("coven@chat.example.org")
    try await client.bookmarks.set(Bookmark(room: coven, isAutoJoined: true))
    #expect(try await client.bookmarks.join(nick: "third").map(\.jid) == [coven])
    #expect(try await client.rooms[coven].info()?.nick == "third")
    try await client.nodes.publish(Element("note", namespace: "urn:example"), on: "notes", id: "n1")
    #expect(try await client.nodes.items(of: "notes").map(\.id) == ["n1"])
    fake.setProfile(FakeProfile(nick: "Romeo"), of: romeo)
    #expect(try await client.profiles.nick(of: romeo) == "Romeo")
    let picture = OutgoingAvatar(data: Data([1, 2]), mediaType: "image/png")
    let id = try await client.profiles.publishAvatar(picture)
    #expect(try await client.profiles.avatarData(of: fake.account, id: id) == Data([1, 2]))
    #expect(try await client.uploads.service() == nil)
    let service = UploadService(jid: try Jid("upload.example.org"), maxFileSize: 10)
    fake.setUploadService(service)
    #expect(try await client.uploads.service() == service)
    await #expect(throws: SnapbackError.fileTooLarge(limit: 10)) {
      try await client.uploads.slot(at: service, for: FileUpload(name: "a", size: 11))
    }
    let push = try Jid("push.example.org")
    try await client.push.enable(service: push, node: "n")
    #expect(fake.push?.service == push && fake.push?.node == "n")
    client.setForeground(false)
    #expect(!fake.isForeground)
    try await client.account.delete()
    #expect(fake.isDeleted)
  }

  @Test func aRoomRefuses() async throws {
    fake.goOnline()
    let coven = try Jid("coven@chat.example.org")
    let refusal = RoomRefusal(problem: .membersOnly)
    fake.refuseRoom(coven, refusal)
    await #expect(throws: SnapbackError.notJoined(refusal)) { try await fake.client.rooms.join(coven, as: "third") }
    fake.refuseRoom(coven, nil)
    fake.setRoom(coven, occupants: [RoomOccupant(nick: "first", jid: romeo)])
    await #expect(throws: SnapbackError.notJoined(RoomRefusal(problem: .nickConflict))) {
      try await fake.client.rooms.join(coven, as: "first")
    }
    let room = try await fake.client.rooms.join(coven, as: "third")
    try await room.setRole(.none, of: "first")
    #expect(try await room.info()?.occupants.map(\.nick) == ["third"])
    fake.enterRoom(coven, RoomOccupant(nick: "second"))
    fake.exitRoom(coven, nick: "second")
    let sent = try await fake.client.rooms[Jid("heath@chat.example.org")].send("Hail")
    await #expect(throws: SnapbackError.self) { try await sent.acked() }
  }

  @Test func receivedTypesAreBuiltWithoutAServer() throws {
    let message = try ReceivedMessage(from: "romeo@example.net", to: "juliet@example.org", "a < b")
    #expect(message.element.find("body")?.text == "a < b")
    #expect(message.from.jid == romeo && message.text == "a < b" && message.type == .chat)
    let away = try ReceivedPresence(from: romeo, show: .away, status: "at the ball")
    #expect(away.element.find("show")?.text == "away" && away.element.attribute("from") == romeo.description)
    let asking = try ReceivedPresence(from: romeo, type: .subscribe)
    #expect(asking.subscription?.contact == romeo)
    var confirmed: [String] = []
    withExtendedLifetime(Guarded([String]())) { seen in
      Delivery(deliveryId: "d", content: message, confirmation: { id in seen.withLock { $0.append(id) } }).confirm()
      confirmed = seen.withLock { $0 }
    }
    #expect(confirmed == ["d"])
  }
}
