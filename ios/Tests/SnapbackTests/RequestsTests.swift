import Foundation
import Snapback
import Testing

/// Requests of other entities, and typed requests to them.
@Suite struct RequestsTests {
  private static let version = "jabber:iq:version"

  @Test func theAppAnswersTheRequestsThatItHandles() async throws {
    let world = try await World()
    let app = try await world.client { $0.identity.requests = [Self.version, "urn:example:unhandled"] }
    try app.onRequest(Self.version) { request in
      #expect(!request.isSet && request.from.jid?.bare.description == World.juliet)
      let name = Element("name", namespace: Self.version, nodes: [.text("Balcony & <Co>")])
      return .result(Element("query", namespace: Self.version, children: [name]))
    }
    #expect(throws: SnapbackError.configuration(setting: "identity.requests")) {
      try app.onRequest("urn:example:other") { _ in .result(nil) }
    }
    app.connect()
    let address = try #require(try await app.online().jid)
    let other = try await world.client()
    other.connect()
    _ = try await other.online()
    let query = Element("query", namespace: Self.version)
    let answer = try await other.iq(.get, query, to: address)
    let payload = try Element(xml: try #require(answer.payload))
    #expect(payload.find("name")?.text == "Balcony & <Co>")
    let info = try await other.discovery.info(of: address)
    #expect(info.features.contains(Self.version) && info.identities.map(\.category) == ["client"])

    try app.onRequest(Self.version) { _ in .refused(condition: "forbidden", type: .auth, text: "not for you") }
    #expect(await refusal { _ = try await other.iq(.get, query, to: address) } == "forbidden")
    try app.onRequest(Self.version) { _ in throw CocoaError(.featureUnsupported) }
    #expect(await refusal { _ = try await other.iq(.get, query, to: address) } == "internal-server-error")
    let unhandled = Element("q", namespace: "urn:example:unhandled")
    #expect(await refusal { _ = try await other.iq(.get, unhandled, to: address) } == "service-unavailable")
    await app.shutdown()
    await other.shutdown()
  }

  @Test func requestsToServicesAreTyped() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    let romeo = try Jid(World.romeo)
    let server = try Jid("localhost")
    #expect(await refusal { _ = try await client.blocking.block(romeo) } == "service-unavailable")
    #expect(try await client.uploads.service() == nil)
    #expect(try await client.discovery.items(of: server) == [])
    #expect(await refusal { _ = try await client.nodes.items(of: "urn:example") } == "service-unavailable")
    #expect(await refusal { _ = try await client.account.changePassword("x") } == "service-unavailable")
    try await client.subscriptions.request(to: romeo, nick: "Juliet")
    try await world.obey(
      "message",
      ["inside": "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:example'/></event>"])
    // Of a client of a contact, and not of the contact's account.
    #expect(client.nodeEvent(in: try await client.message().content) == nil)
    await client.shutdown()
  }

  @Test func aCancelledRequestEndsAtOnce() async throws {
    let world = try await World()
    let client = try await world.client()
    // Never connected: there is no answer.
    let request = Task { try await client.blocking.list() }
    request.cancel()
    await #expect(throws: CancellationError.self) { try await request.value }
    await client.shutdown()
  }

  /// Returns the condition with which a request is refused.
  private func refusal(_ request: () async throws -> Void) async -> String? {
    do {
      try await request()
    } catch SnapbackError.refused(_, let condition, _, _) {
      return condition
    } catch {
      Issue.record(error)
    }
    return nil
  }
}
