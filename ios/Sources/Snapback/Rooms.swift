import Foundation
import SnapbackFFI

/// The rooms of an account (XEP-0045), from ``SnapbackClient/rooms``.
///
/// A room is joined until the app leaves it, or the room ends it. The client keeps it joined across every reconnect:
/// after a resumed session it is still joined, and checked now and then (XEP-0410); after a new one all rooms are joined
/// again at once, and what was missed is fetched from the room's archive (XEP-0313) or its history. The process
/// remembers the rooms; a new process joins them again.
///
/// ```swift
/// let room = try await client.rooms.join(Jid("coven@chat.shakespeare.lit"), as: "thirdwitch")
/// try await room.send("Hail")
/// ```
///
/// Messages of rooms are delivered as all others are, as `Event.message`, and so is presence. ``events`` say what they
/// mean.
public struct Rooms: Sendable {
  let client: SnapbackClient

  /// The events of all rooms, in order. An app without rooms need not iterate them. If too many events wait, the rest is
  /// left out, and ``RoomEvent/missed`` says so.
  public var events: RoomEvents { RoomEvents(queue: client.roomQueue) }

  /// Joins a room. Returns when the user is in it, which takes as long as there is no session. If the task is
  /// cancelled, the room is joined nevertheless: call ``Room/leave()``. A room that is joined already is returned at
  /// once.
  ///
  /// - Parameters:
  ///   - room: the address of the room.
  ///   - nick: the nickname to ask for. The room may assign another one, as ``RoomInfo/nick`` shows.
  ///   - password: the password of a protected room.
  ///   - history: which earlier messages to ask for; `nil` (default) for what the room sends by itself. A later join,
  ///     after a lost session, asks for what was missed.
  ///   - creation: what happens if the room does not exist yet; by default, it is created with the configuration of its
  ///     service.
  /// - Throws: ``SnapbackError/notJoined(_:)`` if the room refuses, or does not answer within 60 seconds of a session,
  ///   or `CancellationError`.
  @discardableResult
  public func join(
    _ room: Jid, as nick: String, password: String? = nil, history: RoomHistory? = nil,
    creation: RoomCreation = .instant
  ) async throws -> Room {
    try Task.checkCancellation()
    let options = RoomOptions(nick: nick, history: history, creation: creation)
    let cancellation = Cancellation()
    let isDone = try await withTaskCancellationHandler {
      try await SnapbackError.translating {
        try await client.core.joinRoom(
          room: room.description, options: options, password: password, cancellation: cancellation)
      }
    } onCancel: {
      cancellation.cancel()
    }
    guard isDone else { throw CancellationError() }
    return self[room]
  }

  /// Returns a room by its address, joined or not.
  public subscript(room: Jid) -> Room { Room(client: client, jid: room.bare) }

  /// Returns what is known of the rooms that the app has joined, ordered by address.
  public func list() async throws -> [RoomInfo] {
    try await SnapbackError.translating { try await client.core.rooms() }.map(RoomInfo.init)
  }
}

extension SnapbackClient {
  /// The rooms of the account (XEP-0045), which stay joined across every reconnect.
  public var rooms: Rooms { Rooms(client: self) }

  /// Moves events of rooms from the core to the queue, until the core ends.
  static func pumpRoomEvents(of core: any Core, into queue: EventQueue<RoomEvent>) async {
    while let event = await core.nextRoomEvent() {
      await queue.put([RoomEvent(event)])
    }
    queue.end()
  }
}

/// The events of rooms, in order. The sequence ends when the client is closed, or when the iterating task is cancelled.
/// Each event goes to one iterator; usually there is only one.
public struct RoomEvents: AsyncSequence, Sendable {
  public typealias Element = RoomEvent

  let queue: EventQueue<RoomEvent>

  public func makeAsyncIterator() -> Iterator {
    Iterator(queue: queue)
  }

  /// Iterates over the events.
  public struct Iterator: AsyncIteratorProtocol, Sendable {
    let queue: EventQueue<RoomEvent>

    public mutating func next() async -> RoomEvent? {
      await queue.next()
    }
  }
}

/// A room. It is only a name: that one exists does not mean that the room is joined.
public struct Room: Sendable {
  let client: SnapbackClient
  /// The address.
  public let jid: Jid

