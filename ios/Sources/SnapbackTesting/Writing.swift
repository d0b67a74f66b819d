import Foundation
import Snapback
import SnapbackFFI

extension ReceivedMessage {
  /// Creates the message that a contact receives when `message` is sent: with all its payloads, and as XML.
  ///
  /// ```swift
  /// let romeo = try Jid("romeo@example.net")
  /// var message = Message(to: try Jid("juliet@example.org"), body: "hello")
  /// message.chatState = .active
  /// let received = try ReceivedMessage(message, from: romeo)
  /// ```
  ///
  /// - Parameters:
  ///   - message: what is sent.
  ///   - from: the sender; of a message of a room the occupant, such as `coven@chat.example.org/thirdwitch`.
  ///   - delayedAt: when it was first sent, if its delivery was delayed (XEP-0203). Default `nil`: it was not.
  ///   - stanzaIds: the ids that archives have assigned (XEP-0359). Default: none.
  /// - Throws: `SnapbackError.badXml` if an extension of the message is not one well-formed element.
  public init(
    _ message: Snapback.Message, from: Snapback.Jid, delayedAt: Date? = nil, stanzaIds: [Snapback.StanzaId] = []
  ) throws {
    let written = Written(message, from: from, delayedAt: delayedAt, stanzaIds: stanzaIds)
    self.init(try written.stanza(), written.content)
  }

  /// Creates a chat message with a text, from and to addresses that are given as text.
  ///
  /// - Throws: `SnapbackError.invalidJid(_:)` if one of them is not a JID.
  public init(from: String, to: String, _ body: String) throws {
    try self.init(Snapback.Message(to: Snapback.Jid(to), body: body), from: Snapback.Jid(from))
  }
}

extension ReceivedPresence {
  /// Creates the presence of a contact.
  ///
  /// - Parameters:
  ///   - from: the contact.
  ///   - type: the attribute `type`; `nil` (default) means available.
  ///   - show: how the contact is available.
  ///   - status: a text for people.
  ///   - children: further children, such as those of a room (XEP-0045).
  /// - Throws: `SnapbackError.badXml` if a child cannot be written.
  public init(
    from: Snapback.Jid, type: PresenceType? = nil, show: PresenceShow? = nil, status: String? = nil,
    children: [Element] = []
  ) throws {
    let attributes = [("from", from.description), ("type", type?.rawValue)].compactMap(Element.Attribute.optional)
    let texts = [("show", show?.rawValue), ("status", status)].compactMap(Element.text)
    let element = Element(
      "presence", namespace: Element.clientNamespace, attributes: attributes, children: texts + children)
    self.init(from: .named(from), type: type, show: show, status: status, xml: try element.xml())
  }
}

extension Element.Attribute {
  fileprivate static func optional(_ name: String, _ value: String?) -> Self? {
    value.map { Self(name, $0) }
  }
}

extension Element {
  fileprivate static func text(_ name: String, _ text: String?) -> Element? {
    text.map { Element(name, namespace: clientNamespace, text: $0) }
  }

  fileprivate static func withId(_ name: String, _ namespace: String, _ id: String?) -> Element? {
    id.map { Element(name, namespace: namespace, attributes: [.init("id", $0)]) }
  }
}

/// A message as its receiver sees it.
struct Written {
  private static let receipts = "urn:xmpp:receipts"
  private static let markers = "urn:xmpp:chat-markers:0"
  private static let reply = "urn:xmpp:reply:0"
  private static let xml = "http://www.w3.org/XML/1998/namespace"

  let message: Snapback.Message
  let from: Snapback.Jid
  let delayedAt: Date?
  let stanzaIds: [Snapback.StanzaId]

  init(_ message: Snapback.Message, from: Snapback.Jid, delayedAt: Date? = nil, stanzaIds: [Snapback.StanzaId] = []) {
    self.message = message
    self.from = from
    self.delayedAt = delayedAt
    self.stanzaIds = stanzaIds
  }

  /// What clients show that do not support replies (XEP-0461 section 3.1).
  private var quotation: String {
    message.quote.map { $0.components(separatedBy: "\n").map { "> \($0)\n" }.joined() } ?? ""
  }

  private var body: String? {
    if message.quote == nil { message.body } else { quotation + (message.body ?? "") }
  }

  func stanza() throws -> Stanza {
    Stanza(
      from: .named(jid: from.core), to: .named(jid: message.to.core), id: message.id, kind: message.type.rawValue,
      body: body, subject: message.subject, thread: message.thread, show: nil, status: nil,
      delayedAtMs: delayedAt.map { Int64($0.timeIntervalSince1970 * 1000) }, originId: nil, xml: try element().xml())
  }

