import Foundation
import SnapbackFFI

/// What a person does in a conversation (XEP-0085).
public typealias ChatState = SnapbackFFI.ChatState
/// How a message is to be processed (XEP-0334). These are wishes of its sender; others need not comply.
public typealias Hints = SnapbackFFI.Hints
/// A text in one language (RFC 5646); the language is `nil` if the sender does not state it.
public typealias LocalizedText = SnapbackFFI.LocalizedText
/// All reactions of a sender to the message `id` (XEP-0444). They replace the earlier ones of this sender; an empty list
/// removes them. A message has at most 64, of at most 128 bytes each.
public typealias Reactions = SnapbackFFI.Reactions
/// A file or another resource at `uri` (XEP-0066), which is not checked.
public typealias FileReference = SnapbackFFI.FileReference
/// A payload that could not be read: it violates its specification, or there are too many. It is still in
/// ``ReceivedMessage/element``. The reason is safe to log.
public typealias PayloadProblem = SnapbackFFI.PayloadProblem
/// Who gets a delivery receipt when asking for one (XEP-0184); see ``Configuration/receipts``.
public typealias ReceiptPolicy = SnapbackFFI.ReceiptPolicy
/// The kinds of conversations.
public typealias Conversation = SnapbackFFI.Conversation
/// What a message says about the message `id`.
public typealias MessageReference = SnapbackFFI.MessageReference
/// What a message may say about another one.
public typealias ReferenceKind = SnapbackFFI.ReferenceKind
/// Whether a reference holds.
public typealias ReferenceVerdict = SnapbackFFI.ReferenceVerdict
/// What a room announces (XEP-0030). By default nothing: then what depends on it is not trusted.
public typealias RoomFeatures = SnapbackFFI.RoomFeatures

/// What an app keeps of each message, so that a later correction, retraction or reaction finds it, and only one of an
/// entity that may send it. Addresses are normalized, so that equal ones are equal texts.
///
/// - `conversation`: the bare JID of the contact or of the room; the full JID of an occupant.
/// - `sender`: a bare JID, or the full JID of an occupant; `occupantId`: the id that the room claims for it (XEP-0421).
/// - `id` and `originId`: chosen by the sender; `roomId`: the id that the room claims to have assigned (XEP-0359).
public typealias MessageKey = SnapbackFFI.MessageKey

extension MessageKey {
  /// Returns whether a reference of the message with this key holds for the other message. Corrections and retractions
  /// hold only for messages of the same sender: in a room, of the same occupant, where the room announces occupant ids.
  public func refers(
    _ reference: MessageReference, to other: MessageKey, in room: RoomFeatures = RoomFeatures()
  ) -> ReferenceVerdict {
    refersTo(reference: reference, by: self, other: other, room: room)
  }
}

/// The message `id` that a message replies to (XEP-0461).
public struct Reply: Sendable, Hashable {
  /// The id of that message: in a room the id that the room assigned.
  public var id: String
  /// The author of that message, as the sender states it: not checked.
  public var to: Jid?

  /// Creates a reply.
  public init(id: String, to: Jid? = nil) {
    self.id = id
    self.to = to
  }

  init(_ reply: SnapbackFFI.Reply) {
    self.init(id: reply.id, to: .optional(reply.to))
  }
}

/// An id that an entity claims to have assigned (XEP-0359). It is true only where that entity announces `urn:xmpp:sid:0`.
public struct StanzaId: Sendable, Hashable {
  /// The id.
  public let id: String
  /// The entity.
  public let by: Jid

  /// Creates an id, such as for a test or a preview.
  public init(id: String, by: Jid) {
    self.id = id
    self.by = by
  }
}

/// What an archive keeps of a message that was retracted (XEP-0424).
public struct Tombstone: Sendable, Hashable {
  /// The id of the message that retracted it.
  public let id: String
  /// When it was retracted.
  public let retractedAt: Date?

  /// Creates a tombstone, such as for a test or a preview.
  public init(id: String, retractedAt: Date? = nil) {
    self.id = id
    self.retractedAt = retractedAt
  }

  init(_ tombstone: SnapbackFFI.Tombstone) {
    id = tombstone.id
    retractedAt = tombstone.retractedAtMs.map { Date(timeIntervalSince1970: TimeInterval($0) / 1000) }
  }
}
