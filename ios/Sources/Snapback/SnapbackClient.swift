import Foundation
import SnapbackFFI

/// An account that is kept online.
///
/// ```swift
/// let client = try await SnapbackClient.open("juliet@example.org", password: "password")
/// client.connect()
/// try await client.send(to: "romeo@example.net", "Wherefore art thou?")
/// for await event in client.events {
///   if case .online(let online) = event {
///     print("\(online.outcome) after \(online.timeline.roundTrips) round trips")
///   }
///   event.delivery?.confirm()  // or it comes again
/// }
/// ```
///
/// Everything may be called from any thread or actor; nothing blocks. Cancelling a task that waits here ends the waiting
/// and does the client no harm. Letting go of the last reference closes the client.
public final class SnapbackClient: Sendable {
  /// So many events wait in Swift; more wait in the core.
  static let eventsHeld = 64
  /// While a stage of a stanza is waited for: at most as many as the core holds before it stops reading.
  static let eventsHeldForStages = 1024
  /// And at most so many bytes, as in the core.
  private static let bytesHeld = 8 << 20
  /// So many cross the bridge at once.
  private static let eventsAtOnce: UInt32 = 64

  let core: CoreClient
  let queue: EventQueue<Event>
  private let hub: StateHub
  private let drains = Drains()
  private let tracker: Tracker
  private let pumps: [Task<Void, Never>]
  private let observation: (any NetworkObservation)?

  /// What was found in the store when it was opened: nothing to speak of, as a rule.
  public let openReport: OpenReport

  /// Opens a client. Nothing is connected yet.
  ///
  /// - Parameters:
  ///   - account: its bare address, `juliet@example.org`.
  ///   - password: `nil` if a token in the store has to do.
  ///   - configuration: how it is to be kept online.
  /// - Throws: ``SnapbackError`` that says what cannot be used, or `CancellationError`.
  public static func open(
    _ account: String, password: String?, configuration: Configuration = Configuration()
  ) async throws -> SnapbackClient {
    try Task.checkCancellation()
    let core = try await SnapbackError.translating {
      let config = configuration.core(account: account)
      guard let password else { return try await CoreClient.openWithoutPassword(config: config) }
      return try await CoreClient.open(config: config, password: password)
    }
    let client = SnapbackClient(core: core, configuration: configuration)
    if Task.isCancelled {
      await client.shutdown()
      throw CancellationError()
    }
    return client
  }

  private init(core: CoreClient, configuration: Configuration) {
    let queue = EventQueue<Event>(
      capacity: Self.eventsHeld, wideCapacity: Self.eventsHeldForStages, bytes: Self.bytesHeld, size: { $0.size })
    let hub = StateHub(ConnectionState(core.state()))
    let tracker = Tracker(queue)
    self.core = core
    self.tracker = tracker
    self.queue = queue
    self.hub = hub
    openReport = core.openReport()
    // They hold the core and not the client: the client can go, and the core's end is theirs.
    var pumps = [
      Task { await Self.pumpEvents(of: core, into: queue, tracker) },
      Task { await Self.pumpStates(of: core, into: hub) },
    ]
    if let resolver = configuration.srvResolver {
      pumps.append(Task { await Self.pumpQueries(of: core, to: resolver) })
    }
    self.pumps = pumps
    observation = configuration.networkMonitor?.observe { core.networkChanged(network: $0) }
  }

  deinit {
    close()
  }

  /// Where the connection stands now. True whether or not anybody takes ``events``.
  public var state: ConnectionState { ConnectionState(core.state()) }

  /// The same as a sequence: the state that holds now, then each that follows.
  public var states: ConnectionStates { ConnectionStates(hub: hub) }

  /// What happens, in order.
  public var events: Events { Events(queue: queue) }

  /// Connects, and stays connected: after each break the client reconnects by itself. Again, it means: now, please. A client
  /// that was paused goes on.
  public func connect() {
    core.connect()
  }

  /// Ends the session and the stream cleanly; comes back when that is done.
  public func disconnect() async throws {
    try await SnapbackError.translating { try await core.disconnect() }
  }

  /// Logs the user out: ends the session, turns the FAST token in and forgets what could log in again.
  public func logOut() async throws {
    try await SnapbackError.translating { try await core.logOut() }
  }

  /// The network came, went or changed; the client looks after its connection at once. The network monitor of the
  /// configuration says this by itself.
  public func networkChanged(_ network: NetworkState) {
    core.networkChanged(network: network)
  }

  /// The app moved to the foreground or the background (XEP-0352). In the foreground a paused client goes on.
  public func setForeground(_ foreground: Bool) {
    core.setForeground(foreground: foreground)
  }

  /// Lets go of everything, the file included, before the process is frozen; comes back when nothing is held any more.
  /// The session stays alive on the server, and ``resume()`` or ``connect()`` go on with it. Not ended by cancelling: what is half
  /// closed helps nobody.
  public func pause() async throws {
    try await SnapbackError.translating { try await core.suspend() }
  }

  /// Goes on after ``pause()``.
  public func resume() {
    core.resume()
  }

