import Foundation
import Snapback
import SnapbackFFI

/// A server and a network for the tests and previews of an app: it plays what the test scripts, to a real
/// `SnapbackClient`.
///
/// ```swift
/// import Snapback
/// import SnapbackTesting
///
/// let fake = try FakeSnapback("juliet@example.org")
/// fake.goOnline()
/// try fake.receive(from: "romeo@example.net", "hello")
/// try await fake.client.send(to: "romeo@example.net", "Hail").acked()
/// print(fake.sentMessages.map(\.body))  // [Optional("Hail")]
/// ```
///
/// The fake stands below ``client``, in place of the core: the event queue, the deliveries and their confirmation, the
/// stages of sent stanzas, the states and the rooms are those of the library. There is no socket, no file and no
/// Keychain, and no time passes: what a method of the fake causes has been told to the client when it returns. The app
/// receives it when it iterates the events; ``untilConfirmed(_:)`` and ``nextSent()`` wait for what the app does then.
///
/// All methods may be called on any thread or actor.
public final class FakeSnapback: Sendable {
  let shared: Locked<State>
  private let configuration: Configuration
  private let clients: Locked<SnapbackClient>

  /// Creates the account, with a client that is open and not connected.
  ///
  /// - Parameters:
  ///   - account: the bare JID of the account.
  ///   - configuration: only `Identity.requests` and `Configuration.resource` are used.
  /// - Throws: `SnapbackError.invalidJid(_:)` if the account is not a JID.
  public init(_ account: String, configuration: Configuration = Configuration()) throws {
    let jid = try Snapback.Jid(account)
    var configuration = configuration
    configuration.networkMonitor = nil
    configuration.nameResolver = nil
    configuration.connector = nil
    let shared = Locked(State(try Snapback.Jid("\(jid.bare)/\(configuration.resource)")))
    self.shared = shared
    self.configuration = configuration
    clients = Locked(Self.client(shared, configuration))
  }

  private static func client(_ state: Locked<State>, _ configuration: Configuration) -> SnapbackClient {
    SnapbackClient(
      core: FakeCore(state, answering: configuration.identity.requests), provider: nil, configuration: configuration)
  }

  /// The client of the app. After ``restart()``, another one.
  public var client: SnapbackClient { clients.withLock { $0 } }

  /// The bare JID of the account.
  public var account: Snapback.Jid { shared.withLock { $0.full.bare } }

  // MARK: Connection

  /// Makes the server reachable and connects, as if the app had called `connect()`. The session is a new one, or the
  /// interrupted one is resumed (XEP-0198). What waits on either side is sent then, and the client has caught up.
  public func goOnline() {
    shared.withLock { state in
      state.isReachable = true
      state.isWanted = true
      state.isPaused = false
      state.isRefused = false
      state.attempt()
    }
  }

  /// Makes the server reachable, without connecting: the client connects when the app calls `connect()`, or at once if
  /// it has done so.
  public func beReachable() {
    shared.withLock { state in
      state.isReachable = true
      state.attempt()
    }
  }

  /// Breaks the connection, as when a phone loses its network. The server keeps the session, and is not reachable until
  /// ``resume()``, ``newSession()``, ``goOnline()`` or ``beReachable()``.
  public func cut() {
    shared.withLock { state in
      state.isReachable = false
      if state.isOnline { state.end(.transportClosed, .failed, retryable: true) }
    }
  }

  /// Mends the connection and resumes the session. Without an interrupted session it is a new one.
  public func resume() { goOnline() }

  /// Breaks the connection if there is one, and connects with a new session, as after the server has forgotten the old
  /// one: what was sent and not acknowledged is sent again, and rooms are joined again.
  public func newSession() {
    cut()
    shared.withLock { $0.endSession() }
    goOnline()
  }

  /// Refuses the login, as with a wrong password: the client ends with `needsCredentials` and stays offline until the app
  /// calls `setPassword` and the server is reachable, or the test calls ``goOnline()``.
  public func refuseLogin() {
    shared.withLock { state in
      state.isWanted = true
      state.isRefused = true
      state.endSession()
      state.end(
        .loginRefused(condition: "not-authorized", text: nil), .needsCredentials, retryable: false,
        needsCredentials: true)
    }
  }

  /// Closes the client, and opens another one with the same store, as in a new process: deliveries that were not
  /// confirmed come again with the same ids, and stanzas that were not acknowledged are sent. The session can be
  /// resumed. The new client is not connected, and has joined no room.
  @discardableResult
  public func restart() -> SnapbackClient {
    client.close()
    shared.withLock { $0.restart() }
    let next = Self.client(shared, configuration)
    clients.withLock { $0 = next }
    return next
  }

