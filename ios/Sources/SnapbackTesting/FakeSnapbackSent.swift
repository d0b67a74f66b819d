import Foundation
import Snapback
import SnapbackFFI

// What the app sends, and what the server makes of it.

extension FakeSnapback {
  /// What the app has sent, in order. What it has given to the client without a connection is here when it is sent.
  public var sent: [SentItem] { shared.withLock { $0.sent } }

  /// The messages of ``sent``.
  public var sentMessages: [Snapback.Message] {
    sent.compactMap { if case .message(let message) = $0 { message } else { nil } }
  }

  /// Waits for the next item of ``sent`` that no call of this method has returned; `nil` if the task is cancelled.
  public func nextSent() async -> SentItem? {
    let items = shared.withLock { $0.sentItems }
    return await items.next()
  }

  /// Waits for the next message, as ``nextSent()`` does. Other items before it are left out.
  public func nextMessage() async -> Snapback.Message? {
    while let item = await nextSent() {
      if case .message(let message) = item { return message }
    }
    return nil
  }

  /// Whether the server acknowledges each stanza at once (XEP-0198). Default: `true`. With `false`, a stanza stays
  /// `sent` until ``acknowledge(_:)`` or ``fail(_:_:)``.
  public var acknowledgesAtOnce: Bool {
    get { shared.withLock { $0.acknowledges } }
    set { shared.withLock { $0.acknowledges = newValue } }
  }

  /// The ids of the stanzas that the app has sent, or given to the client, and that are not acknowledged.
  public var unacknowledged: [String] { shared.withLock { $0.outbox.map(\.id) } }

  /// Acknowledges a stanza that was sent. Another id does nothing.
  public func acknowledge(_ id: String) {
    shared.withLock { state in
      if state.outbox.contains(where: { $0.id == id && $0.isSent }) { state.finish(id, .acked) }
    }
  }

  /// Lets a stanza fail, with this reason. An id of none that waits does nothing.
  public func fail(_ id: String, _ reason: FailureReason) {
    shared.withLock { $0.finish(id, .failed(reason: reason)) }
  }

  /// Lets a stanza fail as if its recipient had refused it, with this condition of RFC 6120 section 8.3.3.
  public func fail(_ id: String, condition: String) {
    fail(id, .refusal(condition))
  }

  /// Lets the next stanza that is sent fail, with this reason, instead of being acknowledged.
  public func failNextStanza(_ reason: FailureReason) {
    shared.withLock { $0.refusals.append(reason) }
  }

  /// Lets the next stanza that is sent fail, with this condition, such as `service-unavailable`.
  public func failNextStanza(condition: String) {
    failNextStanza(.refusal(condition))
  }

  /// Answers the requests of the app (`iq`) whose payload has this namespace. Those without an answer are refused with
  /// `service-unavailable`.
  public func answer(_ namespace: String, _ answer: @escaping FakeAnswer) {
    shared.withLock { $0.answers[namespace] = answer }
  }

  /// The passwords that the app has set, or changed at the server, in order.
  public var passwords: [String] { shared.withLock { $0.services.passwords } }

  /// Whether the app is in the foreground, as it has said last. `true` from the beginning.
  public var isForeground: Bool { shared.withLock { $0.isForeground } }

  /// Where the app wants push notifications; `nil` if it does not.
  public var push: PushTarget? { shared.withLock { $0.services.push } }

  /// Whether the app has deleted the account.
  public var isDeleted: Bool { shared.withLock { $0.services.isDeleted } }
}

extension FailureReason {
  fileprivate static func refusal(_ condition: String) -> FailureReason {
    let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
    let error = Element(
      "error", namespace: Element.clientNamespace, attributes: [.init("type", "cancel")],
      children: [Element(condition, namespace: stanzas)])
    return .refused(kind: "cancel", condition: condition, text: nil, xml: (try? error.xml()) ?? "")
  }
}

// MARK: - Contents of the server

extension FakeSnapback {
  /// Replaces the roster.
  public func setRoster(_ contacts: [Snapback.Contact]) {
    shared.withLock { state in
      state.contacts = contacts
      state.tell(.rosterChanged)
    }
  }

  /// Adds messages to the archive of the account, or of a room, after those that are there: the oldest first. Messages
  /// with a body that are received or sent are added by themselves.
  public func archive(_ messages: [Snapback.HistoryMessage], in room: Snapback.Jid? = nil) {
    shared.withLock { $0.archives[room, default: []] += messages }
  }

  /// Tells the client that messages may be missing (`Event.possibleGap`).
  public func loseHistory() {
    shared.withLock { $0.tell(.possibleGap) }
  }

  /// Sets what a user shows. Without it, avatars, nickname and vCard are refused with `item-not-found`.
  public func setProfile(_ profile: FakeProfile, of user: Snapback.Jid) {
    shared.withLock { $0.services.profiles[user.bare] = profile }
  }

