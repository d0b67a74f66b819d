import Foundation
import Snapback

/// Plays a day on a real server; `tests/scenarios/README.md` describes the format. Unknown fields and verbs are errors.
final class Day {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// A message of the day, as its author knows it.
  private struct Written {
    let id: String
    let author: Person
    let text: String
    let isInRoom: Bool
    let about: [String]
    /// What its reader knows it by.
    var key: MessageKey?
    /// Whether its reader must never see it.
    var isBlocked = false
  }

  private let world: World
  private let juliet: Person
  private let romeo: Person
  private var written: [String: Written] = [:]
  private let avatar = Data((0..<9000).map { UInt8(truncatingIfNeeded: $0) })

  private static let filling = "line "
  /// As long as a push gives an app.
  private static let syncTimeout: TimeInterval = 25

  private init(_ world: World) async throws {
    guard let link = world.ready.linkPort else { throw Failed(description: "no link") }
    self.world = world
    juliet = try await Person(world, name: "juliet", port: link)
    romeo = try await Person(world, name: "romeo", port: world.ready.directPort)
  }

  static func play(_ text: String, on world: World) async throws {
    let day = try await Day(world)
    var file = try Fields(text: text)
    _ = (try file.text("name"), try file.text("story"))
    let steps = try file.list("steps")
    try file.end()
    for (index, step) in steps.enumerated() {
      do {
        try await day.play(step)
      } catch {
        throw Failed(description: "step \(index + 1), \(step): \(error)")
      }
    }
    try day.everythingArrivedOnce()
    await day.juliet.end()
    await day.romeo.end()
  }

  private func play(_ json: Json) async throws {
    var step = try Fields(json)
    if let verb = try step.textIfAny("juliet") {
      try await act(juliet, romeo, verb, &step)
    } else if let verb = try step.textIfAny("romeo") {
      try await act(romeo, juliet, verb, &step)
    } else {
      // The server refuses unknown commands.
      _ = try await world.obey(json)
      return
    }
    try step.end()
  }

  private func act(_ person: Person, _ other: Person, _ verb: String, _ step: inout Fields) async throws {
    let (client, contact) = (person.client, other.jid)
    switch verb {
    case "connect": client.connect()
    case "disconnect": try await client.disconnect()
    case "suspend": try await client.pause()
    case "resume": client.resume()
    case "online": try same(try outcome(&step), try await person.nextSession())
    case "subscribe": try await client.subscriptions.request(to: contact)
    case "approve":
      try await person.until(is: { $0.asking.contains(contact) })
      try await client.subscriptions.approve(contact)
    case "present": try await person.until(is: { $0.present.contains(contact) })
    case "write": try await write(person, other, &step)
    case "read": try await read(person, try step.text("message"))
    case "acked":
      let id = try message(try step.text("message")).id
      try await person.until(is: { $0.acked.contains(id) })
    case "never_read": written[try step.text("message")]?.isBlocked = true
    case "receipt": try await told(person, try step.text("of")) { $0.receiptOf }
    case "displayed": try await told(person, try step.text("of")) { $0.displayed }
    case "display", "type", "react":
      _ = try await client.send(try about(verb, contact, &step))
    case "typing":
      let state = try state(&step)
      try await person.until(is: { $0.messages.contains { $0.message.chatState == state } })
    case "reactions":
      let reactions = try reactions(&step)
      try await person.until(is: { $0.messages.contains { $0.message.reactions == reactions } })
    case "join": try await join(person, try step.text("room"))
    default: try await useArchive(person, other, verb, &step)
    }
  }

  private func useArchive(_ person: Person, _ other: Person, _ verb: String, _ step: inout Fields) async throws {
    switch verb {
    case "fill":
      for number in 1...(try step.number("count")) {
        _ = try await person.client.send(to: other.jid, "\(Self.filling)\(number)")
      }
    case "filled":
      let count = try step.number("count")
      try await person.until(is: { shown in
        shown.messages.filter { $0.message.body?.hasPrefix(Self.filling) == true }.count >= count
      })
      for number in 1...count { try same(1, person.count("\(Self.filling)\(number)")) }
    case "scroll_back": try await scrollBack(person, other, try step.number("count"))
    default: try await useServices(person, other, verb, &step)
    }
  }

  private func useServices(_ person: Person, _ other: Person, _ verb: String, _ step: inout Fields) async throws {
    let client = person.client
    switch verb {
    case "set_avatar":
      let picture = OutgoingAvatar(data: avatar, mediaType: "image/png", width: 64, height: 64)
      _ = try await client.profiles.publishAvatar(picture)
    case "avatar":
      let format = try found(try await client.profiles.avatars(of: other.jid).first)
      try same(avatar, try await client.profiles.avatarData(of: other.jid, id: format.id))
    case "upload_slot":
      let service = try found(try await client.uploads.service())
      let file = FileUpload(
        name: try step.text("name"), size: UInt64(try step.number("size")), mediaType: "image/jpeg")
      let slot = try await client.uploads.slot(at: service, for: file)
      try same(true, slot.putUrl.hasSuffix(file.name))
    case "block": try await client.blocking.block(other.jid)
    case "unblock": try await client.blocking.unblock(other.jid)
    case "enable_push":
      // The other's app is the push service of the day.
      try await client.push.enable(service: try found(other.fullJid), node: "day")
      try await person.until(is: { $0.isPushEnabled })
    case "notified": try await person.nextNotification()
    case "drain":
      let expected: SessionOutcome = try outcome(&step) == .bound ? .unannounced : .resumed
      let report = try await client.drain(deadline: Date(timeIntervalSinceNow: Self.syncTimeout), mayBind: true)
      try same(DrainOutcome.complete, report.outcome)
      try same(expected, report.session)
      try same(false, report.hasGap)
      // The session of the sync is none that a step asks about.
      try same(expected, try await person.nextSession())
    default: throw Failed(description: "unknown verb \(verb)")
    }
  }

