import Snapback
import SnapbackFFI

extension State {
  /// Puts the app into a room.
  mutating func enter(_ jid: Snapback.Jid, created: Bool = false, again: Bool = false) {
    guard let nick = rooms[jid]?.nick else { return }
    rooms[jid]?.membership = .joined
    tell(.joined(room: jid.core, nick: nick, created: created, again: again))
    tellSubject(of: jid)
    tell(.caughtUp(room: jid.core, complete: true))
  }

  /// Joins a room with an own nickname, or says why not.
  mutating func join(_ jid: Snapback.Jid, _ options: RoomOptions) throws {
    guard rooms[jid]?.nick == nil else { return }
    let isNew = rooms[jid] == nil
    let isTaken = rooms[jid]?.others.contains { $0.nick == options.nick } ?? false
    let refusal =
      roomRefusals[jid] ?? (isNew && options.creation == .never ? RoomRefusal(problem: .notFound) : nil)
      ?? (isTaken ? RoomRefusal(problem: .nickConflict) : nil)
    if let refusal {
      tell(.joinFailed(room: jid.core, refusal: refusal.core))
      throw SnapbackError.notJoined(refusal)
    }
    if isNew {
      rooms[jid] = FakeRoom(jid: jid)
      rooms[jid]?.isOwned = true
    }
    rooms[jid]?.nick = options.nick
    enter(jid, created: isNew)
  }

  mutating func leave(_ jid: Snapback.Jid, _ exit: Snapback.RoomExit) {
    guard rooms[jid]?.nick != nil else { return }
    rooms[jid]?.nick = nil
    rooms[jid]?.membership = .offline
    if case .destroyed = exit { rooms[jid] = nil }
    tell(.left(room: jid.core, exit: exit.core))
  }

  /// Sends a message of the app to all occupants, itself among them; `false` if the room refuses it.
  mutating func reflect(_ message: Snapback.Message) -> Bool {
    let jid = message.to.bare
    guard let room = rooms[jid], let nick = room.nick, room.membership == .joined else {
      finish(
        message.id ?? "",
        .failed(reason: .refused(kind: "modify", condition: "not-acceptable", text: nil, xml: "")))
      return false
    }
    try? speak(message, in: jid, as: nick)
    return true
  }

  /// Delivers a message of an occupant, with the id that the archive of the room gives it.
  mutating func speak(_ message: Snapback.Message, in jid: Snapback.Jid, as nick: String) throws {
    var message = message
    message.to = full
    let archiveId = "archive-\(number())"
    let written = Written(
      message, from: try Snapback.Jid("\(jid)/\(nick)"), stanzaIds: [Snapback.StanzaId(id: archiveId, by: jid)])
    receive(
      .message(
        deliveryId: "delivery-\(number())", stanza: try written.stanza(), content: written.content,
        possibleDuplicateOf: nil))
    let received = ReceivedMessage(try written.stanza(), written.content)
    archives[jid, default: []].append(Snapback.HistoryMessage(id: archiveId, message: received))
  }

  mutating func setSubject(_ subject: String, in jid: Snapback.Jid, by nick: String?) {
    rooms[jid]?.subject = subject.isEmpty ? nil : subject
    rooms[jid]?.subjectBy = nick
    if rooms[jid]?.membership == .joined { tellSubject(of: jid) }
  }

  /// The subject is a message, too (XEP-0045 section 7.2.15).
  private mutating func tellSubject(of jid: Snapback.Jid) {
    let (subject, nick) = (rooms[jid]?.subject, rooms[jid]?.subjectBy)
    tell(.subjectChanged(room: jid.core, subject: subject, by: nick))
    var message = Snapback.Message(to: full)
    message.type = .groupchat
    message.subject = subject ?? ""
    guard let from = nick.map({ try? Snapback.Jid("\(jid)/\($0)") }) ?? jid,
      let stanza = try? Written(message, from: from).stanza()
    else { return }
    receive(
      .message(
        deliveryId: "delivery-\(number())", stanza: stanza, content: Written(message, from: from).content,
        possibleDuplicateOf: nil))
  }

  mutating func change(_ jid: Snapback.Jid, _ change: CoreRoomChange) throws {
    guard rooms[jid] != nil else { throw SnapbackError.fake("item-not-found") }
    switch change {
    case .configuration(let fields): rooms[jid]?.configuration = fields
    case .destruction(let alternative, let reason):
      leave(jid, .destroyed(alternative: try alternative.map { try Snapback.Jid($0) }, reason: reason))
      rooms[jid] = nil
    case .affiliation(let user, let affiliation, _):
      let user = try Snapback.Jid(user)
      update(jid, where: { $0.jid?.bare == user.bare }, affiliation: affiliation)
    case .role(let nick, let role, _):
      update(jid, where: { $0.nick == nick }, role: role)
    }
  }

  private mutating func update(
    _ jid: Snapback.Jid, where isMeant: (Snapback.RoomOccupant) -> Bool, role: RoomRole? = nil,
    affiliation: RoomAffiliation? = nil
  ) {
    guard var others = rooms[jid]?.others, let index = others.firstIndex(where: isMeant) else { return }
    let old = others[index]
    let new = Snapback.RoomOccupant(
      nick: old.nick, role: role ?? old.role, affiliation: affiliation ?? old.affiliation, jid: old.jid,
      occupantId: old.occupantId, show: old.show)
    if new.role == RoomRole.none || new.affiliation == .outcast {
      others.remove(at: index)
      let exit: Snapback.RoomExit =
        new.affiliation == .outcast ? .banned(actor: nil, reason: nil) : .kicked(actor: nil, reason: nil)
      tell(.exited(room: jid.core, occupant: old.core, exit: exit.core))
    } else {
      others[index] = new
      tell(.occupantChanged(room: jid.core, occupant: new.core))
    }
    rooms[jid]?.others = others
  }
}