  /// Sets what an entity supports (XEP-0030), and its items. Without it, the entity refuses with `service-unavailable`.
  public func setInfo(_ info: DiscoInfo, items: [Snapback.DiscoItem] = [], of entity: Snapback.Jid) {
    shared.withLock { state in
      state.services.infos[entity] = info
      state.services.items[entity] = items.map {
        CoreDiscoItem(jid: $0.jid.description, node: $0.node, name: $0.name)
      }
    }
  }

  /// Sets the upload service; `nil`, as from the beginning, for none. The URLs of its slots lead nowhere.
  public func setUploadService(_ service: Snapback.UploadService?) {
    shared.withLock { state in
      state.services.upload = service.map {
        CoreUploadService(jid: $0.jid.description, maxFileSize: $0.maxFileSize)
      }
    }
  }

  /// Sets the features of the server, which each new session reports.
  public func setServerFeatures(_ features: [String]) {
    shared.withLock { $0.services.features = features }
  }
}

// MARK: - Rooms

extension FakeSnapback {
  /// Creates a room with occupants, which the app may join then. A room that does not exist is created when the app
  /// joins it, unless it forbids that, and the app owns it.
  public func setRoom(_ room: Snapback.Jid, subject: String? = nil, occupants: [Snapback.RoomOccupant] = []) {
    shared.withLock { state in
      var new = state.rooms[room.bare] ?? FakeRoom(jid: room.bare)
      new.subject = subject
      new.others = occupants
      state.rooms[room.bare] = new
    }
  }

  /// Refuses to let the app into a room; `nil` lets it in.
  public func refuseRoom(_ room: Snapback.Jid, _ refusal: Snapback.RoomRefusal?) {
    shared.withLock { $0.roomRefusals[room.bare] = refusal }
  }

  /// Delivers a message of another occupant. Returns its id. If the app is not in the room, nothing is delivered.
  @discardableResult
  public func roomMessage(_ room: Snapback.Jid, from nick: String, _ body: String) throws -> String {
    var message = Snapback.Message(to: account, body: body)
    message.type = .groupchat
    message.id = UUID().uuidString
    try shared.withLock { state in
      guard state.rooms[room.bare]?.nick != nil else { return }
      try state.speak(message, in: room.bare, as: nick)
    }
    return message.id ?? ""
  }

  /// Lets another occupant enter.
  public func enterRoom(_ room: Snapback.Jid, _ occupant: Snapback.RoomOccupant) {
    shared.withLock { state in
      state.rooms[room.bare, default: FakeRoom(jid: room.bare)].others.append(occupant)
      if state.rooms[room.bare]?.membership == .joined {
        state.tell(.entered(room: room.bare.core, occupant: occupant.core))
      }
    }
  }

  /// Lets another occupant leave. One who is not there does nothing.
  public func exitRoom(_ room: Snapback.Jid, nick: String, _ exit: Snapback.RoomExit = .left) {
    shared.withLock { state in
      guard let index = state.rooms[room.bare]?.others.firstIndex(where: { $0.nick == nick }),
        let occupant = state.rooms[room.bare]?.others.remove(at: index)
      else { return }
      if state.rooms[room.bare]?.membership == .joined {
        state.tell(.exited(room: room.bare.core, occupant: occupant.core, exit: exit.core))
      }
    }
  }

  /// Sets the subject, as another occupant.
  public func setRoomSubject(_ room: Snapback.Jid, _ subject: String, by nick: String? = nil) {
    shared.withLock { $0.setSubject(subject, in: room.bare, by: nick) }
  }

  /// Removes the app from a room for good: it was kicked, banned, or the room is destroyed.
  public func removeFromRoom(_ room: Snapback.Jid, _ exit: Snapback.RoomExit) {
    shared.withLock { $0.leave(room.bare, exit) }
  }

  /// Removes the app from a room for a while, until ``rejoinRoom(_:)``.
  public func loseRoom(_ room: Snapback.Jid, _ loss: Snapback.RoomLoss) {
    shared.withLock { state in
      guard state.rooms[room.bare]?.nick != nil else { return }
      state.rooms[room.bare]?.membership = .waiting
      state.tell(.lost(room: room.bare.core, loss: loss.core))
    }
  }

  /// Lets the client into a lost room again.
  public func rejoinRoom(_ room: Snapback.Jid) {
    shared.withLock { state in
      if state.rooms[room.bare]?.membership == .waiting { state.enter(room.bare, again: true) }
    }
  }

  /// Invites the app to a room.
  public func inviteToRoom(_ invitation: Snapback.RoomInvitation) {
    shared.withLock { state in
      state.tell(
        .invited(
          invitation: CoreRoomInvitation(
            room: invitation.room.core, by: invitation.by?.core, direct: invitation.direct,
            reason: invitation.reason, password: invitation.password)))
    }
  }
}
