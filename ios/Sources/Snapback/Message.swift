import SnapbackFFI

/// A message to send (RFC 6121 section 5).
public struct Message: Sendable, Hashable {
  /// The recipient.
  public var to: Jid
  /// The text: the element `<body/>`.
  public var body: String?
  /// The text in further languages.
  public var translations: [LocalizedText] = []
  /// The element `<subject/>`; alone in a message to a room it changes the room's subject.
  public var subject: String?
  /// The attribute `type`. Default ``MessageType/chat``.
  public var type = MessageType.chat
  /// The attribute `id`. Default `nil`: the client generates a random one.
  public var id: String?
  /// The conversation that the message belongs to: the element `<thread/>`.
  public var thread: String?
  /// Whether to ask for a delivery receipt (XEP-0184). In a room, each occupant would answer.
  public var requestReceipt = false
  /// Whether to ask to be told when the message is displayed (XEP-0333).
  public var markable = false
  /// What the user does (XEP-0085). Alone in a message it is sent at once or never: without a session it fails with
  /// `notOnline`, and after a broken connection it is not sent again.
  public var chatState: ChatState?
  /// A delivery receipt: the id of the message that was received (XEP-0184). The
  /// client sends these itself; see ``Configuration/receipts``.
  public var receiptOf: String?
  /// A marker: the id of the message that the user has seen, and all before it (XEP-0333). In a room, the room's id.
  public var displayed: String?
  /// The id of the message that this one replaces: always that of the first version (XEP-0308).
  public var corrects: String?
  /// The id of the message to be removed (XEP-0424). The body is what clients show that do not support this.
  public var retracts: String?
  /// All reactions of the user to a message (XEP-0444).
  public var reactions: Reactions?
  /// The message that this one replies to (XEP-0461).
  public var reply: Reply?
  /// What that message says: repeated before the body for clients that do not support replies (XEP-0428).
  public var quote: String?
  /// Files that the message refers to (XEP-0066).
  public var files: [FileReference] = []
  /// How the message is to be processed (XEP-0334). Default `nil`: `store` for a reaction, retraction, receipt or
  /// marker, since archives keep only messages with a body by themselves; otherwise none.
  public var hints: Hints?
  /// Further children: one XML element each, such as `<request xmlns='urn:xmpp:receipts'/>`.
  public var extensions: [String] = []
  /// Further children as elements.
  public var children: [Element] = []

  /// Creates a chat message.
  public init(to: Jid, body: String? = nil) {
    self.to = to
    self.body = body
  }

  func outgoing(_ id: String) throws -> OutgoingMessage {
    OutgoingMessage(
      to: to.description,
      body: body,
      kind: type.rawValue,
      id: id,
      thread: thread,
      extensions: extensions + (try children.map { try $0.xml() }),
      subject: subject,
      translations: translations,
      requestReceipt: requestReceipt,
      markable: markable,
      chatState: chatState,
      receiptOf: receiptOf,
      displayed: displayed,
      corrects: corrects,
      retracts: retracts,
      reactions: reactions,
      reply: reply.map { SnapbackFFI.Reply(id: $0.id, to: $0.to?.description) },
      quote: quote,
      files: files,
      hints: hints)
  }
}
