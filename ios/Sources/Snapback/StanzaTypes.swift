/// The type of a message (RFC 6121 section 5.2.2). Others may exist; by RFC 6121 they are treated as ``normal``.
public struct MessageType: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The attribute `type`.
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }
  public var description: String { rawValue }

  /// A message of a conversation between two.
  public static let chat: MessageType = "chat"
  /// A message to or from all occupants of a room (XEP-0045).
  public static let groupchat: MessageType = "groupchat"
  /// A message outside of a conversation, like an e-mail.
  public static let normal: MessageType = "normal"
  /// A message that expects no reply, such as an alert.
  public static let headline: MessageType = "headline"
  /// An earlier message could not be delivered or processed. Only received.
  public static let error: MessageType = "error"
}

/// The type of a presence stanza (RFC 6121 section 4.7.1). Without one, an entity is available.
public struct PresenceType: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The attribute `type`.
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }
  public var description: String { rawValue }

  /// The entity is no longer available.
  public static let unavailable: PresenceType = "unavailable"
  /// The sender asks to see the presence of the recipient.
  public static let subscribe: PresenceType = "subscribe"
  /// The sender lets the recipient see its presence.
  public static let subscribed: PresenceType = "subscribed"
  /// The sender no longer wants to see the presence of the recipient.
  public static let unsubscribe: PresenceType = "unsubscribe"
  /// The sender does not, or no longer, let the recipient see its presence.
  public static let unsubscribed: PresenceType = "unsubscribed"
  /// A server asks for the current presence. Apps do not send it.
  public static let probe: PresenceType = "probe"
  /// An earlier presence could not be delivered or processed. Only received.
  public static let error: PresenceType = "error"
}

/// How an available entity is available (RFC 6121 section 4.7.2.1).
public struct PresenceShow: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The text of the element `<show/>`.
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }
  public var description: String { rawValue }

  /// Away for a short time.
  public static let away: PresenceShow = "away"
  /// Interested in a conversation.
  public static let chat: PresenceShow = "chat"
  /// Busy: do not disturb.
  public static let dnd: PresenceShow = "dnd"
  /// Away for a longer time.
  public static let xa: PresenceShow = "xa"
}
