import Foundation
import Snapback
import SnapbackTesting
import Testing

/// The fake behaves as the real client: one list of acts, played with both, leaves the same diary.
@Suite struct FakeComparedTests {
  @Test func theFakeBehavesAsTheReferenceServer() async throws {
    let world = try await World()
    let real = try await diary(of: WorldNetwork(world, try await world.client()))
    let fake = try await diary(of: FakeNetwork(try FakeSnapback(World.juliet)))
    #expect(real == fake)
    #expect(real.count > 40)
  }

  private func diary(of network: any Network) async throws -> [String] {
    let actor = try Actor(network)
    for act in Actor.acts { try await act(actor) }
    return actor.diary.withLock { $0 }
  }
}

/// What surrounds the client of the script.
private protocol Network: Sendable {
  var client: SnapbackClient { get }
  /// Lets the client reach the server, from the beginning and after `cut`.
  func mend() async throws
  func cut() async throws
  func contactWrites(_ body: String) async throws
  /// What a contact writes with ``typed`` payloads.
  func contactWritesTyped() async throws
  func newSession() async throws
}

private struct WorldNetwork: Network {
  let world: World
  let client: SnapbackClient

  init(_ world: World, _ client: SnapbackClient) {
    self.world = world
    self.client = client
  }

  func mend() async throws {
    try await world.obey("up")
    client.connect()
  }

  func cut() async throws {
    try await world.obey("down")
    try await world.obey("cut")
  }

  func contactWrites(_ body: String) async throws { try await world.obey("message", ["body": body]) }

  func contactWritesTyped() async throws {
    try await world.obey(
      "message",
      [
        "inside": """
        <reply xmlns='urn:xmpp:reply:0' id='q1' to='juliet@localhost'/>\
        <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>\
        <request xmlns='urn:xmpp:receipts'/><replace xmlns='urn:xmpp:message-correct:0' id='r0'/>\
        <reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👍</reaction></reactions>\
        <x xmlns='jabber:x:oob'><url>https://example.org/a.jpg</url></x><store xmlns='urn:xmpp:hints'/>\
        <active xmlns='http://jabber.org/protocol/chatstates'/><markable xmlns='urn:xmpp:chat-markers:0'/>\
        <mine xmlns='urn:example' a='1'/>
        """
      ])
  }

  func newSession() async throws {
    try await world.obey("down")
    try await world.obey("cut", ["mode": "reset_both"])
    try await client.until("the end of the connection") { if case .online = $0 { false } else { true } }
    try await eventually("a session that waits") { try await world.stats().sessions.allSatisfy { !$0.attached } }
    try await world.obey("forget_sessions", ["account": "juliet"])
    try await mend()
  }
}

private struct FakeNetwork: Network {
  let fake: FakeSnapback
  var client: SnapbackClient { fake.client }

  init(_ fake: FakeSnapback) throws {
    self.fake = fake
    fake.answer("http://jabber.org/protocol/disco#info") { _ in
      Element("query", namespace: "http://jabber.org/protocol/disco#info")
    }
  }

  func mend() async throws {
    fake.beReachable()
    fake.client.connect()
  }

  func cut() async throws { fake.cut() }

  func contactWrites(_ body: String) async throws { try fake.receive(from: "romeo@localhost/orchard", body) }

  func contactWritesTyped() async throws {
    // The text that the server repeats and the fallback hides has as many characters: `what `.
    var message = Message(to: fake.account, body: "a contact made")
    message.reply = Reply(id: "q1", to: try Jid(World.juliet))
    message.quote = "wh"
    message.requestReceipt = true
    message.corrects = "r0"
    message.reactions = Reactions(id: "m", emojis: ["👍"])
    message.files = [FileReference(uri: "https://example.org/a.jpg", description: nil)]
    message.hints = Hints(store: true)
    message.chatState = .active
    message.markable = true
    message.children = [Element("mine", namespace: "urn:example", attributes: [.init("a", "1")])]
    try fake.receive(message, from: Jid("romeo@localhost/orchard"))
  }

  func newSession() async throws { fake.newSession() }
}

/// Plays the script, and writes down what the app is told.
private final class Actor: Sendable {
  typealias Act = @Sendable (Actor) async throws -> Void

  let network: any Network
  let diary = Guarded([String]())
  private let listening: [Task<Void, Never>]
  private let told = Guarded([String]())
  private let toldOfRooms = Guarded([String]())
  private let last = Guarded<ReceivedMessage?>(nil)

  private var client: SnapbackClient { network.client }
  private let coven: Jid
  private let romeo: Jid

