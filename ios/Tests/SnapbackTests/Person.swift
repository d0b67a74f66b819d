import Foundation
import Snapback

/// A person of a day: an app, and what its client has reported.
final class Person: Sendable {
  let name: String
  let jid: Jid
  let client: SnapbackClient
  private let shown = Guarded(Shown())
  private let listening: Task<Void, Never>

  struct Shown {
    /// Messages of others, each delivery once.
    var messages: [(deliveryId: String, message: ReceivedMessage)] = []
    /// Sessions that no step has asked about yet.
    var sessions: [SessionOutcome] = []
    /// The address of the last session.
    var fullJid: Jid?
    var present: Set<Jid> = []
    var asking: Set<Jid> = []
    var acked: Set<String> = []
    var isPushEnabled = false
    /// Push notifications that no step has asked about yet.
    var notifications = 0

    func withText(_ text: String) -> [ReceivedMessage] {
      messages.map(\.message).filter { $0.body == text }
    }
  }

  /// What a push notification is (XEP-0357 section 7).
  private static let pubsub = "http://jabber.org/protocol/pubsub"

  init(_ world: World, name: String, port: UInt16) async throws {
    let account = world.ready.accounts.first { $0.jid.hasPrefix("\(name)@") }
    guard let account else { throw Day.Failed(description: "no account \(name)") }
    var configuration = world.configuration()
    configuration.servers = [ServerAddress(host: world.ready.host, port: port)]
    configuration.identity.requests = [Self.pubsub]
    self.name = name
    jid = try Jid(account.jid)
    client = try await SnapbackClient.open(account.jid, password: account.password, configuration: configuration)
    let (shown, events) = (shown, client.events)
    try client.onRequest(Self.pubsub) { request in
      if request.isSet, request.payload.name == "pubsub" { shown.withLock { $0.notifications += 1 } }
      return .result(nil)
    }
    listening = Task {
      for await event in events {
        event.delivery?.confirm()
        shown.withLock { $0.take(event) }
      }
    }
  }

  var fullJid: Jid? { shown.withLock { $0.fullJid } }

  /// Waits until there is a result.
  func until<T: Sendable>(_ result: @escaping @Sendable (inout Shown) -> T?) async throws -> T {
    try await withTimeout("what \(name) is shown") { [shown] in
      while true {
        if let found = shown.withLock({ result(&$0) }) { return found }
        try await Task.sleep(nanoseconds: 10_000_000)
      }
    }
  }

  /// Waits until the condition is true.
  func until(is condition: @escaping @Sendable (Shown) -> Bool) async throws {
    try await until { condition($0) ? () : nil }
  }

  func nextSession() async throws -> SessionOutcome {
    try await until { $0.sessions.isEmpty ? nil : $0.sessions.removeFirst() }
  }

  /// As the push service.
  func nextNotification() async throws {
    try await until { shown -> Void? in
      guard shown.notifications > 0 else { return nil }
      shown.notifications -= 1
      return ()
    }
  }

  func count(_ text: String) -> Int { shown.withLock { $0.withText(text).count } }

  func end() async {
    await client.shutdown()
    await listening.value
  }
}

extension Person.Shown {
  fileprivate mutating func take(_ event: Event) {
    switch event {
    case .online(let online):
      sessions.append(online.outcome)
      fullJid = online.jid
    case .message(let delivery):
      guard !messages.contains(where: { $0.deliveryId == delivery.deliveryId }) else { return }
      messages.append((delivery.deliveryId, delivery.content))
    case .presence(let delivery):
      let presence = delivery.content
      if let notice = presence.subscription, notice.step == .requested {
        asking.insert(notice.contact.bare)
      } else if presence.type == nil, let from = presence.from.jid {
        present.insert(from.bare)
      }
    case .stageReached(let id, .acked): acked.insert(id)
    case .pushEnabled: isPushEnabled = true
    default: break
    }
  }
}
