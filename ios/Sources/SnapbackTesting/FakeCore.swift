import Foundation
import Snapback
import SnapbackFFI

/// The core of one client of the fake: what the generated protocol demands, answered from the state.
final class FakeCore: Core {
  let shared: Locked<State>
  let outlet: Outlet
  let features: [String]

  init(_ state: Locked<State>, answering features: [String]) {
    shared = state
    self.features = features
    outlet = state.withLock { $0.outlet }
  }

  /// Runs `work` if the client is not closed, and nothing else is scripted for the next call.
  func call<T>(_ work: (inout State) throws -> T) throws -> T {
    try shared.withLock { state in
      guard state.outlet.id == outlet.id else { throw SnapbackError.closed }
      if !state.failures.isEmpty { throw state.failures.removeFirst() }
      return try work(&state)
    }
  }

  /// The same without an answer; nothing happens after the end.
  func tell(_ work: (inout State) -> Void) {
    shared.withLock { state in
      if state.outlet.id == outlet.id { work(&state) }
    }
  }

  /// The same as soon as there is a session.
  func request<T>(timeoutMs: UInt64 = 60_000, _ work: @escaping @Sendable (inout State) throws -> T) async throws -> T
  where T: Sendable {
    try await withThrowingTaskGroup(of: T.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await self.online(work) }
      group.addTask {
        try await Task.sleep(nanoseconds: timeoutMs * 1_000_000)
        throw SnapbackError.timedOut
      }
      guard let answer = try await group.next() else { throw SnapbackError.closed }
      return answer
    }
  }

  private func online<T>(_ work: @Sendable (inout State) throws -> T) async throws -> T {
    while true {
      let waiting: AsyncStream<Void>? = try shared.withLock { state in
        guard state.outlet.id == outlet.id else { throw SnapbackError.closed }
        return state.isOnline ? nil : state.waitingForSession.wait()
      }
      guard let waiting else { return try call(work) }
      for await _ in waiting {}
      try Task.checkCancellation()
    }
  }

  // MARK: What happens

  func nextEvents(max: UInt32) async -> [CoreEvent] { await outlet.events.next().map { [$0] } ?? [] }

  func nextState(seen: CoreState) async -> CoreState? {
    while await outlet.states.next() != nil {
      let state = state()
      if state != seen { return state }
    }
    return nil
  }

  func nextRoomEvent() async -> CoreRoomEvent? { await outlet.rooms.next() }

  func nextRequest() async -> CoreInboundRequest? { await outlet.requests.next() }

  func state() -> CoreState {
    shared.withLock { $0.outlet.id == outlet.id ? $0.connection : .offline(reason: .notWanted, retryInMs: nil) }
  }

  func confirm(deliveryId: String) { tell { $0.confirm(deliveryId) } }

  // MARK: Connection

  func connect() {
    tell { state in
      state.isWanted = true
      state.isPaused = false
      state.attempt()
    }
  }

  func disconnect() async throws {
    try call { state in
      state.isWanted = false
      let wasOnline = state.isOnline
      state.endSession()
      if wasOnline {
        state.end(.closed, .notWanted, retryable: false)
      } else {
        state.become(.offline(reason: .notWanted, retryInMs: nil))
      }
    }
  }

  func logOut() async throws {
    try await disconnect()
    tell { $0.services.push = nil }
  }

  func suspend() async throws {
    try call { state in
      state.isPaused = true
      if state.isOnline {
        state.end(.dropped, .suspended, retryable: true)
      } else {
        state.become(.offline(reason: .suspended, retryInMs: nil))
      }
    }
  }

  func resume() {
    tell { state in
      guard state.isPaused else { return }
      state.isPaused = false
      state.become(.offline(reason: .notWanted, retryInMs: nil))
      state.attempt()
    }
  }

  func end() { tell { $0.close() } }

  func setForeground(foreground: Bool) {
    tell { $0.isForeground = foreground }
    if foreground { resume() }
  }

  func setPassword(password: Password) {
    tell { state in
      state.services.passwords.append(password)
      guard state.isRefused else { return }
      state.isRefused = false
      state.attempt()
    }
  }

  func sync(mayBind: Bool) -> any CoreBackgroundSyncProtocol { FakeSync(self, mayBind: mayBind) }

  // MARK: Stanzas

  func newId() throws -> String { UUID().uuidString }

  func sendMessage(message: OutgoingMessage) async throws -> String {
    var message = try Snapback.Message(message)
    let id = message.id ?? UUID().uuidString
    message.id = id
    // What cannot be written is refused, as by the core.
    _ = try Written(message, from: shared.withLock { $0.full }).stanza()
    try call { [message] in $0.queue(Outbound(id: id, content: .message(message))) }
    return id
  }

  func sendPresence(presence: OutgoingPresence) async throws -> String {
    let id = presence.id ?? UUID().uuidString
    let sent = SentPresence(
      id: id, to: try presence.to.map { try Snapback.Jid($0) },
      type: presence.kind.map(PresenceType.init(rawValue:)), show: presence.show.map(PresenceShow.init(rawValue:)),
      status: presence.status, priority: presence.priority,
      children: try presence.extensions.map { try Element(xml: $0) })
    try call { $0.queue(Outbound(id: id, content: .presence(sent))) }
    return id
  }

  func iq(request: IqRequest) async throws -> CoreIqAnswer {
    let sent = SentRequest(
      type: request.kind, to: try request.to.map { try Snapback.Jid($0) }, payload: try Element(xml: request.payload))
    let answer: FakeAnswer? = try await self.request(timeoutMs: request.timeoutMs) { state in
      state.record(.request(sent))
      return state.answers[sent.payload.namespace]
    }
    guard let answer else { throw SnapbackError.fake("service-unavailable") }
    return CoreIqAnswer(from: request.to, payload: try answer(sent)?.xml())
  }

  func iqUntil(request: IqRequest, cancellation: Cancellation) async throws -> CoreIqAnswer? {
    try await iq(request: request)
  }

  // MARK: Requests of others

  func handlesRequests(namespace: String) -> Bool { features.contains(namespace) }

  func respond(number: UInt64, payload: String?) async throws -> Bool {
    let answer = RequestAnswer.result(try payload.map { try Element(xml: $0) })
    return answered(number, answer)
  }

  func refuse(number: UInt64, kind: ErrorType, condition: String, text: String?) async throws -> Bool {
    answered(number, .refused(condition: condition, type: kind, text: text))
  }

  private func answered(_ number: UInt64, _ answer: RequestAnswer) -> Bool {
    let open = shared.withLock { $0.openRequests.removeValue(forKey: number) }
    open?.resume(returning: answer)
    return open != nil
  }

  // MARK: What a fake does not have

  func backgroundSync(mayBind: Bool) -> CoreBackgroundSync { CoreBackgroundSync(noHandle: .init()) }
  func answerDns(id: UInt64, answer: DnsAnswer) {}
  func connectFailed(id: UInt64, problem: ConnectProblem) {}
  func connected(id: UInt64, descriptor: Int32) {}
  func forgetLoginFloor() {}
  func nameSettingsChanged(network: NetworkState) {}
  func networkChanged(network: NetworkState) {}
  func nextConnectRequest() async -> ConnectRequest? { nil }
  func nextDnsRequest() async -> DnsRequest? { nil }
  func nextTokenRequest() async -> TokenRequest? { nil }
  func openReport() -> OpenReport { OpenReport(troubles: [], unknown: [], mayHaveLostStanzas: false) }
  func provideToken(id: UInt64, token: Password) {}
  func refuseToken(id: UInt64, problem: TokenProblem) {}
  func changeKeys(change: KeyChange) async throws { try call { _ in } }
  func exportAttempts() async throws -> String { try call { _ in "" } }
  func recentAttempts() async throws -> [CoreAttemptRecord] { try call { _ in [] } }

  func connectionQuality() async throws -> CoreConnectionQuality {
    try call { _ in
      CoreConnectionQuality(
        attempts: 0, resumed: 0, bound: 0, timeToOnline: nil, login: nil, roundTripMs: nil, loginBytesSent: 0,
        loginBytesReceived: 0)
    }
  }
}

