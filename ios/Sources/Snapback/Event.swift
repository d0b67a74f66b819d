import Foundation

/// An event of a client, from ``SnapbackClient/events``.
public enum Event: Sendable {
  /// A session is established: a new one, or the interrupted one that was resumed.
  case online(Online)
  /// A connection, or an attempt at one, ended. If a retry may help, the client reconnects by itself.
  case ended(Ended)
  /// An inbound message.
  case message(Delivery<ReceivedMessage>)
  /// A copy of a message that another client of this account sent or received (XEP-0280).
  case carbon(Delivery<ReceivedMessage>, direction: CarbonDirection)
  /// An inbound presence stanza.
  case presence(Delivery<ReceivedPresence>)
  /// A stanza that this client sends reached another stage; see also ``SentStanza/stages``.
  case stageReached(id: String, stage: Stage)
  /// The features of the server, by their namespaces (XEP-0030).
  case serverFeatures([String])
  /// The stored roster changed; ``SnapbackClient/roster()`` returns it.
  case rosterChanged
  /// An inbound stanza was skipped: it exceeded a limit, or its XML had a fault that its sender caused. `limit` names
  /// the limit or the fault; `bytes` is the size of the stanza in bytes.
  case stanzaRefused(limit: String, bytes: UInt64)
  /// Inbound messages may be missing; the server's archive may have them (XEP-0313).
  case possibleGap
  /// The server violated the protocol and the connection continues, or something failed so often that the client gives
  /// it up for a while. `what` says which, and is safe to log.
  case peerFault(what: String)
  /// A bug in Snapback has stopped the client. Close it and open another one.
  case internalFault

  /// The delivery that the app has to confirm; `nil` for an event that is not a delivery.
  public var delivery: (any Confirmable)? {
    switch self {
    case .message(let delivery), .carbon(let delivery, _): delivery
    case .presence(let delivery): delivery
    default: nil
    }
  }
}

/// A session was established.
public struct Online: Sendable, Hashable {
  /// Whether it is a new session, or the interrupted one that was resumed.
  public let outcome: SessionOutcome
  /// The full JID of this client.
  public let jid: Jid?
  /// The plan of flights that this connection followed, as a sentence for logs.
  public let plan: String
  /// What each flight carried, and how long it took.
  public let timeline: Timeline
  /// How the server was found and reached.
  public let dial: DialReport
}

/// A connection, or an attempt at one, ended.
public struct Ended: Sendable, Hashable {
  /// Why it ended.
  public let reason: EndReason
  /// Whether the client retries by itself, once there is a network and the app is awake. Otherwise it stays offline until
  /// ``SnapbackClient/connect()``.
  public let retryable: Bool
  /// Whether the user has to enter credentials; then call ``SnapbackClient/setPassword(_:)``. Until then, the client does
  /// not retry.
  public let needsCredentials: Bool
  /// The reason as a sentence in English, safe to log.
  public let description: String
  /// The plan of flights that the connection followed; `nil` if it ended before it had one.
  public let plan: String?
  /// What each flight carried, and how long it took; `nil` if no address was reached.
  public let timeline: Timeline?
  /// How the server was looked for: what was asked, and what became of each address.
  public let dial: DialReport
}

/// What the client stores, and repeats after a restart, until the app confirms it.
public protocol Confirmable: Sendable {
  /// A unique random id. It stays the same when the delivery is repeated.
  var deliveryId: String { get }
  /// Confirms that the app has processed the delivery; it is not repeated after that.
  func confirm()
}

/// An inbound stanza. The client stores it until the app calls ``confirm()``. After a restart, unconfirmed deliveries
/// are repeated with the same ``deliveryId``. Its description does not contain the content.
public struct Delivery<Content: Sendable>: Confirmable, CustomStringConvertible, CustomReflectable {
  public let deliveryId: String
  /// The stanza.
  public let content: Content
  /// Set if an earlier message of the same sender had the same id but different content, so that this one may be a
  /// duplicate of it. Holds the ``deliveryId`` of the earlier one, or the id of a stanza that this device sent. `nil`
  /// if no such message is known.
  public let possibleDuplicateOf: String?
  let confirmation: @Sendable (String) -> Void

  public func confirm() {
    confirmation(deliveryId)
  }

  public var description: String { "Delivery(\(deliveryId))" }
  public var customMirror: Mirror { Mirror(self, children: ["deliveryId": deliveryId]) }
}

/// An inbound message (RFC 6121 section 5).
public struct ReceivedMessage: Sendable, Hashable {
  /// The sender: the attribute `from`.
  public let from: StanzaAddress
  /// The recipient: the attribute `to`.
  public let to: StanzaAddress
  /// The attribute `id`, which the sender chose.
  public let id: String?
  /// The attribute `type`, such as `chat`.
  public let type: String?
  /// The text: the element `<body/>`.
  public let body: String?
  /// The element `<subject/>`.
  public let subject: String?
  /// The conversation that the message belongs to: the element `<thread/>`.
  public let thread: String?
  /// When the message was first sent, if its delivery was delayed (XEP-0203). The time is not authenticated: the sender
  /// may have written it.
  public let delayedAt: Date?
  /// The origin ID, which the sender chose (XEP-0359).
  public let originId: String?
  /// The whole stanza as XML.
  public let xml: String
}

/// An inbound presence stanza (RFC 6121 section 4).
public struct ReceivedPresence: Sendable, Hashable {
  /// The entity whose presence this is.
  public let from: StanzaAddress
  /// The attribute `type`: `nil` means available; others are `unavailable`, `subscribe`, ...
  public let type: String?
  /// The element `<show/>`: `away`, `chat`, `dnd` or `xa`; `nil` means available without a further state.
  public let show: String?
  /// The element `<status/>`: a text for people.
  public let status: String?
  /// The whole stanza as XML.
  public let xml: String
}