  /// A short visit, as after a push: resumes the session, and comes back when all that the server had for us was taken from
  /// ``events`` or the deadline has come. A client that was woken for it is paused again by then; one that the app uses, or
  /// comes to use meanwhile, stays as it is. A new session is never begun: without one to resume the outcome is `offline` with
  /// the reason `noSession`. If the task is cancelled, the visit ends at once and throws.
  public func drain(deadline: Date) async throws -> DrainOutcome {
    drains.begin()
    defer { drains.end() }
    let visit = core.visit()
    let cancellation = Cancellation()
    let done: Result<DrainOutcome?, any Error>
    do {
      done = .success(
        try await withTaskCancellationHandler {
          try await drain(visit, deadline, cancellation)
        } onCancel: {
          cancellation.cancel()
        })
    } catch {
      done = .failure(error)
    }
    // Whatever came of it, nothing is held behind this; a client that is closed holds nothing anyway.
    try? await visit.end()
    guard let outcome = try done.get(), !Task.isCancelled else { throw CancellationError() }
    return outcome
  }

  /// Nothing if it was cancelled.
  private func drain(_ visit: CoreVisit, _ deadline: Date, _ cancellation: Cancellation) async throws -> DrainOutcome? {
    try await SnapbackError.translating {
      let outcome = try await visit.drainUntil(
        timeoutMs: Milliseconds.of(deadline.timeIntervalSinceNow), cancellation: cancellation)
      guard outcome == .complete else { return outcome }
      // What was received has passed the core; the app may still be at it.
      return await taken(before: deadline) ? .complete : .timedOut
    }
  }

  func untilDrained() async {
    await drains.untilNone()
  }

  /// Allows the next logins to be weaker than those before. Ask the user first: this is what somebody in between would
  /// want.
  public func forgetLoginFloor() {
    core.forgetLoginFloor()
  }

  /// The account's password has changed: the next login uses this one. A session that is there stays. A client that is offline
  /// because credentials were refused or missing connects again. The password is not stored.
  public func setPassword(_ password: String) {
    core.setPassword(password: password)
  }

  /// Ends the client, at once: what waits for it gets ``SnapbackError/closed``, the sequences end, and the connection is
  /// dropped without a goodbye, so that the session can be resumed. Harmless the second time. The file is let go of
  /// shortly after; where that matters, use ``shutdown()``.
  public func close() {
    observation?.cancel()
    core.end()
    // Whoever holds the last events back must not hold up the end.
    queue.end()
  }

  /// ``pause()`` and ``close()``: when it comes back, nothing is held any more. Harmless the second time.
  public func shutdown() async {
    // A client that is closed has nothing to pause.
    try? await pause()
    close()
    for pump in pumps { await pump.value }
  }
}

// MARK: - Stanzas

extension SnapbackClient {
  /// Sends a chat message; comes back when it is stored. It is sent, and sent again, until the server has it.
  ///
  /// - Throws: ``SnapbackError/queueFull(limit:)`` if too many wait already.
  @discardableResult
  public func send(to: Jid, _ body: String) async throws -> SentStanza {
    try await send(Message(to: to, body: body))
  }

  /// The same to an address that is still a text.
  @discardableResult
  public func send(to: String, _ body: String) async throws -> SentStanza {
    try await send(to: Jid(to), body)
  }

  /// Sends a message of any kind. If the task is cancelled before the message is stored, it is either not sent, or its
  /// id is returned all the same.
  @discardableResult
  public func send(_ message: Message) async throws -> SentStanza {
    let id = if let id = message.id { id } else { try await newId() }
    return try await tracked(id) { [core] in
      try await core.sendMessage(
        message: OutgoingMessage(
          to: message.to.description,
          body: message.body,
          kind: message.type,
          id: id,
          thread: message.thread,
          extensions: message.extensions))
    }
  }

  /// Tells our presence, to everybody who may see it or to one alone. What everybody was told last is told again at the
  /// beginning of each new session, for as long as the process lives.
  ///
  /// - Parameters:
  ///   - to: whom it is for; `nil` means everybody who may see it.
  ///   - type: the attribute `type`, such as `unavailable` or `subscribe`; `nil` means available.
  ///   - show: `away`, `chat`, `dnd` or `xa`; `nil` for simply there.
  ///   - status: what is said about it, for people.
  ///   - priority: from -128 to 127; a server delivers messages to the highest (RFC 6121 section 4.7.2.3).
  ///   - extensions: further children, one XML element each: a room is joined with
  ///     `<x xmlns='http://jabber.org/protocol/muc'/>` to its address with a nick (XEP-0045).
  @discardableResult
  public func sendPresence(
    to: Jid? = nil, type: String? = nil, show: String? = nil, status: String? = nil, priority: Int8? = nil,
    extensions: [String] = []
  ) async throws -> SentStanza {
    let id = try await newId()
    return try await tracked(id) { [core] in
      try await core.sendPresence(
        presence: OutgoingPresence(
          to: to?.description,
          kind: type,
          id: id,
          show: show,
          status: status,
          priority: priority,
          extensions: extensions))
    }
  }

