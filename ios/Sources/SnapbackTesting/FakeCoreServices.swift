import Foundation
import Snapback
import SnapbackFFI

// Roster, archive, push and rooms of the fake core, and its services.

extension FakeCore {
  func roster() async throws -> CoreRoster {
    try call { state in
      CoreRoster(version: nil, contacts: state.contacts.sorted { $0.jid.description < $1.jid.description }.map(\.core))
    }
  }

  func setContact(jid: String, name: String?, groups: [String], cancellation: Cancellation?) async throws -> Bool {
    let jid = try Snapback.Jid(jid)
    return try await request { state in
      let old = state.contacts.first { $0.jid == jid }
      state.contacts.removeAll { $0.jid == jid }
      state.contacts.append(
        Snapback.Contact(
          jid: jid, name: name, subscription: old?.subscription ?? .none, asked: old?.asked ?? false, groups: groups))
      state.tell(.rosterChanged)
      return true
    }
  }

  func removeContact(jid: String, cancellation: Cancellation?) async throws -> Bool {
    let jid = try Snapback.Jid(jid)
    return try await request { state in
      guard let index = state.contacts.firstIndex(where: { $0.jid == jid }) else {
        throw SnapbackError.fake("item-not-found")
      }
      state.contacts.remove(at: index)
      state.tell(.rosterChanged)
      return true
    }
  }

  func changeSubscription(with: String, change: SubscriptionChange) async throws {
    let jid = try Snapback.Jid(with)
    let type: PresenceType
    switch change {
    case .subscribe: type = .subscribe
    case .approve: type = .subscribed
    case .refuse: type = .unsubscribed
    case .unsubscribe: type = .unsubscribe
    }
    try await request { state in
      state.record(
        .presence(
          SentPresence(
            id: "presence-\(state.number())", to: jid, type: type, show: nil, status: nil, priority: nil,
            children: [])))
    }
  }

  func history(room: String?, with: String?, before: String?, limit: UInt32) async throws -> CoreHistoryPage {
    let room = try room.map { try Snapback.Jid($0) }
    let with = try with.map { try Snapback.Jid($0) }
    return try await request { try $0.page(room, with: with, before: before, limit: Int(limit)) }
  }

  func enablePush(service: String, node: String?, options: [String: String]) async throws {
    let target = PushTarget(service: try Snapback.Jid(service), node: node, options: options)
    try call { state in
      let isNew = state.services.push != target
      state.services.push = target
      if isNew, state.isOnline { state.tell(.pushEnabled) }
    }
  }

  func disablePush() async throws { try call { $0.services.push = nil } }
}

// MARK: - Rooms

extension FakeCore {
  func joinRoom(
    room: String, options: RoomOptions, password: Password?, cancellation: Cancellation?
  ) async throws -> Bool {
    let jid = try Snapback.Jid(room).bare
    try await request { try $0.join(jid, options) }
    return true
  }

  func leaveRoom(room: String) async throws {
    let jid = try Snapback.Jid(room).bare
    try call { $0.leave(jid, .left) }
  }

  func setRoomNick(room: String, nick: String) async throws {
    let jid = try Snapback.Jid(room).bare
    try await request { state in
      let others = state.rooms[jid]?.others ?? []
      if others.contains(where: { $0.nick == nick }) {
        let refusal = RoomRefusal(problem: .nickConflict)
        state.tell(.nickRefused(room: jid.core, refusal: refusal.core))
        throw SnapbackError.notJoined(refusal)
      }
      state.rooms[jid]?.nick = nick
      state.tell(.nickChanged(room: jid.core, nick: nick))
    }
  }

  func sendToRoom(room: String, message: RoomMessage) async throws -> String {
    let jid = try Snapback.Jid(room).bare
    return try await request { state in
      if case .subject(let subject) = message {
        state.setSubject(subject, in: jid, by: state.rooms[jid]?.nick)
      } else if case .invitation(let contact, let reason, _, _) = message {
        var invitation = Snapback.Message(to: try Snapback.Jid(contact))
        invitation.id = "invitation-\(state.number())"
        let attributes = [("jid", Optional(jid.description)), ("reason", reason)]
        invitation.children = [
          Element(
            "x", namespace: "jabber:x:conference",
            attributes: attributes.compactMap { name, value in value.map { Element.Attribute(name, $0) } })
        ]
        state.record(.message(invitation))
      }
      return "room-\(state.number())"
    }
  }

  func rooms() async throws -> [CoreRoomInfo] {
    try call { state in
      state.rooms.values.sorted { $0.jid.description < $1.jid.description }.compactMap { $0.info(state.full) }
    }
  }

  func roomInfo(room: String) async throws -> CoreRoomInfo? {
    let jid = try Snapback.Jid(room).bare
    return try call { state in state.rooms[jid]?.info(state.full) }
  }

  func roomMembers(room: String, affiliation: RoomAffiliation) async throws -> [CoreRoomMember] {
    let jid = try Snapback.Jid(room).bare
    return try await request { state in
      let occupants = state.rooms[jid]?.occupants(state.full) ?? []
      return occupants.filter { $0.affiliation == affiliation }.compactMap { occupant in
        occupant.jid.map {
          CoreRoomMember(jid: $0.bare.core, affiliation: affiliation, nick: occupant.nick, reason: nil)
        }
      }
    }
  }

