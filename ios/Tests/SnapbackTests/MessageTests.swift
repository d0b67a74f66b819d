import Foundation
import Snapback
import Testing

/// Elements, and typed messages in both directions.
@Suite struct MessageTests {
  private static let muc = "http://jabber.org/protocol/muc"

  @Test func anElementIsBuiltWrittenAndParsed() throws {
    let history = Element("history", namespace: Self.muc, attributes: [.init("maxstanzas", "0")])
    let join = Element(
      "x", namespace: Self.muc, attributes: [.init("a", "'\"<&>\n")],
      nodes: [.element(history), .text("1 < 2"), .element(Element("y", namespace: "urn:y"))])
    let parsed = try Element(xml: join.xml())
    #expect(parsed == join)
    #expect(parsed.attribute("a") == "'\"<&>\n" && parsed.text == "1 < 2")
    #expect(parsed.find("history")?.attribute("maxstanzas") == "0")
    #expect(parsed.find("y") == nil && parsed.find("y", namespace: "urn:y") != nil)
    #expect(!"\(join)".contains("1 < 2"))
    let text = "<a b=\"c\" d='e'>&amp;"
    #expect(try Element(xml: "<x>\(Element.escaped(text))</x>").text == text)
  }

  @Test func whatIsNoXmlIsRefused() {
    for xml in ["", "text", "<x>", "<x/><y/>", "<p:x/>"] {
      #expect(throws: SnapbackError.badXml) { try Element(xml: xml) }
    }
    for name in ["", "a b", "a:b", "><"] {
      #expect(throws: SnapbackError.badXml) { try Element(name, namespace: Self.muc).xml() }
    }
    let moved = Element("x", namespace: Self.muc, attributes: [.init("xmlns", "urn:y")])
    #expect(throws: SnapbackError.badXml) { try moved.xml() }
    let deep = (1...100).reduce(Element("x", namespace: Self.muc)) { inner, _ in
      Element("x", namespace: Self.muc, children: [inner])
    }
    #expect(throws: SnapbackError.tooComplex(limit: "depth")) { try deep.xml() }
  }

  @Test func aReceivedMessageIsTyped() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    try await world.obey(
      "message",
      [
        "inside": """
        <reply xmlns='urn:xmpp:reply:0' id='q1' to='juliet@localhost'/>\
        <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>\
        <request xmlns='urn:xmpp:receipts'/><replace xmlns='urn:xmpp:message-correct:0' id='r0'/>\
        <reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👍</reaction><reaction> 👍 </reaction></reactions>\
        <x xmlns='jabber:x:oob'><url>https://example.org/a.jpg</url></x><store xmlns='urn:xmpp:hints'/>\
        <active xmlns='http://jabber.org/protocol/chatstates'/><retract xmlns='urn:xmpp:message-retract:1'/>\
        <mine xmlns='urn:example' a='1'/>
        """
      ])
    let message = try await client.message().content
    #expect(message.body == "what a contact made" && message.text == "a contact made")
    let juliet = try Jid(World.juliet)
    #expect(message.reply == Reply(id: "q1", to: juliet))
    #expect(message.reactions?.id == "m" && message.reactions?.emojis == ["👍"])
    #expect(message.files.map(\.uri) == ["https://example.org/a.jpg"])
    #expect(message.chatState == .active && message.corrects == "r0")
    #expect(message.requestsReceipt && message.hints.store && message.retracts == nil)
    #expect(message.problems.map(\.name) == ["retract"])
    #expect(message.element.find("mine", namespace: "urn:example")?.attribute("a") == "1")
    #expect(!"\(message)".contains("contact"))

    let key = try #require(message.key)
    let original = MessageKey(
      kind: .contact, conversation: key.conversation, sender: key.sender, occupantId: nil, id: "r0", originId: nil,
      roomId: nil)
    let another = MessageKey(
      kind: .contact, conversation: key.conversation, sender: World.juliet, occupantId: nil, id: "r0", originId: nil,
      roomId: nil)
    let correction = try #require(message.references.first { $0.kind == .correction })
    #expect(key.refers(correction, to: original) == .holds)
    #expect(key.refers(correction, to: another) == .otherSender)
    #expect(key.refers(correction, to: key) == .otherMessage)
    await client.shutdown()
  }

  @Test(arguments: [(ReceiptPolicy.everyone, 1), (.never, 0)])
  func aConfirmedMessageGetsItsReceiptAndAChatStateIsSentAtOnceOrNever(
    _ policy: ReceiptPolicy, _ receipts: Int
  ) async throws {
    let world = try await World()
    let client = try await world.client { $0.receipts = policy }
    var typing = Message(to: try Jid(World.romeo))
    typing.chatState = .composing
    await #expect(throws: SnapbackError.sendFailed(.notOnline)) { try await client.send(typing).acked() }
    client.connect()
    _ = try await client.online()
    try await world.obey("message", ["inside": "<request xmlns='urn:xmpp:receipts'/>"])
    _ = try await client.message()
    do {
      try await client.send(typing).ackedInTime()
    } catch SnapbackError.sendFailed(.refused) {
      // Without a body, the server refuses it for a recipient who is offline: that may come before the acknowledgement.
    }
    try await client.send(to: World.romeo, "last").ackedInTime()
    // The receipt has no body, and neither has the chat state. The receipt is sent beside the others.
    let expected = Array(repeating: "", count: receipts + 1) + ["last"]
    try await withTimeout("the messages") {
      while try await world.received().count < expected.count { try await Task.sleep(for: .milliseconds(10)) }
    }
    #expect(try await world.received().map(\.body).sorted() == expected)
    await client.shutdown()
  }

  @Test func aTypedMessageIsSent() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    let me = try #require(try await client.online().jid)
    let romeo = try Jid(World.romeo)
    var message = Message(to: romeo, body: "yes")
    message.reply = Reply(id: "m1", to: romeo)
    message.quote = "Hi 😀,\nare you there?"
    message.requestReceipt = true
    message.chatState = .active
    message.children = [Element("mine", namespace: "urn:example", text: "<")]
    try await client.send(message).ackedInTime()
    #expect(try await world.received().map(\.body) == ["> Hi 😀,\n> are you there?\nyes"])
    var empty = Message(to: romeo)
    empty.corrects = ""
    await #expect(throws: SnapbackError.badContent(problem: "the id of the corrected message is empty or too long")) {
      try await client.send(empty)
    }
    let join = Element("x", namespace: Self.muc, children: [Element("history", namespace: Self.muc)])
    try await client.sendPresence(to: me, children: [join]).ackedInTime()
    let seen = try await client.first("the presence") { event -> Element? in
      guard case .presence(let delivery) = event else { return nil }
      delivery.confirm()
      return delivery.content.element.find("x", namespace: Self.muc)
    }
    #expect(seen == join)
    let info = try await client.iq(.get, Element("query", namespace: "http://jabber.org/protocol/disco#info"))
    #expect(info.element?.name == "query")
    await client.shutdown()
  }
}
