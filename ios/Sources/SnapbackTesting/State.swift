import Foundation
import Snapback
import SnapbackFFI

/// A stanza that the app sends.
struct Outbound {
  enum Content {
    case message(Snapback.Message)
    case presence(SentPresence)
  }

  let id: String
  let content: Content
  var isSent = false
}

/// A room that exists at the fake server.
struct FakeRoom {
  let jid: Snapback.Jid
  /// The nickname while the app is, or wants to be, in it.
  var nick: String?
  var membership = RoomMembership.offline
  var subject: String?
  var subjectBy: String?
  var others: [Snapback.RoomOccupant] = []
  var configuration: [RoomField] = []
  var isOwned = false

  func own(_ user: Snapback.Jid) -> Snapback.RoomOccupant? {
    nick.map {
      Snapback.RoomOccupant(
        nick: $0, role: isOwned ? .moderator : .participant, affiliation: isOwned ? .owner : .none, jid: user)
    }
  }

  func occupants(_ user: Snapback.Jid) -> [Snapback.RoomOccupant] {
    let own = membership == .joined ? own(user) : nil
    return (others + [own].compactMap { $0 }).sorted { $0.nick < $1.nick }
  }
}

/// All that the fake server and the client's store hold, and the state of the connection between them.
struct State {
  private static let retryInMs: UInt64 = 1000

  let full: Snapback.Jid
  var outlet = Outlet()
  var connection = CoreState.offline(reason: .notWanted, retryInMs: nil)
  var isOpen = true
  var isWanted = false
  var isPaused = false
  /// Whether the server refuses the credentials, until there are others.
  var isRefused = false
  var isReachable = false
  var isForeground = true
  /// Whether the server still has the session of a client that is away.
  var hasSession = false
  /// Whether there was a session before.
  var hadSession = false
  var acknowledges = true

  var outbox: [Outbound] = []
  var sent: [SentItem] = []
  let sentItems = Mailbox<SentItem>()
  var waitingForSession = Waiting()
  var waitingForConfirmation: [String: Waiting] = [:]

  /// What the server keeps for the client until there is a connection.
  var held: [CoreEvent] = []
  var unconfirmed: [(id: String, event: CoreEvent)] = []
  var failures: [any Error] = []
  var refusals: [FailureReason] = []
  var answers: [String: FakeAnswer] = [:]
  var openRequests: [UInt64: CheckedContinuation<RequestAnswer, any Error>] = [:]
  var lastNumber: UInt64 = 0

  var contacts: [Snapback.Contact] = []
  /// The archives of the account (`nil`) and of rooms, the oldest message first.
  var archives: [Snapback.Jid?: [Snapback.HistoryMessage]] = [:]
  var rooms: [Snapback.Jid: FakeRoom] = [:]
  var roomRefusals: [Snapback.Jid: Snapback.RoomRefusal] = [:]
  var services = Services()
  var drainReport: DrainReport?

  init(_ full: Snapback.Jid) {
    self.full = full
  }

  var isOnline: Bool {
    if case .online = connection { true } else { false }
  }

  mutating func number() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  mutating func become(_ state: CoreState) {
    connection = state
    outlet.states.put(())
  }

  func tell(_ event: CoreEvent) { outlet.events.put(event) }

  func tell(_ event: CoreRoomEvent) { outlet.rooms.put(event) }

  // MARK: Connection

  /// Connects if the app wants it and nothing is in the way.
  mutating func attempt() {
    guard isWanted, !isPaused, !isRefused, !isOnline else { return }
    if isReachable { establish() } else { become(.connecting(step: .resolving)) }
  }

  private mutating func establish() {
    let outcome: SessionOutcome = hasSession ? .resumed : .bound
    hasSession = true
    let flights = Array(
      repeating: CoreFlight(sent: ["fake"], received: ["fake"], startedMs: 0, tookMs: 0),
      count: outcome == .resumed ? 3 : 5)
    become(.online(outcome: outcome, roundTrips: UInt32(flights.count), isCaughtUp: false))
    tell(
      .online(
        outcome: outcome, jid: full.description, plan: "fake",
        timeline: CoreTimeline(
          flights: flights, local: [], tls: nil, fastOpen: false, tookMs: 0, bytesSent: 0, bytesReceived: 0),
        dial: CoreDialReport(queries: [], addresses: [])))
    if outcome == .bound {
      // Nothing is known yet of what came before.
      if !hadSession { tell(.possibleGap) }
      hadSession = true
      tell(.serverFeatures(features: services.features))
      if services.push != nil { tell(.pushEnabled) }
      for index in outbox.indices { outbox[index].isSent = false }
      for jid in rooms.keys where rooms[jid]?.nick != nil { enter(jid, again: true) }
    } else {
      for jid in rooms.keys where rooms[jid]?.membership == .offline && rooms[jid]?.nick != nil {
        rooms[jid]?.membership = .joined
      }
    }
    for event in held { deliver(event) }
    held = []
    flush()
    tell(.caughtUp)
    become(.online(outcome: outcome, roundTrips: UInt32(flights.count), isCaughtUp: true))
    waitingForSession.resume()
  }

