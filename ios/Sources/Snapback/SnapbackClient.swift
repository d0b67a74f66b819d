import Foundation
import SnapbackFFI

/// The client of one account. It stays connected, reconnects after each interruption, and resumes the session
/// (XEP-0198).
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
/// All methods may be called on any thread or actor; none of them blocks. A task that waits here may be cancelled at
/// any time; the client continues. The client is closed when its last reference is released.
///
/// After ``close()``, methods that throw fail with ``SnapbackError/closed``, and the other methods do nothing. Methods
/// that read or write the store may throw ``SnapbackError/storage(_:)``.
public final class SnapbackClient: Sendable {
  /// The maximum number of events that wait in Swift; more wait in the core.
  static let eventsHeld = 64
  /// The same while the stages of a stanza are iterated: as many as the core holds before it stops reading.
  static let eventsHeldForStages = 1024
  /// The maximum number of bytes of waiting events, as in the core.
  private static let bytesHeld = 8 << 20
  /// The maximum number of events that one call fetches from the core.
  private static let eventsAtOnce: UInt32 = 64

  let core: any Core
  let queue: EventQueue<Event>
  let requests: RequestHandlers
  let roomQueue: EventQueue<RoomEvent>
  private let hub: StateHub
  private let drains = Drains()
  private let tracker: Tracker
  private let pumps: [Task<Void, Never>]
  private let observation: (any NetworkObservation)?

  /// What was wrong with the store when it was opened, and which data was lost. Usually empty.
  public let openReport: OpenReport

  /// Opens a client, without connecting it.
  ///
  /// - Parameters:
  ///   - account: the bare JID to log in as, such as `juliet@example.org`.
  ///   - password: the password; `nil` to log in with a FAST token or SCRAM keys from the store.
  ///   - configuration: the settings. By default, the state is kept in a file of the account.
  /// - Throws: ``SnapbackError/invalidJid(_:)`` or ``SnapbackError/accountWithoutLocalpart`` if the account is not the
  ///   bare JID of a user, ``SnapbackError/storage(_:)`` if the store cannot be used, such as while another process has
  ///   it open, ``SnapbackError/vault(_:)`` if its keys cannot be read, such as before the first unlock of the device,
  ///   ``SnapbackError/configuration(setting:)`` if a setting cannot be used, an error of the file system, or
  ///   `CancellationError`. ``SnapbackError/isRetryable`` says whether a later call may succeed.
  public static func open(
    _ account: String, password: String?, configuration: Configuration = Configuration()
  ) async throws -> SnapbackClient {
    let credentials = password.map { Credentials.password($0) } ?? .stored
    return try await open(account, credentials: credentials, configuration: configuration)
  }

  /// Opens a client with credentials other than a password, without connecting it.
  ///
  /// - Parameters:
  ///   - account: the bare JID to log in as; with ``Credentials/anonymous`` the domain.
  ///   - credentials: a bearer token, a client certificate, or none.
  ///   - configuration: the settings. By default, the state is kept in a file of the account.
  /// - Throws: what ``open(_:password:configuration:)`` throws.
  public static func open(
    _ account: String, credentials: Credentials, configuration: Configuration = Configuration()
  ) async throws -> SnapbackClient {
    try Task.checkCancellation()
    let core = try await openCore(account, credentials, configuration)
    let client = SnapbackClient(core: core, provider: credentials.provider, configuration: configuration)
    if Task.isCancelled {
      await client.shutdown()
      throw CancellationError()
    }
    return client
  }

  private static func openCore(
    _ account: String, _ credentials: Credentials, _ configuration: Configuration
  ) async throws -> CoreClient {
    let storage = try configuration.storage.resolved(account: account)
    var adapter: VaultAdapter?
    if case .inFile(_, let vault) = storage { adapter = VaultAdapter(vault: vault) }
    do {
      return try await SnapbackError.translating {
        let config = configuration.core(account: account, storage: storage.core(adapter))
        let ofProxy = configuration.proxy?.password
        return try await CoreClient.openWith(
          config: config, credentials: try credentials.core(), proxyPassword: ofProxy)
      }
    } catch let error as SnapbackError {
      let ofVault = [SnapbackError.storage(.vaultLocked), .storage(.vaultBroken)]
      guard ofVault.contains(error), let cause = adapter?.lastError else { throw error }
      throw SnapbackError.vault(cause)
    }
  }