  func element() throws -> Element {
    let attributes: [(String, String?)] = [
      ("from", from.description), ("to", message.to.description), ("id", message.id), ("type", message.type.rawValue),
    ]
    var children = [("subject", message.subject), ("body", body), ("thread", message.thread)].compactMap(Element.text)
    for translation in message.translations {
      let language = translation.language.map { Element.Attribute("lang", $0, namespace: Self.xml) }
      children.append(
        Element(
          "body", namespace: Element.clientNamespace, attributes: [language].compactMap { $0 },
          text: translation.text))
    }
    children += payloads + (try message.extensions.map { try Element(xml: $0) }) + message.children
    return Element(
      "message", namespace: Element.clientNamespace,
      attributes: attributes.compactMap(Element.Attribute.optional), children: children)
  }

  private var payloads: [Element] {
    var payloads = [
      message.chatState.map { Element("\($0)", namespace: "http://jabber.org/protocol/chatstates") },
      message.requestReceipt ? Element("request", namespace: Self.receipts) : nil,
      .withId("received", Self.receipts, message.receiptOf),
      message.markable ? Element("markable", namespace: Self.markers) : nil,
      .withId("displayed", Self.markers, message.displayed),
      .withId("replace", "urn:xmpp:message-correct:0", message.corrects),
      .withId("retract", "urn:xmpp:message-retract:1", message.retracts),
      reactions,
    ].compactMap { $0 }
    payloads += replies + files + hintElements
    payloads += stanzaIds.map {
      Element(
        "stanza-id", namespace: "urn:xmpp:sid:0", attributes: [.init("id", $0.id), .init("by", $0.by.description)])
    }
    if let delayedAt {
      let stamp = ISO8601DateFormatter().string(from: delayedAt)
      payloads.append(Element("delay", namespace: "urn:xmpp:delay", attributes: [.init("stamp", stamp)]))
    }
    return payloads
  }

  private var reactions: Element? {
    message.reactions.map { reactions in
      let namespace = "urn:xmpp:reactions:0"
      let emojis = reactions.emojis.map { Element("reaction", namespace: namespace, text: $0) }
      return Element(
        "reactions", namespace: namespace, attributes: [.init("id", reactions.id)], children: emojis)
    }
  }

  private var replies: [Element] {
    guard let reply = message.reply else { return [] }
    let attributes = [("id", reply.id), ("to", reply.to?.description)].compactMap(Element.Attribute.optional)
    let element = Element("reply", namespace: Self.reply, attributes: attributes)
    guard message.quote != nil else { return [element] }
    let fallback = "urn:xmpp:fallback:0"
    let range = Element(
      "body", namespace: fallback,
      attributes: [.init("start", "0"), .init("end", "\(quotation.unicodeScalars.count)")])
    return [
      element, Element("fallback", namespace: fallback, attributes: [.init("for", Self.reply)], children: [range]),
    ]
  }

  private var files: [Element] {
    let namespace = "jabber:x:oob"
    return message.files.map { file in
      let texts = [("url", Optional(file.uri)), ("desc", file.description)]
      return Element(
        "x", namespace: namespace,
        children: texts.compactMap { name, text in text.map { Element(name, namespace: namespace, text: $0) } })
    }
  }

  private var hints: Hints {
    let isAboutAnother =
      message.reactions != nil || message.retracts != nil || message.receiptOf != nil || message.displayed != nil
    return message.hints ?? Hints(store: isAboutAnother)
  }

  private var hintElements: [Element] {
    let hints = hints
    let names = [
      ("no-permanent-store", hints.noPermanentStore), ("no-store", hints.noStore), ("no-copy", hints.noCopy),
      ("store", hints.store),
    ]
    return names.filter(\.1).map { Element($0.0, namespace: "urn:xmpp:hints") }
  }

  var content: MessageContent {
    let isOfRoom = message.type == .groupchat
    let key = MessageKey(
      kind: isOfRoom ? .room : .contact, conversation: from.bare.description,
      sender: isOfRoom ? from.description : from.bare.description, occupantId: nil, id: message.id, originId: nil,
      roomId: isOfRoom ? stanzaIds.first { $0.by == from.bare }?.id : nil)
    return MessageContent(
      text: message.body, bodies: (body.map { [LocalizedText(language: nil, text: $0)] } ?? []) + message.translations,
      subjects: message.subject.map { [LocalizedText(language: nil, text: $0)] } ?? [], parentThread: nil,
      requestsReceipt: message.requestReceipt, receiptOf: message.receiptOf, isMarkable: message.markable,
      displayed: message.displayed, chatState: message.chatState, corrects: message.corrects,
      retracts: message.retracts, tombstone: nil, reactions: message.reactions,
      reply: message.reply.map { CoreReply(id: $0.id, to: $0.to?.description) }, files: message.files, hints: hints,
      stanzaIds: stanzaIds.map { CoreStanzaId(id: $0.id, by: $0.by.description) }, error: nil, problems: [],
      key: message.type == .error ? nil : key, references: references)
  }

  private var references: [MessageReference] {
    let ids: [(ReferenceKind, String?)] = [
      (.receipt, message.receiptOf), (.displayed, message.displayed), (.correction, message.corrects),
      (.retraction, message.retracts), (.reactions, message.reactions?.id), (.reply, message.reply?.id),
    ]
    return ids.compactMap { kind, id in id.map { MessageReference(kind: kind, id: $0) } }
  }
}