  /// Sends a request and waits for its answer, across reconnects as long as the session is resumed.
  ///
  /// - Parameters:
  ///   - type: whether it asks or changes something.
  ///   - payload: one XML element, such as `<query xmlns='jabber:iq:version'/>`.
  ///   - to: whom it is for; `nil` means our own account.
  ///   - timeout: how long to wait for the answer, in seconds.
  /// - Throws: ``SnapbackError/refused(type:condition:text:)`` if the other side refuses, `CancellationError` if the task
  ///   is cancelled; the request may have been carried out all the same.
  public func iq(
    _ type: IqType, _ payload: String, to: Jid? = nil, timeout: TimeInterval = 60
  ) async throws -> IqAnswer {
    try Task.checkCancellation()
    let request = IqRequest(
      kind: type, to: to?.description, payload: payload, timeoutMs: Milliseconds.of(timeout))
    let cancellation = Cancellation()
    let answer = try await withTaskCancellationHandler {
      try await SnapbackError.translating {
        try await core.iqUntil(request: request, cancellation: cancellation)
      }
    } onCancel: {
      cancellation.cancel()
    }
    guard let answer else { throw CancellationError() }
    return IqAnswer(answer)
  }

  /// The roster as it is stored, online or not.
  public func roster() async throws -> Roster {
    Roster(try await SnapbackError.translating { try await core.roster() })
  }

  /// Adds a contact to the roster, or changes one.
  public func setContact(_ jid: Jid, name: String? = nil, groups: [String] = []) async throws {
    try await changingContact { [core] cancellation in
      try await core.setContact(
        jid: jid.description, name: name, groups: groups, cancellation: cancellation)
    }
  }

  /// Removes a contact from the roster, and ends that each sees the other.
  public func removeContact(_ jid: Jid) async throws {
    try await changingContact { [core] cancellation in
      try await core.removeContact(jid: jid.description, cancellation: cancellation)
    }
  }

  private func changingContact(_ change: @Sendable (Cancellation) async throws -> Bool) async throws {
    try Task.checkCancellation()
    let cancellation = Cancellation()
    let isDone = try await withTaskCancellationHandler {
      try await SnapbackError.translating { try await change(cancellation) }
    } onCancel: {
      cancellation.cancel()
    }
    if !isDone { throw CancellationError() }
  }

  private func tracked(
    _ id: String, _ send: @Sendable () async throws -> String
  ) async throws -> SentStanza {
    try Task.checkCancellation()
    let track = tracker.track(id)
    do {
      _ = try await SnapbackError.translating(send)
      return SentStanza(id: id, track: track)
    } catch {
      tracker.forget(id)
      throw error
    }
  }

  private func newId() async throws -> String {
    try await SnapbackError.translating { try core.newId() }
  }
}

/// A message to be sent.
public struct Message: Sendable, Hashable {
  /// Whom it is for.
  public var to: Jid
  /// The text.
  public var body: String?
  /// The attribute `type`.
  public var type = "chat"
  /// Its id; one is made if there is none.
  public var id: String?
  /// The conversation that it belongs to.
  public var thread: String?
  /// Further children: one XML element each, such as `<request xmlns='urn:xmpp:receipts'/>`.
  public var extensions: [String] = []

  /// A message.
  public init(to: Jid, body: String? = nil) {
    self.to = to
    self.body = body
  }
}

// MARK: - Pumps

extension SnapbackClient {
  /// Never cancelled, only ended by the core: a call that is cut off in the middle would lose what it holds.
  private static func pumpEvents(
    of core: CoreClient, into queue: EventQueue<Event>, _ tracker: Tracker
  ) async {
    let confirm: @Sendable (String) -> Void = { core.confirm(deliveryId: $0) }
    while true {
      let events = await core.nextEvents(max: eventsAtOnce)
      if events.isEmpty { break }
      for case .stanzaStage(let id, let stage) in events { tracker.reached(id, stage) }
      await queue.put(events.compactMap { Event($0, confirm: confirm) })
    }
    queue.end()
    tracker.end()
  }

  private static func pumpStates(of core: CoreClient, into hub: StateHub) async {
    var seen = core.state()
    hub.tell(ConnectionState(seen))
    while let next = await core.nextState(seen: seen) {
      hub.tell(ConnectionState(next))
      seen = next
    }
    hub.end()
  }

  /// Questions are answered side by side: a slow name does not hold up another.
  private static func pumpQueries(of core: CoreClient, to resolver: any SrvResolver) async {
    while let query = await core.nextSrvQuery() {
      Task { core.answerSrv(id: query.id, records: await resolver.records(of: query.name)) }
    }
  }

  /// Whether everything was taken in time.
  private func taken(before deadline: Date) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask { [queue] in
        await queue.untilEmpty()
        return !Task.isCancelled
      }
      group.addTask {
        try? await Task.sleep(nanoseconds: Milliseconds.of(deadline.timeIntervalSinceNow) * 1_000_000)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }
}