  package init(core: any Core, provider: (any TokenProvider)?, configuration: Configuration) {
    let queue = EventQueue<Event>(
      capacity: Self.eventsHeld, wideCapacity: Self.eventsHeldForStages, bytes: Self.bytesHeld, size: { $0.size })
    let hub = StateHub(ConnectionState(core.state()))
    let tracker = Tracker(queue)
    self.core = core
    self.tracker = tracker
    self.queue = queue
    let roomQueue = EventQueue<RoomEvent>(capacity: Self.eventsHeld)
    self.roomQueue = roomQueue
    self.hub = hub
    let requests = RequestHandlers(core)
    self.requests = requests
    openReport = core.openReport()
    // The pumps reference the core and not the client, so that the client can be released. They end when the core ends.
    var pumps = [
      Task { await Self.pumpEvents(of: core, into: queue, tracker) },
      Task { await Self.pumpStates(of: core, into: hub) },
      Task { await requests.pump() },
      Task { await Self.pumpRoomEvents(of: core, into: roomQueue) },
    ]
    if let resolver = configuration.nameResolver {
      pumps.append(Task { await Self.pumpQueries(of: core, to: resolver) })
    }
    if let connector = configuration.connector {
      pumps.append(Task { await Self.pumpConnections(of: core, to: connector) })
    }
    if let provider {
      pumps.append(Task { await Self.pumpTokens(of: core, from: provider) })
    }
    self.pumps = pumps
    observation = configuration.networkMonitor?.observe { core.networkChanged(network: $0) }
  }

  deinit {
    close()
  }

  /// The current state of the connection. It is current even if ``events`` are not iterated.
  public var state: ConnectionState { ConnectionState(core.state()) }

  /// The state of the connection as a sequence: the current state, then each that follows.
  public var states: ConnectionStates { ConnectionStates(hub: hub) }

  /// The events of the client, in order.
  public var events: Events { Events(queue: queue) }

  /// Connects, and stays connected: the client reconnects by itself after each interruption. If a retry is scheduled,
  /// another call makes it at once. A paused client resumes. Returns immediately; ``states`` shows the progress.
  public func connect() {
    core.connect()
  }

  /// Ends the session and closes the stream (RFC 6120 section 4.4). Returns when that is done. The client stays offline
  /// until ``connect()``.
  public func disconnect() async throws {
    try await SnapbackError.translating { try await core.disconnect() }
  }

  /// Logs the user out: ends the session, invalidates the FAST token (XEP-0484), and deletes the stored credentials.
  /// ``connect()``, called meanwhile, is carried out afterwards. Until it is called, background syncs find no session.
  public func logOut() async throws {
    try await SnapbackError.translating { try await core.logOut() }
  }

  /// Informs the client that the network appeared, disappeared or changed. The client probes its connection, or
  /// reconnects, at once. The network monitor of the configuration calls this by itself.
  public func networkChanged(_ network: NetworkState) {
    core.networkChanged(network: network)
  }

  /// Informs the client that the app moved to the foreground (`true`) or the background (`false`); the client informs
  /// the server (XEP-0352). In the foreground, a paused client resumes.
  public func setForeground(_ foreground: Bool) {
    core.setForeground(foreground: foreground)
  }

  /// Closes the connection and the store, before the system suspends the process. Returns when both are closed. The
  /// server keeps the session for as long as it allows, and ``resume()`` or ``connect()`` resume it. Cancelling the
  /// task does not stop this, because a half-closed client would keep its file open.
  public func pause() async throws {
    try await SnapbackError.translating { try await core.suspend() }
  }

  /// Resumes a client after ``pause()``: opens the store again, and connects if the client was connected.
  public func resume() {
    core.resume()
  }

  /// Does a background sync, such as after a push notification: resumes the interrupted session (XEP-0198) and returns
  /// when the app has taken from ``events`` everything that the server held, or at the deadline. If the client was
  /// paused before the call, it is paused again when this returns. A client that the app uses, or starts to use
  /// meanwhile, stays connected.
  ///
  /// With `mayBind`, a session that has expired or that the server refuses to resume is replaced, on the same connection,
  /// by one without presence: it reads the archive (XEP-0313) and sends nothing of the app; the next ``connect()``
  /// completes it. Without, the outcome is `offline` with the reason `noSession` then. No message is lost in either case.
  ///
  /// - Throws: `CancellationError` if the task is cancelled; the sync ends at once.
  public func drain(deadline: Date, mayBind: Bool = false) async throws -> DrainReport {
    drains.begin()
    defer { drains.end() }
    let sync = core.sync(mayBind: mayBind)
    let cancellation = Cancellation()
    let done: Result<DrainReport?, any Error>
    do {
      done = .success(
        try await withTaskCancellationHandler {
          try await drain(sync, deadline, cancellation)
        } onCancel: {
          cancellation.cancel()
        })
    } catch {
      done = .failure(error)
    }
    // After this, the sync keeps nothing open, whatever its result. A closed client has nothing open either.
    try? await sync.end()
    guard let report = try done.get(), !Task.isCancelled else { throw CancellationError() }
    return report
  }