  private var address: String { jid.description }

  /// Returns what is known of the room; `nil` if the app has not joined it.
  public func info() async throws -> RoomInfo? {
    try await asking { try await $0.roomInfo(room: address) }.map(RoomInfo.init)
  }

  /// Leaves the room. Returns when the room has confirmed it, at most 30 seconds later.
  public func leave() async throws {
    try await asking { try await $0.leaveRoom(room: address) }
  }

  /// Changes the user's nickname in the room. Returns when the room has confirmed it.
  ///
  /// - Throws: ``SnapbackError/notJoined(_:)`` if the room refuses; the user keeps the old nickname.
  public func setNick(_ nick: String) async throws {
    try await asking { try await $0.setRoomNick(room: address, nick: nick) }
  }

  /// Sends a text to all occupants. Returns when it is stored, as `SnapbackClient.send`. The room sends it back to the
  /// user as well, with the same id. A message that the room refuses because it had lost the user is sent once more when
  /// the room is joined again.
  @discardableResult
  public func send(_ body: String) async throws -> SentStanza {
    try await send(Message(to: jid, body: body))
  }

  /// Sends a message to all occupants. Its recipient and type are set to those of the room.
  @discardableResult
  public func send(_ message: Message) async throws -> SentStanza {
    var message = message
    message.to = jid
    message.type = "groupchat"
    return try await client.send(message)
  }

  /// Asks the room to set its subject; an empty text removes it. Returns the id of the message.
  @discardableResult
  public func setSubject(_ subject: String) async throws -> String {
    try await asking { try await $0.sendToRoom(room: address, message: .subject(subject: subject)) }
  }

  /// Invites a contact. Returns the id of the message.
  ///
  /// - Parameters:
  ///   - contact: who is invited.
  ///   - reason: a text for the contact.
  ///   - password: the room's password, for a direct invitation.
  ///   - throughRoom: whether the room sends the invitation (XEP-0045 section 7.8.2): a members-only room may then let
  ///     the contact in. By default the contact receives it directly (XEP-0249).
  @discardableResult
  public func invite(
    _ contact: Jid, reason: String? = nil, password: String? = nil, throughRoom: Bool = false
  ) async throws -> String {
    try await asking {
      try await $0.sendToRoom(
        room: address,
        message: .invitation(
          contact: contact.description, reason: reason, password: password, throughRoom: throughRoom))
    }
  }

  /// Returns the users who have this affiliation with the room, in it or not. Throws the same errors as
  /// `SnapbackClient.iq`.
  public func members(_ affiliation: RoomAffiliation) async throws -> [RoomMember] {
    try await asking { try await $0.roomMembers(room: address, affiliation: affiliation) }.map(RoomMember.init)
  }

  /// Gives a user another affiliation, such as `member`; `outcast` bans.
  public func setAffiliation(_ affiliation: RoomAffiliation, of user: Jid, reason: String? = nil) async throws {
    try await asking {
      try await $0.changeRoom(
        room: address, change: .affiliation(user: user.description, affiliation: affiliation, reason: reason))
    }
  }

  /// Gives an occupant another role; `RoomRole.none` removes the occupant from the room.
  public func setRole(_ role: RoomRole, of nick: String, reason: String? = nil) async throws {
    try await asking {
      try await $0.changeRoom(room: address, change: .role(nick: nick, role: role, reason: reason))
    }
  }

  /// Returns the fields of the room's configuration (XEP-0045 section 10.2).
  public func configuration() async throws -> [RoomField] {
    try await asking { try await $0.roomConfiguration(room: address) }
  }

  /// Changes these fields of the configuration. Without fields, a new room is opened with the configuration of its
  /// service.
  public func configure(_ fields: [RoomField]) async throws {
    try await asking { try await $0.changeRoom(room: address, change: .configuration(fields: fields)) }
  }

  /// Destroys the room, and names another one to join instead, if there is one.
  public func destroy(alternative: Jid? = nil, reason: String? = nil) async throws {
    try await asking {
      try await $0.changeRoom(
        room: address, change: .destruction(alternative: alternative?.description, reason: reason))
    }
  }

  private func asking<T>(_ what: (any Core) async throws -> T) async throws -> T {
    try await SnapbackError.translating { try await what(client.core) }
  }
}