  /// Scripts the result of background syncs (`drain(deadline:mayBind:)`). `nil`, as from the beginning: a sync connects
  /// if the server is reachable and there is a session or it may bind, and is complete; it does not wait for the
  /// deadline otherwise.
  public func setDrainReport(_ report: DrainReport?) {
    shared.withLock { $0.drainReport = report }
  }

  /// Makes the next call of the client that can throw fail with this error. Called more than once, the errors are used
  /// in this order.
  public func failNext(_ error: SnapbackError) {
    shared.withLock { $0.failures.append(error) }
  }

  // MARK: What arrives

  /// Delivers a chat message of a contact. Returns the id of the delivery.
  ///
  /// - Throws: `SnapbackError.invalidJid(_:)` if the text is not a JID.
  @discardableResult
  public func receive(from: String, _ body: String) throws -> String {
    var message = Snapback.Message(to: account, body: body)
    message.id = UUID().uuidString
    return try receive(message, from: Snapback.Jid(from))
  }

  /// Delivers a message of a contact with all its payloads, such as a chat state, a correction or a delivery receipt.
  /// Its recipient is the account. Without a connection it is delivered at the beginning of the next one.
  ///
  /// - Throws: `SnapbackError.badXml` if an extension of the message is not one well-formed element.
  @discardableResult
  public func receive(_ message: Snapback.Message, from: Snapback.Jid) throws -> String {
    var message = message
    message.to = account
    let received = try ReceivedMessage(message, from: from)
    let isArchived = message.body != nil
    return deliver(received, isArchived: isArchived) { id in
      .message(deliveryId: id, stanza: received.stanza, content: received.content, possibleDuplicateOf: nil)
    }
  }

  /// Delivers the copy of a message that another client of the account has sent (XEP-0280).
  @discardableResult
  public func receiveCarbon(_ message: Snapback.Message) throws -> String {
    let other = try Snapback.Jid("\(account)/other")
    let sent = try ReceivedMessage(message, from: other)
    return deliver(sent, isArchived: message.body != nil) { id in
      .carbon(
        deliveryId: id, direction: .sent, stanza: sent.stanza, content: sent.content, possibleDuplicateOf: nil)
    }
  }

  private func deliver(
    _ message: ReceivedMessage, isArchived: Bool, _ event: (String) -> CoreEvent
  ) -> String {
    shared.withLock { state in
      let id = "delivery-\(state.number())"
      if isArchived { state.archive(message, in: nil) }
      state.receive(event(id))
      return id
    }
  }

  /// Delivers a presence. Returns the id of the delivery.
  @discardableResult
  public func receive(_ presence: ReceivedPresence) -> String {
    shared.withLock { state in
      let id = "delivery-\(state.number())"
      state.receive(.presence(deliveryId: id, stanza: presence.stanza))
      return id
    }
  }

  /// The deliveries that the app has received and not confirmed, by their ids.
  public var unconfirmed: [String] { shared.withLock { $0.unconfirmed.map(\.id) } }

  /// Waits until the app has confirmed this delivery, or the task is cancelled.
  public func untilConfirmed(_ id: String) async {
    let waiting: AsyncStream<Void>? = shared.withLock { state in
      let isOpen = state.unconfirmed.contains { $0.id == id } || state.held.contains { $0.deliveryId == id }
      return isOpen ? state.waitingForConfirmation[id, default: Waiting()].wait() : nil
    }
    guard let waiting else { return }
    for await _ in waiting {}
  }

  /// Sends a request of another entity to the app (RFC 6120 section 8.2.3), and returns what its handler answers.
  ///
  /// - Parameters:
  ///   - payload: the payload, whose namespace chooses the handler.
  ///   - from: the requesting entity.
  ///   - isSet: whether it asks for a change. Default: `false`.
  /// - Throws: `SnapbackError.closed` if the client is closed before it has answered.
  public func request(_ payload: Element, from: Snapback.Jid, isSet: Bool = false) async throws -> RequestAnswer {
    let xml = try payload.xml()
    return try await withCheckedThrowingContinuation { continuation in
      let isOpen = shared.withLock { state in
        guard state.isOpen else { return false }
        let number = state.number()
        state.openRequests[number] = continuation
        state.outlet.requests.put(
          CoreInboundRequest(
            number: number, from: .named(jid: from.core), isSet: isSet, namespace: payload.namespace, payload: xml))
        return true
      }
      if !isOpen { continuation.resume(throwing: SnapbackError.closed) }
    }
  }
}