  init(_ network: any Network) throws {
    self.network = network
    coven = try Jid("coven@rooms.localhost")
    romeo = try Jid(World.romeo)
    let (told, toldOfRooms, last) = (told, toldOfRooms, last)
    let (events, rooms) = (network.client.events, network.client.rooms.events)
    listening = [
      Task {
        for await event in events {
          if case .message(let delivery) = event { last.withLock { $0 = delivery.content } }
          if let line = line(event) { told.withLock { $0.append(line) } }
          event.delivery?.confirm()
        }
      },
      Task {
        for await event in rooms {
          if let line = line(event) { toldOfRooms.withLock { $0.append(line) } }
        }
      },
    ]
  }

  private func write(_ line: String) { diary.withLock { $0.append(line) } }

  /// Waits until the app is told this of the account, and writes down what it is told until then.
  private func until(_ last: String) async throws { try await until(last, of: told) }

  /// The same of rooms, whose events are another sequence.
  private func untilRoom(_ last: String) async throws { try await until(last, of: toldOfRooms) }

  private func until(_ last: String, of told: Guarded<[String]>) async throws {
    let lines = try await withTimeout("\(last), after \(diary.withLock { $0 })") {
      while true {
        let lines = told.withLock { told -> [String]? in
          guard let index = told.firstIndex(where: { $0.hasPrefix(last) }) else { return nil }
          defer { told.removeFirst(index + 1) }
          return Array(told[...index])
        }
        if let lines { return lines }
        try await Task.sleep(nanoseconds: 10_000_000)
      }
    }
    for line in lines { write("  \(line)") }
  }

  private func stages(_ sent: SentStanza) async -> [Stage] {
    var stages: [Stage] = []
    for await stage in sent.stages { stages.append(stage) }
    return stages
  }

  static var acts: [Act] { connecting + payloads + interruptions + requests + rooms + endings }

  private static var connecting: [Act] {
    [
      { actor in
        var typing = Message(to: actor.romeo)
        typing.chatState = .composing
        let sent = try await actor.client.send(typing)
        actor.write("typing offline: \(await actor.stages(sent))")
      },
      { actor in
        let sent = try await actor.client.send(to: actor.romeo, "early")
        try await actor.network.mend()
        actor.write("early: \(await actor.stages(sent))")
        try await actor.until("caught up")
        // The state may follow the event.
        try await actor.client.until("the same as a state") { $0.told == "online bound true" }
      },
      { actor in
        try await actor.network.contactWrites("hello")
        try await actor.until("message")
        let sent = try await actor.client.send(to: actor.romeo, "hail")
        actor.write("hail: \(await actor.stages(sent))")
      },
    ]
  }

  private static var payloads: [Act] {
    [
      { actor in
        try await actor.network.contactWritesTyped()
        try await actor.until("message")
        let message = try #require(actor.last.withLock { $0 })
        actor.write("typed: \(message.reply?.id ?? "") \(message.reactions?.emojis ?? []) \(message.corrects ?? "")")
        actor.write("  \(message.requestsReceipt) \(message.isMarkable) \(message.hints.store) \(message.files)")
        actor.write("  \(message.chatState.map { "\($0)" } ?? "") \(message.problems)")
        actor.write("  \(message.references.map { "\($0.kind) \($0.id)" }.sorted())")
        let ownNamespaces = ["urn:xmpp:sid:0", "urn:xmpp:delay"]
        let children = message.element.children.filter { $0.name != "body" && !ownNamespaces.contains($0.namespace) }
        actor.write("  \(try children.map { try $0.xml() }.sorted())")
      }
    ]
  }

  private static var interruptions: [Act] {
    [
      { actor in
        try await actor.network.cut()
        try await actor.until("ended")
        let sent = try await actor.client.send(to: actor.romeo, "later")
        try await actor.network.contactWrites("while you were away")
        try await actor.network.mend()
        actor.write("later: \(await actor.stages(sent))")
        try await actor.until("caught up")
      },
      { actor in
        try await actor.client.pause()
        actor.write("state: \(actor.client.state.told)")
        try await actor.until("ended")
        actor.client.resume()
        try await actor.until("caught up")
      },
    ]
  }

