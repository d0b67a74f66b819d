import Foundation
import SnapbackFFI

// Converts the types of the binding to those of the API.

enum Milliseconds {
  /// The longest time that is passed on: more than a year, and small enough not to overflow.
  private static let longest: TimeInterval = 400 * 24 * 3600

  static func of(_ seconds: TimeInterval) -> UInt64 {
    seconds.isNaN ? 0 : UInt64((min(max(seconds, 0), longest) * 1000).rounded(.up))
  }

  static func seconds(_ milliseconds: UInt64) -> TimeInterval {
    TimeInterval(milliseconds) / 1000
  }
}

extension Jid {
  /// Parses an optional JID from the core, which is always valid. For text that others wrote there is
  /// ``StanzaAddress``.
  static func optional(_ text: String?) -> Jid? {
    text.flatMap { try? Jid($0) }
  }
}

extension StanzaAddress {
  init(_ address: SnapbackFFI.StanzaAddress) {
    self =
      switch address {
      case .absent: .absent
      case .named(let jid): .named(Jid(jid))
      case .unreadable(let text): .unreadable(text)
      }
  }
}

extension ConnectionState {
  init(_ state: SnapbackFFI.ConnectionState) {
    self =
      switch state {
      case .offline(let reason, let retryInMs):
        .offline(reason: reason, retryIn: retryInMs.map(Milliseconds.seconds))
      case .connecting(let step): .connecting(step: step)
      case .online(let outcome, let roundTrips, let isCaughtUp):
        .online(outcome: outcome, roundTrips: Int(roundTrips), isCaughtUp: isCaughtUp)
      }
  }
}

extension Event {
  /// Returns `nil` for a change of state, which ``SnapbackClient/states`` reports.
  init?(_ event: SnapbackFFI.Event, confirm: @escaping @Sendable (String) -> Void) {
    switch event {
    case .stateChanged: return nil
    case .online(let outcome, let jid, let plan, let timeline, let dial):
      self = .online(
        Online(outcome: outcome, jid: .optional(jid), plan: plan, timeline: Timeline(timeline), dial: DialReport(dial)))
    case .connectionEnded(let ending): self = .ended(Ended(ending))
    case .certificateRefused(let refused): self = .certificateRefused(RefusedCertificate(refused))
    case .message(let deliveryId, let stanza, let content, let possibleDuplicateOf):
      self = .message(
        Delivery(
          deliveryId: deliveryId, content: ReceivedMessage(stanza, content),
          possibleDuplicateOf: possibleDuplicateOf, confirmation: confirm))
    case .carbon(let deliveryId, let direction, let stanza, let content, let possibleDuplicateOf):
      self = .carbon(
        Delivery(
          deliveryId: deliveryId, content: ReceivedMessage(stanza, content),
          possibleDuplicateOf: possibleDuplicateOf, confirmation: confirm),
        direction: direction)
    case .presence(let deliveryId, let stanza):
      self = .presence(
        Delivery(
          deliveryId: deliveryId, content: ReceivedPresence(stanza), possibleDuplicateOf: nil,
          confirmation: confirm))
    case .stanzaStage(let id, let stage): self = .stageReached(id: id, stage: stage)
    case .serverFeatures(let features): self = .serverFeatures(features)
    case .rosterChanged: self = .rosterChanged
    case .pushEnabled: self = .pushEnabled
    case .pushRefused(let condition, let text): self = .pushRefused(condition: condition, text: text)
    case .blockListChanged(let change): self = .blockListChanged(BlockListChange(change))
    case .stanzaRefused(let limit, let bytes): self = .stanzaRefused(limit: limit, bytes: bytes)
    case .possibleGap: self = .possibleGap
    case .caughtUp: self = .caughtUp
    case .peerFault(let what): self = .peerFault(what: what)
    case .internalFault: self = .internalFault
    }
  }
}

extension Ended {
  init(_ ending: Ending) {
    self.init(
      reason: ending.reason,
      retryable: ending.retryable,
      needsCredentials: ending.needsCredentials,
      description: ending.description,
      plan: ending.plan,
      timeline: ending.timeline.map(Timeline.init),
      dial: DialReport(ending.dial))
  }
}

extension ReceivedMessage {
  package init(_ stanza: Stanza, _ content: MessageContent) {
    self.init(
      from: StanzaAddress(stanza.from),
      to: StanzaAddress(stanza.to),
      id: stanza.id,
      type: stanza.kind.map(MessageType.init(rawValue:)),
      body: stanza.body,
      subject: stanza.subject,
      thread: stanza.thread,
      delayedAt: stanza.delayedAtMs.map { Date(timeIntervalSince1970: TimeInterval($0) / 1000) },
      originId: stanza.originId,
      xml: stanza.xml,
      content: content)
  }
}

extension ReceivedPresence {
  init(_ stanza: Stanza) {
    self.init(
      from: StanzaAddress(stanza.from), type: stanza.kind.map(PresenceType.init(rawValue:)),
      show: stanza.show.map(PresenceShow.init(rawValue:)), status: stanza.status, xml: stanza.xml)
  }
}

extension Timeline {
  init(_ timeline: SnapbackFFI.Timeline) {
    self.init(
      flights: timeline.flights.map {
        Flight(
          sent: $0.sent,
          received: $0.received,
          startedAfter: Milliseconds.seconds($0.startedMs),
          took: $0.tookMs.map(Milliseconds.seconds))
      },
      local: timeline.local.map {
        LocalStep(
          name: $0.name,
          startedAfter: Milliseconds.seconds($0.startedMs),
          took: $0.tookMs.map(Milliseconds.seconds))
      },
      tls: timeline.tls.map {
        TlsSummary(
          version: $0.version, cipherSuite: $0.cipherSuite, keyExchange: $0.keyExchange, resumed: $0.resumed,
          earlyData: $0.earlyData)
      },
      fastOpen: timeline.fastOpen,
      took: timeline.tookMs.map(Milliseconds.seconds),
      bytesSent: timeline.bytesSent,
      bytesReceived: timeline.bytesReceived)
  }
}

extension DialReport {
  init(_ report: SnapbackFFI.DialReport) {
    self.init(
      queries: report.queries.map {
        NameQuery(
          name: $0.name,
          records: $0.records,
          source: $0.source,
          startedAfter: Milliseconds.seconds($0.startedMs),
          took: Milliseconds.seconds($0.tookMs),
          result: $0.result)
      },
      addresses: report.addresses.map {
        DialedAddress(
          host: $0.host,
          address: $0.address,
          startedAfter: Milliseconds.seconds($0.startedMs),
          took: $0.tookMs.map(Milliseconds.seconds),
          fate: $0.fate)
      })
  }
}

extension Roster {
  init(_ roster: SnapbackFFI.Roster) {
    self.init(
      version: roster.version,
      contacts: roster.contacts.compactMap { contact in
        Jid.optional(contact.jid).map { jid in
          Contact(
            jid: jid,
            name: contact.name,
            subscription: contact.subscription,
            asked: contact.asked,
            groups: contact.groups)
        }
      })
  }
}

extension IqAnswer {
  init(_ answer: SnapbackFFI.IqAnswer) {
    self.init(from: .optional(answer.from), payload: answer.payload)
  }
}