/// A background sync of the fake.
final class FakeSync: CoreBackgroundSyncProtocol {
  private let core: FakeCore
  private let mayBind: Bool
  private let wasPaused: Bool

  init(_ core: FakeCore, mayBind: Bool) {
    self.core = core
    self.mayBind = mayBind
    wasPaused = core.shared.withLock { $0.isPaused }
  }

  func drain(timeoutMs: UInt64) async throws -> DrainReport {
    try core.call { state in
      if let report = state.drainReport { return report }
      guard state.isReachable else {
        return DrainReport(outcome: .timedOut, messages: 0, hasGap: false, session: nil)
      }
      guard state.hasSession || mayBind else {
        return DrainReport(outcome: .offline(reason: .noSession), messages: 0, hasGap: false, session: nil)
      }
      let before = state.unconfirmed.count
      let wanted = state.isWanted
      state.isPaused = false
      state.isWanted = true
      state.attempt()
      state.isWanted = wanted
      guard case .online(let outcome, _, _) = state.connection else {
        return DrainReport(outcome: .timedOut, messages: 0, hasGap: false, session: nil)
      }
      let messages = UInt32(max(0, state.unconfirmed.count - before))
      return DrainReport(outcome: .complete, messages: messages, hasGap: false, session: outcome)
    }
  }

  func drainUntil(timeoutMs: UInt64, cancellation: Cancellation) async throws -> DrainReport? {
    try await drain(timeoutMs: timeoutMs)
  }

  func end() async throws {
    if wasPaused { try await core.suspend() }
  }
}