  private static var requests: [Act] {
    [
      { actor in
        let info = Element("query", namespace: "http://jabber.org/protocol/disco#info")
        actor.write("answer: \(try await actor.client.iq(.get, info).element?.name ?? "")")
        do {
          _ = try await actor.client.iq(.get, Element("query", namespace: "urn:example:unknown"))
        } catch SnapbackError.refused(let type, let condition, _, _) {
          actor.write("refused: \(type) \(condition)")
        }
      },
      { actor in
        try await actor.client.setContact(actor.romeo, name: "Romeo", groups: ["Montague"])
        let contacts = try await actor.client.roster().contacts
        actor.write("roster: \(contacts.map { "\($0.jid) \($0.name ?? "") \($0.groups) \($0.subscription)" })")
      },
      { actor in
        let newest = try await actor.client.history(with: actor.romeo, limit: 3)
        actor.write("newest: \(newest.messages.map { $0.message.text ?? "" })")
        let older = try await actor.client.history(with: actor.romeo, before: newest.next, limit: 3)
        actor.write("older: \(older.messages.map { $0.message.text ?? "" }) \(older.next == nil)")
      },
    ]
  }

  private static var rooms: [Act] {
    [
      { actor in
        do {
          try await actor.client.rooms.join(Jid("heath@rooms.localhost"), as: "juliet", creation: .never)
        } catch SnapbackError.notJoined(let refusal) {
          actor.write("no room: \(refusal.problem)")
        }
        try await actor.untilRoom("joinFailed")
        let room = try await actor.client.rooms.join(actor.coven, as: "juliet")
        try await actor.untilRoom("caughtUp")
        actor.write("own room: \(try await room.info().map { $0.occupants.map(\.affiliation) } ?? [])")
      },
      { actor in
        let room = actor.client.rooms[actor.coven]
        let sent = try await room.send("Hail")
        try await actor.until("message coven@rooms.localhost/juliet")
        actor.write("Hail: \(await actor.stages(sent))")
        try await room.setSubject("Toil")
        try await actor.untilRoom("subjectChanged")
        try await room.setNick("first")
        try await actor.untilRoom("nickChanged")
        actor.write("owners: \(try await room.members(.owner).map(\.jid))")
      },
      { actor in
        try await actor.network.newSession()
        try await actor.until("caught up")
        try await actor.untilRoom("caughtUp")
        let room = actor.client.rooms[actor.coven]
        actor.write("membership: \(String(describing: try await room.info()?.membership))")
        try await room.leave()
        try await actor.untilRoom("left")
        actor.write("left: \(try await room.info() == nil) \(try await actor.client.rooms.list().count)")
      },
    ]
  }

  private static var endings: [Act] {
    [
      { actor in
        try await actor.client.disconnect()
        actor.write("state: \(actor.client.state.told)")
        try await actor.until("ended")
        actor.client.connect()
        try await actor.until("caught up")
        try await actor.client.logOut()
        actor.write("state: \(actor.client.state.told)")
        try await actor.until("ended")
      },
      { actor in
        let client = actor.client
        await client.shutdown()
        await #expect(throws: SnapbackError.closed) { try await client.send(to: World.romeo, "late") }
        for listening in actor.listening { await listening.value }
        actor.write(
          "rest: \(actor.told.withLock { $0 }.filter { !$0.hasPrefix("ended") }) \(actor.toldOfRooms.withLock { $0 })")
      },
    ]
  }
}

extension ConnectionState {
  /// The state without times.
  fileprivate var told: String {
    switch self {
    case .offline(let reason, let retryIn): "offline \(reason) \(retryIn == nil)"
    case .connecting: "connecting"
    case .online(let outcome, _, let isCaughtUp): "online \(outcome) \(isCaughtUp)"
    }
  }
}

/// What the script compares of an event; `nil` for what depends on the server.
private func line(_ event: Event) -> String? {
  switch event {
  case .online(let online): "online \(online.outcome) \(online.jid?.bare.description ?? "")"
  case .ended(let ended): "ended \(ended.reason) \(ended.retryable) \(ended.needsCredentials)"
  case .caughtUp: "caught up"
  case .possibleGap: "gap"
  case .message(let delivery): line(delivery.content)
  case .carbon: "carbon"
  default: nil
  }
}

private func line(_ message: ReceivedMessage) -> String? {
  // What a service says of a room by itself.
  if message.text == nil, (message.subject ?? "").isEmpty { return nil }
  let key = message.key.map { "\($0.kind) \($0.conversation) \($0.sender)" } ?? ""
  return "message \(message.from) \(message.type ?? "none") \(message.text ?? "") \(message.subject ?? "") \(key)"
}

private func line(_ event: RoomEvent) -> String? {
  switch event {
  // The reference server's rooms have no archive.
  case .caughtUp(let room, _): "caughtUp \(room)"
  case .reconfigured: nil
  default: "\(event)"
  }
}
