import Foundation
import Snapback
import SnapbackFFI

// Converts the types of the API to those of the binding.

extension Snapback.Jid {
  var core: CoreJid { CoreJid(localpart: localpart, domain: domain, resource: resource) }
}

extension Snapback.StanzaAddress {
  var core: CoreStanzaAddress {
    switch self {
    case .absent: .absent
    case .named(let jid): .named(jid: jid.core)
    case .unreadable(let text): .unreadable(text: text)
    }
  }
}

extension ReceivedMessage {
  var stanza: Stanza {
    Stanza(
      from: from.core, to: to.core, id: id, kind: type?.rawValue, body: body, subject: subject, thread: thread,
      show: nil, status: nil, delayedAtMs: delayedAt.map { Int64($0.timeIntervalSince1970 * 1000) },
      originId: originId, xml: xml)
  }
}

extension ReceivedPresence {
  var stanza: Stanza {
    Stanza(
      from: from.core, to: .absent, id: nil, kind: type?.rawValue, body: nil, subject: nil, thread: nil,
      show: show?.rawValue, status: status, delayedAtMs: nil, originId: nil, xml: xml)
  }
}

extension Snapback.HistoryMessage {
  var core: CoreHistoryMessage {
    CoreHistoryMessage(archiveId: id, archivedAtMs: archivedAt, stanza: message.stanza, content: message.content)
  }
}

extension Snapback.Contact {
  var core: CoreContact {
    CoreContact(
      jid: jid.description, name: name, subscription: subscription, asked: asked, groups: groups)
  }
}

extension Snapback.RoomOccupant {
  var core: CoreRoomOccupant {
    CoreRoomOccupant(
      nick: nick, role: role, affiliation: affiliation, jid: jid?.core, occupantId: occupantId, show: show)
  }
}

extension Snapback.RoomRefusal {
  var core: CoreRoomRefusal {
    CoreRoomRefusal(
      problem: problem, retryable: retryable, alternative: alternative?.core, condition: condition, text: text)
  }
}

extension Snapback.RoomExit {
  var core: CoreRoomExit {
    switch self {
    case .left: .left
    case .kicked(let actor, let reason): .kicked(actor: actor, reason: reason)
    case .banned(let actor, let reason): .banned(actor: actor, reason: reason)
    case .membersOnly: .membersOnly
    case .technical: .technical
    case .destroyed(let alternative, let reason): .destroyed(alternative: alternative?.core, reason: reason)
    case .refused(let refusal): .refused(refusal: refusal.core)
    }
  }
}

extension Snapback.RoomLoss {
  var core: CoreRoomLoss {
    switch self {
    case .notJoined: .notJoined
    case .shutdown: .shutdown
    case .technical: .technical
    case .removed: .removed
    case .notYet(let refusal): .notYet(refusal: refusal.core)
    }
  }
}

extension Snapback.Message {
  /// What the client gave to the core.
  init(_ message: OutgoingMessage) throws {
    self.init(to: try Snapback.Jid(message.to), body: message.body)
    translations = message.translations
    subject = message.subject
    type = MessageType(rawValue: message.kind)
    id = message.id
    thread = message.thread
    requestReceipt = message.requestReceipt
    markable = message.markable
    chatState = message.chatState
    receiptOf = message.receiptOf
    displayed = message.displayed
    corrects = message.corrects
    retracts = message.retracts
    reactions = message.reactions
    reply = try message.reply.map { Snapback.Reply(id: $0.id, to: try $0.to.map { try Snapback.Jid($0) }) }
    quote = message.quote
    files = message.files
    hints = message.hints
    children = try message.extensions.map { try Element(xml: $0) }
  }

  /// A chat state alone, which is sent at once or never (XEP-0085 section 5.6).
  var isFleeting: Bool {
    chatState != nil && body == nil && subject == nil && receiptOf == nil && displayed == nil && reactions == nil
      && corrects == nil && retracts == nil && files.isEmpty && children.isEmpty
  }
}