  /// Returns `nil` if the sync was cancelled.
  private func drain(
    _ sync: any CoreBackgroundSyncProtocol, _ deadline: Date, _ cancellation: Cancellation
  ) async throws -> DrainReport? {
    try await SnapbackError.translating {
      let report = try await sync.drainUntil(
        timeoutMs: Milliseconds.of(deadline.timeIntervalSinceNow), cancellation: cancellation)
      // The core has handed the events over, but the app may not have taken them.
      guard let report, report.outcome == .complete, !(await taken(before: deadline)) else { return report }
      return DrainReport(
        outcome: .timedOut, messages: report.messages, hasGap: report.hasGap, session: report.session)
    }
  }

  func untilDrained() async {
    await drains.untilNone()
  }

  /// Allows later logins to be weaker than earlier ones: with a weaker mechanism, or without channel binding. Ask the
  /// user first: an attacker between client and server causes the same symptom, `noLogin` with the problem
  /// `belowFloor`.
  public func forgetLoginFloor() {
    core.forgetLoginFloor()
  }

  /// Sets the password that the next login uses, such as after the user has changed it. An existing session continues.
  /// A client that is offline because credentials were refused or missing reconnects. The password is not stored.
  public func setPassword(_ password: String) {
    core.setPassword(password: password)
  }

  /// Closes the client at once: waiting calls fail with ``SnapbackError/closed``, and the sequences end. The connection
  /// is dropped without closing the stream (RFC 6120 section 4.4), so that the session can be resumed. A second call
  /// does nothing. The file is closed shortly after this returns; use ``shutdown()`` to wait for that.
  public func close() {
    observation?.cancel()
    core.end()
    // An iterator that does not take the last events must not delay the end.
    queue.end()
    roomQueue.end()
  }

  /// Pauses and closes the client: does what ``pause()`` and ``close()`` do. Returns when connection and file are
  /// closed. A second call does nothing.
  public func shutdown() async {
    // A closed client has nothing to pause.
    try? await pause()
    close()
    for pump in pumps { await pump.value }
  }
}

// MARK: - Stanzas

extension SnapbackClient {
  /// Sends a chat message. Returns when the message is stored, not when it is sent. The client then sends it, again
  /// after each reconnect if need be, until the server has acknowledged it (XEP-0198).
  ///
  /// - Throws: ``SnapbackError/queueFull(limit:)`` if the queue of outbound stanzas is full,
  ///   ``SnapbackError/tooBig(size:limit:)`` if the message is larger than the limit.
  @discardableResult
  public func send(to: Jid, _ body: String) async throws -> SentStanza {
    try await send(Message(to: to, body: body))
  }

  /// Sends a chat message to a JID that is given as text.
  ///
  /// - Throws: ``SnapbackError/invalidJid(_:)`` if the text is not a JID, otherwise as for a ``Jid``.
  @discardableResult
  public func send(to: String, _ body: String) async throws -> SentStanza {
    try await send(to: Jid(to), body)
  }

  /// Sends a message of any type. If the task is cancelled before the message is stored, either the message is not
  /// sent, or this returns as usual.
  ///
  /// - Throws: ``SnapbackError/badXml`` if an extension is not exactly one well-formed XML element,
  ///   ``SnapbackError/badContent(problem:)`` if a specification forbids what the message contains, otherwise as for a
  ///   chat message.
  @discardableResult
  public func send(_ message: Message) async throws -> SentStanza {
    let id = if let id = message.id { id } else { try await newId() }
    let outgoing = try message.outgoing(id)
    return try await tracked(id) { [core] in try await core.sendMessage(message: outgoing) }
  }