  /// Ends the connection, not the session.
  mutating func end(_ reason: EndReason, _ offline: OfflineReason, retryable: Bool, needsCredentials: Bool = false) {
    tell(
      .connectionEnded(
        ending: Ending(
          reason: reason, retryable: retryable, needsCredentials: needsCredentials, description: "\(reason)",
          plan: nil, timeline: nil, dial: CoreDialReport(queries: [], addresses: []))))
    become(.offline(reason: offline, retryInMs: offline == .failed ? Self.retryInMs : nil))
    for jid in rooms.keys where rooms[jid]?.nick != nil { rooms[jid]?.membership = .offline }
  }

  /// Ends the session: what was sent and not acknowledged is sent again in the next one.
  mutating func endSession() {
    hasSession = false
  }

  // MARK: Stanzas

  mutating func queue(_ outbound: Outbound) {
    if case .message(let message) = outbound.content, message.isFleeting, !isOnline {
      return tell(.stanzaStage(id: outbound.id, stage: .failed(reason: .notOnline)))
    }
    outbox.append(outbound)
    tell(.stanzaStage(id: outbound.id, stage: .queued))
    if isOnline { flush() }
  }

  /// Sends all that waits, in order.
  private mutating func flush() {
    for outbound in outbox where !outbound.isSent {
      guard let index = outbox.firstIndex(where: { $0.id == outbound.id }) else { continue }
      outbox[index].isSent = true
      tell(.stanzaStage(id: outbound.id, stage: .sent))
      note(outbound)
      if !refusals.isEmpty {
        finish(outbound.id, .failed(reason: refusals.removeFirst()))
        continue
      }
      if case .message(let message) = outbound.content, message.type == .groupchat, !reflect(message) { continue }
      if acknowledges { finish(outbound.id, .acked) }
    }
  }

  private mutating func note(_ outbound: Outbound) {
    let isNew = !sent.contains { $0.id == outbound.id }
    guard isNew else { return }
    switch outbound.content {
    case .message(let message):
      record(.message(message))
      if message.type != .groupchat, message.body != nil,
        let written = try? ReceivedMessage(message, from: full)
      {
        archive(written, in: nil)
      }
    case .presence(let presence): record(.presence(presence))
    }
  }

  mutating func record(_ item: SentItem) {
    sent.append(item)
    sentItems.put(item)
  }

  mutating func finish(_ id: String, _ stage: Stage) {
    guard let index = outbox.firstIndex(where: { $0.id == id }) else { return }
    outbox.remove(at: index)
    tell(.stanzaStage(id: id, stage: stage))
  }

  /// Delivers now or, without a connection, at the beginning of the next one.
  mutating func receive(_ event: CoreEvent) {
    if isOnline { deliver(event) } else { held.append(event) }
  }

  private mutating func deliver(_ event: CoreEvent) {
    if let id = event.deliveryId { unconfirmed.append((id, event)) }
    tell(event)
  }

  mutating func confirm(_ id: String) {
    unconfirmed.removeAll { $0.id == id }
    var waiting = waitingForConfirmation.removeValue(forKey: id)
    waiting?.resume()
  }

  mutating func archive(_ message: ReceivedMessage, in room: Snapback.Jid?) {
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    archives[room, default: []].append(
      Snapback.HistoryMessage(id: "archive-\(number())", archivedAt: now, message: message))
  }

  /// Closes the client. The server keeps its session.
  mutating func close() {
    outlet.end()
    // Calls of this client fail from now on.
    outlet = Outlet()
    isOpen = false
    isWanted = false
    connection = .offline(reason: .notWanted, retryInMs: nil)
    waitingForSession.resume()
    for request in openRequests.values { request.resume(throwing: SnapbackError.closed) }
    openRequests = [:]
  }

  /// Starts a client with the store of the one before.
  mutating func restart() {
    isOpen = true
    isPaused = false
    for jid in rooms.keys {
      rooms[jid]?.nick = nil
      rooms[jid]?.membership = .offline
    }
    for (_, event) in unconfirmed { tell(event) }
  }
}

extension CoreEvent {
  /// Of a delivery.
  var deliveryId: String? {
    switch self {
    case .message(let id, _, _, _), .presence(let id, _), .carbon(let id, _, _, _, _): id
    default: nil
    }
  }
}

/// Tasks that wait for something to happen.
struct Waiting {
  private var continuations: [UUID: AsyncStream<Void>.Continuation] = [:]

  /// Each element of the result is one occurrence. It ends when the client does.
  mutating func wait() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    continuations[UUID()] = continuation
    return stream
  }

  mutating func resume() {
    for continuation in continuations.values {
      continuation.yield()
      continuation.finish()
    }
    continuations = [:]
  }
}