  private func write(_ person: Person, _ other: Person, _ step: inout Fields) async throws {
    let (name, text, room) = (try step.text("as"), try step.text("text"), try step.textIfAny("room"))
    let (corrected, answered) = (try step.textIfAny("corrects"), try step.textIfAny("replies_to"))
    var words = Message(to: try room.map(self.room) ?? other.jid, body: text)
    words.requestReceipt = try step.flag("receipt", false)
    words.markable = try step.flag("markable", false)
    words.corrects = try corrected.map { try message($0).id }
    words.reply = try answered.map { try message($0) }.map { Reply(id: $0.id, to: $0.author.jid) }
    let sent =
      if let room {
        try await person.client.rooms[try self.room(room)].send(words)
      } else {
        try await person.client.send(words)
      }
    written[name] = Written(
      id: sent.id, author: person, text: text, isInRoom: room != nil, about: [corrected, answered].compactMap { $0 })
  }

  /// A message without text about another one, or about what the user does.
  private func about(_ verb: String, _ contact: Jid, _ step: inout Fields) throws -> Message {
    var words = Message(to: contact)
    switch verb {
    case "display": words.displayed = try message(try step.text("of")).id
    case "type": words.chatState = try state(&step)
    default: words.reactions = try reactions(&step)
    }
    return words
  }

  /// Waits until the person's app has the message, and checks what it says of others.
  private func read(_ person: Person, _ name: String) async throws {
    let text = try message(name).text
    let read = try await person.until { $0.withText(text).first }
    written[name]?.key = read.key
    for about in try message(name).about.map(message) {
      let holds: Bool
      if about.author === person {
        holds = read.references.contains { $0.id == about.id }
      } else {
        let (key, other) = (try found(read.key), try found(about.key))
        holds = read.references.contains { key.refers($0, to: other) == .holds }
      }
      try same(true, holds)
    }
  }

  /// Waits for something that is said about a message of the day.
  private func told(
    _ person: Person, _ about: String, _ told: @escaping @Sendable (ReceivedMessage) -> String?
  ) async throws {
    let id = try message(about).id
    try await person.until(is: { $0.messages.contains { told($0.message) == id } })
  }

  private func join(_ person: Person, _ name: String) async throws {
    let room = try await person.client.rooms.join(try room(name), as: person.name)
    // What is missed during a long absence comes from the room's archive.
    try await eventually("the room's archive") { try await room.info()?.hasArchive == true }
  }

  /// Reads the conversation from its newest message backwards, until as many of the filling are read.
  private func scrollBack(_ person: Person, _ other: Person, _ count: Int) async throws {
    var (read, before) = ([String](), String?.none)
    while read.count < count {
      let page = try await person.client.history(with: other.jid, before: before, limit: 100)
      read += page.messages.compactMap(\.message.body).filter { $0.hasPrefix(Self.filling) }
      before = try found(page.next)
    }
    try same((1...count).reversed().map { "\(Self.filling)\($0)" }, read)
  }

  private func everythingArrivedOnce() throws {
    for message in written.values {
      let reader = message.author === juliet ? romeo : juliet
      let expected = message.isInRoom ? [1, 1] : message.isBlocked ? [0, 0] : [0, 1]
      let arrived = [message.author.count(message.text), reader.count(message.text)]
      guard arrived == expected else { throw Failed(description: "\(message.text): \(arrived)") }
    }
  }

  private func message(_ name: String) throws -> Written { try found(written[name]) }

  private func room(_ name: String) throws -> Jid { try Jid("\(name)@conference.\(juliet.jid.domain)") }

  private func outcome(_ step: inout Fields) throws -> SessionOutcome {
    try named(try step.text("outcome"), ["bound": .bound, "resumed": .resumed])
  }

  private func state(_ step: inout Fields) throws -> ChatState {
    let states: [String: ChatState] = [
      "active": .active, "inactive": .inactive, "gone": .gone, "composing": .composing, "paused": .paused,
    ]
    return try named(try step.text("state"), states)
  }

  private func reactions(_ step: inout Fields) throws -> Reactions {
    Reactions(id: try message(try step.text("to")).id, emojis: try step.texts("emojis"))
  }

  private func named<T>(_ name: String, _ all: [String: T]) throws -> T {
    guard let found = all[name] else { throw Failed(description: "unknown: \(name)") }
    return found
  }

  private func found<T>(_ what: T?) throws -> T {
    guard let what else { throw Failed(description: "there is none") }
    return what
  }

  private func same<T: Equatable>(_ expected: T, _ found: T) throws {
    guard expected == found else { throw Failed(description: "expected \(expected), found \(found)") }
  }
}
