import Foundation

/// Something that happened.
public enum Event: Sendable {
  /// The session is there.
  case online(Online)
  /// A connection, or an attempt at one, ended. The client goes on by itself where that makes sense.
  case ended(Ended)
  /// A message.
  case message(Delivery<ReceivedMessage>)
  /// A copy of a message that another client of this account sent or received (XEP-0280).
  case carbon(Delivery<ReceivedMessage>, direction: CarbonDirection)
  /// Somebody's presence.
  case presence(Delivery<ReceivedPresence>)
  /// A stanza of ours reached another stage; see also ``SentStanza/stages``.
  case stageReached(id: String, stage: Stage)
  /// What the server can do, by the namespaces of its features (XEP-0030).
  case serverFeatures([String])
  /// The stored roster changed: ``SnapbackClient/roster()`` has it.
  case rosterChanged
  /// A stanza that came in was over a limit, or its XML had a fault of its sender, and it was skipped.
  case stanzaRefused(limit: String, bytes: UInt64)
  /// Messages may be missing; the archive (XEP-0313) has them.
  case possibleGap
  /// The server broke a rule in a way that could be survived.
  case peerFault(what: String)
  /// A bug of ours has ended the client. Close it and open another one.
  case internalFault

  /// What has to be confirmed, if anything.
  public var delivery: (any Confirmable)? {
    switch self {
    case .message(let delivery), .carbon(let delivery, _): delivery
    case .presence(let delivery): delivery
    default: nil
    }
  }
}

/// A session began, or goes on.
public struct Online: Sendable, Hashable {
  /// Which of the two.
  public let outcome: SessionOutcome
  /// Our own full address.
  public let jid: Jid?
  /// The plan that led here, as a sentence.
  public let plan: String
  /// What each flight carried, and how long it took.
  public let timeline: Timeline
}

/// A connection, or an attempt at one, is over.
public struct Ended: Sendable, Hashable {
  /// Why.
  public let reason: EndReason
  /// The client tries again by itself, once there is a network and the app is awake. Otherwise it stays offline until it is
  /// told to connect.
  public let retryable: Bool
  /// The user has to be asked for credentials. Then the client does not try again.
  public let needsCredentials: Bool
  /// The reason as a sentence in English, safe to log.
  public let description: String
  /// The plan that it followed, if it came so far as to have one.
  public let plan: String?
}

/// Stored by the client, and to come again until it is confirmed.
public protocol Confirmable: Sendable {
  /// Random, unique, and the same if it comes again.
  var deliveryId: String { get }
  /// The app has taken it: it will not come again.
  func confirm()
}

/// Something that was delivered. It is stored, and comes again after a restart with the same ``deliveryId``, until it is
/// confirmed. Its content does not print.
public struct Delivery<Content: Sendable>: Confirmable, CustomStringConvertible, CustomReflectable {
  public let deliveryId: String
  /// What came.
  public let content: Content
  /// What this message may repeat: its sender gave it the same id, but other content. The earlier ``deliveryId``, or the id of a
  /// stanza that this device sent. `nil` if it repeats nothing that is known.
  public let possibleDuplicateOf: String?
  let confirmation: @Sendable (String) -> Void

  public func confirm() {
    confirmation(deliveryId)
  }

  public var description: String { "Delivery(\(deliveryId))" }
  public var customMirror: Mirror { Mirror(self, children: ["deliveryId": deliveryId]) }
}

/// A message that came in.
public struct ReceivedMessage: Sendable, Hashable {
  /// Who sent it.
  public let from: StanzaAddress
  /// Whom it is for.
  public let to: StanzaAddress
  /// The id that its sender gave it.
  public let id: String?
  /// The attribute `type`, such as `chat`.
  public let type: String?
  /// The text.
  public let body: String?
  /// What it is about.
  public let subject: String?
  /// The conversation that it belongs to.
  public let thread: String?
  /// When it was sent, if it comes late (XEP-0203). Anyone can claim anything here.
  public let delayedAt: Date?
  /// The sender's own id (XEP-0359).
  public let originId: String?
  /// All of it.
  public let xml: String
}

/// Somebody's presence.
public struct ReceivedPresence: Sendable, Hashable {
  /// Whose.
  public let from: StanzaAddress
  /// The attribute `type`: `nil` if available, `unavailable`, `subscribe`, ...
  public let type: String?
  /// `away`, `chat`, `dnd` or `xa`; `nil` for simply there.
  public let show: String?
  /// What they say about it.
  public let status: String?
  /// All of it.
  public let xml: String
}