  /// Sends presence (RFC 6121 section 4). Returns when the stanza is stored. The last presence without `to` is sent
  /// again at the beginning of each new session, until the process ends.
  ///
  /// - Parameters:
  ///   - to: the recipient; `nil` sends it to all entities that are subscribed to the user's presence.
  ///   - type: the attribute `type`; `nil` means available.
  ///   - show: how the user is available; `nil` means without a further state.
  ///   - status: a text for people.
  ///   - priority: from -128 to 127; a server delivers messages to the highest (RFC 6121 section 4.7.2.3).
  ///   - extensions: further children, one XML element each. A client joins a room by sending
  ///     `<x xmlns='http://jabber.org/protocol/muc'/>` to the room's JID with a nickname as resource (XEP-0045).
  ///   - children: the same as elements.
  @discardableResult
  public func sendPresence(
    to: Jid? = nil, type: PresenceType? = nil, show: PresenceShow? = nil, status: String? = nil, priority: Int8? = nil,
    extensions: [String] = [], children: [Element] = []
  ) async throws -> SentStanza {
    let extensions = extensions + (try children.map { try $0.xml() })
    let id = try await newId()
    return try await tracked(id) { [core] in
      try await core.sendPresence(
        presence: OutgoingPresence(
          to: to?.description,
          kind: type?.rawValue,
          id: id,
          show: show?.rawValue,
          status: status,
          priority: priority,
          extensions: extensions))
    }
  }

  /// Sends an IQ request and waits for its answer (RFC 6120 section 8.2.3). It continues to wait across reconnects if
  /// the session is resumed.
  ///
  /// - Parameters:
  ///   - type: `get` for information, `set` for a change.
  ///   - payload: one XML element, such as `<query xmlns='jabber:iq:version'/>`.
  ///   - to: the recipient; `nil` means the user's own account.
  ///   - timeout: how long to wait for the answer, in seconds. Default 60 s, which leaves time for a reconnect.
  /// - Throws: ``SnapbackError/refused(type:condition:text:error:)`` if the answer is an error (RFC 6120 section 8.3),
  ///   ``SnapbackError/badXml`` if the payload is not exactly one well-formed XML element. ``SnapbackError/timedOut``
  ///   if no answer arrives in time, ``SnapbackError/sessionLost`` if the session is lost first, `CancellationError` if
  ///   the task is cancelled; in these three cases the request may have been carried out.
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

  /// Sends an IQ request whose payload is an element.
  public func iq(
    _ type: IqType, _ payload: Element, to: Jid? = nil, timeout: TimeInterval = 60
  ) async throws -> IqAnswer {
    try await iq(type, try payload.xml(), to: to, timeout: timeout)
  }

  /// Returns the stored roster, online or offline (RFC 6121 section 2).
  public func roster() async throws -> Roster {
    Roster(try await SnapbackError.translating { try await core.roster() })
  }

  /// Adds a contact to the roster, or replaces its name and groups (RFC 6121 section 2.3). Throws the same errors as
  /// `iq(_:_:to:timeout:)`.
  ///
  /// - Parameters:
  ///   - jid: the contact.
  ///   - name: the name; `nil` removes the one that the contact has.
  ///   - groups: all groups that the contact is in afterwards; it is removed from the others. To keep name or groups,
  ///     pass those of ``roster()``.
  public func setContact(_ jid: Jid, name: String?, groups: [String]) async throws {
    try await changingContact { [core] cancellation in
      try await core.setContact(
        jid: jid.description, name: name, groups: groups, cancellation: cancellation)
    }
  }

  /// Removes a contact from the roster, which also cancels the presence subscriptions in both directions (RFC 6121
  /// section 2.5). Throws the same errors as `iq(_:_:to:timeout:)`.
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

// MARK: - Pumps

extension SnapbackClient {
  /// Moves events from the core to the queue. It is never cancelled, only ended by the core: a cancelled call would
  /// lose events.
  private static func pumpEvents(
    of core: any Core, into queue: EventQueue<Event>, _ tracker: Tracker
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

  private static func pumpStates(of core: any Core, into hub: StateHub) async {
    var seen = core.state()
    hub.publish(ConnectionState(seen))
    while let next = await core.nextState(seen: seen) {
      hub.publish(ConnectionState(next))
      seen = next
    }
    hub.end()
  }

  /// Answers queries for SRV records. They run concurrently, so that a slow one does not delay another.
  private static func pumpQueries(of core: any Core, to resolver: any NameResolver) async {
    let running = RunningTasks()
    while let request = await core.nextDnsRequest() {
      switch request {
      case .query(let query):
        running.start(query.id) {
          core.answerDns(id: query.id, answer: await resolver.records(of: query.name, type: query.records))
        }
      case .cancel(let id): running.cancel(id)
      }
    }
    running.cancelAll()
  }

  /// Returns whether the app takes all events in time.
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
