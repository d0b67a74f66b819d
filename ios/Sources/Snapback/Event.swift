import Foundation
import SnapbackFFI

/// An event of a client, from ``SnapbackClient/events``.
public enum Event: Sendable {
  /// A session is established: a new one, or the interrupted one that was resumed.
  case online(Online)
  /// A connection, or an attempt at one, ended. If a retry may help, the client reconnects by itself.
  case ended(Ended)
  /// The server's certificate was refused, and nothing was sent over that connection. Follows each attempt that ends so;
  /// the client retries by itself. ``ServerKeys/trust(_:)`` accepts the key.
  case certificateRefused(RefusedCertificate)
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
  /// The server publishes push notifications for this session, as ``PushNotifications`` asked it to. Told in each new
  /// session.
  case pushEnabled
  /// The server has refused to publish push notifications for this session, with this condition (RFC 6120 section
  /// 8.3.3): `service-unavailable` where it does not support them. Each new session asks again. `text` is the server's
  /// own, and not safe to log.
  case pushRefused(condition: String, text: String?)
  /// The block list was changed, by any client of the account; see ``Blocking/list()``.
  case blockListChanged(BlockListChange)
  /// An inbound stanza was skipped: it exceeded a limit, or its XML had a fault that its sender caused. `limit` names
  /// the limit or the fault; `bytes` is the size of the stanza in bytes.
  case stanzaRefused(limit: String, bytes: UInt64)
  /// Inbound messages may be missing; the server's archive may have them (XEP-0313).
  case possibleGap
  /// The client has caught up: everything that the server held when this connection began is among the earlier events,
  /// or lies in a gap that was reported. It comes once for each connection; messages after it are live. `isCaughtUp` of
  /// ``ConnectionState`` is the same as a state.
  case caughtUp
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

  /// Creates the report of a session, such as for a test or a preview.
  public init(
    outcome: SessionOutcome, jid: Jid? = nil, plan: String = "", timeline: Timeline = Timeline(),
    dial: DialReport = DialReport()
  ) {
    self.outcome = outcome
    self.jid = jid
    self.plan = plan
    self.timeline = timeline
    self.dial = dial
  }
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

  /// Creates the report of an end, such as for a test or a preview.
  public init(
    reason: EndReason, retryable: Bool = true, needsCredentials: Bool = false, description: String, plan: String? = nil,
    timeline: Timeline? = nil, dial: DialReport = DialReport()
  ) {
    self.reason = reason
    self.retryable = retryable
    self.needsCredentials = needsCredentials
    self.description = description
    self.plan = plan
    self.timeline = timeline
    self.dial = dial
  }
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

  /// Creates a delivery, such as for a test or a preview.
  public init(
    deliveryId: String, content: Content, possibleDuplicateOf: String? = nil,
    confirmation: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.deliveryId = deliveryId
    self.content = content
    self.possibleDuplicateOf = possibleDuplicateOf
    self.confirmation = confirmation
  }

  public func confirm() {
    confirmation(deliveryId)
  }

  public var description: String { "Delivery(\(deliveryId))" }
  public var customMirror: Mirror { Mirror(self, children: ["deliveryId": deliveryId]) }
}

/// An inbound message (RFC 6121 section 5), or the copy of one that another client of the account sent. Its description
/// does not contain the content.
public struct ReceivedMessage: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// The sender: the attribute `from`.
  public let from: StanzaAddress
  /// The recipient: the attribute `to`.
  public let to: StanzaAddress
  /// The attribute `id`, which the sender chose. Of an error: the id of the message that failed.
  public let id: String?
  /// The attribute `type`; `nil` means ``MessageType/normal``.
  public let type: MessageType?
  /// The default text as it was sent: the element `<body/>`.
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
  package let content: MessageContent

  /// The whole stanza. It is parsed each time; keep the result.
  public var element: Element { Element.received(xml) ?? Element("message", namespace: Element.clientNamespace) }
  /// The text to show: the ``body`` without the parts that repeat, for other clients, what is typed here, such as the
  /// quotation of a ``reply`` (XEP-0428). `nil` if nothing remains.
  public var text: String? { content.text }
  /// The text in each language, the default one first.
  public var bodies: [LocalizedText] { content.bodies }
  /// The subject in each language, the default one first.
  public var subjects: [LocalizedText] { content.subjects }
  /// The thread that ``thread`` is part of.
  public var parentThread: String? { content.parentThread }
  /// Whether the sender asks for a delivery receipt (XEP-0184).
  public var requestsReceipt: Bool { content.requestsReceipt }
  /// The id of the message that another client has received (XEP-0184).
  public var receiptOf: String? { content.receiptOf }
  /// Whether the sender asks to be told when the message is displayed (XEP-0333).
  public var isMarkable: Bool { content.isMarkable }
  /// The id of the message that a person has seen, and all before it (XEP-0333).
  public var displayed: String? { content.displayed }
  /// What the sender does (XEP-0085).
  public var chatState: ChatState? { content.chatState }
  /// The id of the message that this one replaces (XEP-0308); see ``MessageKey``.
  public var corrects: String? { content.corrects }
  /// The id of the message that is to be removed (XEP-0424); see ``MessageKey``.
  public var retracts: String? { content.retracts }
  /// Set if the message was retracted, and this is what the archive keeps of it (XEP-0424).
  public var tombstone: Tombstone? { content.tombstone.map(Tombstone.init) }
  /// The sender's reactions to a message (XEP-0444).
  public var reactions: Reactions? { content.reactions }
  /// The message that this one replies to (XEP-0461).
  public var reply: Reply? { content.reply.map(Reply.init) }
  /// The files that the message refers to (XEP-0066).
  public var files: [FileReference] { content.files }
  /// How the message is to be processed (XEP-0334).
  public var hints: Hints { content.hints }
  /// The ids that archives claim to have assigned (XEP-0359).
  public var stanzaIds: [StanzaId] {
    content.stanzaIds.compactMap { id in Jid.optional(id.by).map { StanzaId(id: id.id, by: $0) } }
  }
  /// Of an error: the element `error`, with its application-specific conditions and their data (RFC 6120 section 8.3).
  public var error: Element? { content.error.flatMap(Element.received) }
  /// What could not be read.
  public var problems: [PayloadProblem] { content.problems }
  /// What to keep of the message; `nil` of an error, and if an address cannot be read: nothing of it is trusted then.
  public var key: MessageKey? { content.key }
  /// What the message says about other messages.
  public var references: [MessageReference] { content.references }

  public var description: String { "ReceivedMessage" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// An inbound presence stanza (RFC 6121 section 4).
public struct ReceivedPresence: Sendable, Hashable {
  /// The entity whose presence this is.
  public let from: StanzaAddress
  /// The attribute `type`; `nil` means available.
  public let type: PresenceType?
  /// The element `<show/>`; `nil` means available without a further state.
  public let show: PresenceShow?
  /// The element `<status/>`: a text for people.
  public let status: String?
  /// The whole stanza as XML.
  public let xml: String

  /// Creates a presence, such as for a test or a preview.
  public init(
    from: StanzaAddress, type: PresenceType? = nil, show: PresenceShow? = nil, status: String? = nil, xml: String
  ) {
    self.from = from
    self.type = type
    self.show = show
    self.status = status
    self.xml = xml
  }

  /// The whole stanza. It is parsed each time; keep the result.
  public var element: Element { Element.received(xml) ?? Element("presence", namespace: Element.clientNamespace) }
}