  func roomConfiguration(room: String) async throws -> [RoomField] {
    let jid = try Snapback.Jid(room).bare
    return try await request { $0.rooms[jid]?.configuration ?? [] }
  }

  func changeRoom(room: String, change: CoreRoomChange) async throws {
    let jid = try Snapback.Jid(room).bare
    try await request { try $0.change(jid, change) }
  }
}

extension FakeRoom {
  /// `nil` if the app has not joined it.
  func info(_ user: Snapback.Jid) -> CoreRoomInfo? {
    nick.map {
      CoreRoomInfo(
        room: jid.core, nick: $0, membership: membership, subject: subject, subjectBy: subjectBy,
        occupants: occupants(user).map(\.core), unlisted: 0,
        features: RoomFeatures(stanzaIds: true, occupantIds: false), hasArchive: true,
        caughtUpTo: nil)
    }
  }
}

// MARK: - Services

extension FakeCore {
  func change(change: ServiceChange) async throws { try await request { try $0.carryOut(change) } }

  func changePassword(password: Password) async throws {
    try await request { $0.services.passwords.append(password) }
  }

  func blockList() async throws -> BlockList {
    try await request { BlockList(jids: $0.services.blocked.map(\.description), unreadable: 0) }
  }

  func bookmarks() async throws -> [CoreBookmark] { try await request { $0.services.bookmarks } }

  func bookmarkChange(message: String) -> CoreBookmarkChange? { nil }

  func joinBookmarked(nick: String) async throws -> [String] {
    try await request { state in
      let wanted = state.services.bookmarks.filter(\.autoJoin)
      for bookmark in wanted {
        let options = RoomOptions(nick: bookmark.nick ?? nick, history: nil, creation: .instant)
        // What becomes of it is an event.
        try? state.join(try Snapback.Jid(bookmark.room), options)
      }
      return wanted.map(\.room)
    }
  }

  func discoCaps(presence: String) async throws -> CapsInfo? { try await request { _ in nil } }

  func discoInfo(to: String, node: String?) async throws -> DiscoInfo {
    let jid = try Snapback.Jid(to)
    return try await request { state in
      guard let info = state.services.infos[jid] else { throw SnapbackError.fake("service-unavailable") }
      return info
    }
  }

  func discoItems(to: String, node: String?) async throws -> [CoreDiscoItem] {
    let jid = try Snapback.Jid(to)
    return try await request { $0.services.items[jid] ?? [] }
  }

  func nodeEvent(message: String) -> CoreNodeEvent? { nil }

  func nodeItem(service: String?, node: String, id: String) async throws -> CoreNodeItem? {
    try await request { $0.services.nodes[Services.Node(service: service, node: node)]?.first { $0.id == id } }
  }

  func nodeItems(service: String?, node: String, max: UInt32?) async throws -> [CoreNodeItem] {
    try await request { state in
      guard let items = state.services.nodes[Services.Node(service: service, node: node)] else {
        throw SnapbackError.fake("item-not-found")
      }
      return Array(items.suffix(max.map { Int($0) } ?? items.count))
    }
  }

  func publish(
    service: String?, node: String, id: String?, payload: String, options: CoreNodeOptions
  ) async throws -> String? {
    try await request { $0.services.publish(id, payload, on: Services.Node(service: service, node: node)) }
  }

  func avatarData(of: String, id: String) async throws -> Data {
    try await request { state in
      guard let data = try state.services.profile(of).avatarData[id] else { throw SnapbackError.fake("item-not-found") }
      return data
    }
  }

  func avatarMetadata(of: String) async throws -> [AvatarInfo] {
    try await request { try $0.services.profile(of).avatars }
  }

  func nick(of: String) async throws -> String? { try await request { try $0.services.profile(of).nick } }

  func publishAvatar(avatar: OutgoingAvatar, access: AccessModel?) async throws -> String {
    try await request { state in
      let id = "avatar-\(state.number())"
      var profile = state.services.profiles[state.full.bare] ?? FakeProfile()
      profile.avatarData[id] = avatar.data
      profile.avatars = [
        AvatarInfo(
          id: id, bytes: UInt64(avatar.data.count), mediaType: avatar.mediaType, width: avatar.width,
          height: avatar.height, url: nil)
      ]
      state.services.profiles[state.full.bare] = profile
      return id
    }
  }

  func vcard(of: String) async throws -> Vcard {
    try await request { state in
      guard let vcard = try state.services.profile(of).vcard else { throw SnapbackError.fake("item-not-found") }
      return vcard
    }
  }

  func uploadService() async throws -> CoreUploadService? { try await request { $0.services.upload } }

  func uploadSlot(service: CoreUploadService, file: CoreFileUpload) async throws -> CoreUploadSlot {
    try await request { state in
      if let limit = service.maxFileSize, file.size > limit { throw SnapbackError.fileTooLarge(limit: limit) }
      let url = "https://upload.invalid/\(state.number())"
      return CoreUploadSlot(putUrl: url, headers: [], getUrl: url)
    }
  }
}
