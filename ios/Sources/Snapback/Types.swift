import Foundation
// Exported, so that the members of the types below are those of this module's users, too: without it, an app that enables
// `MemberImportVisibility` could not name a case. All else in there is visible to this package alone.
@_exported import SnapbackFFI

// Types that are the same in every language are those of the binding.

/// Why there is no connection.
public typealias OfflineReason = SnapbackFFI.OfflineReason
/// The current step of an attempt to connect.
public typealias ConnectionStep = SnapbackFFI.ConnectionStep
/// How a session was established: `bound` for a new one, `resumed` for the interrupted one (XEP-0198 section 5).
public typealias SessionOutcome = SnapbackFFI.SessionOutcome
/// Why a connection, or an attempt at one, ended.
public typealias EndReason = SnapbackFFI.EndReason
/// What went wrong with TLS.
public typealias TlsProblem = SnapbackFFI.TlsProblem
/// How far an outbound stanza is: `queued`, `sent`, then `acked` (XEP-0198 section 4) or `failed`.
public typealias Stage = SnapbackFFI.Stage
/// Why a stanza failed.
public typealias FailureReason = SnapbackFFI.FailureReason
/// Whether another client of the account sent or received a message that was copied (XEP-0280).
public typealias CarbonDirection = SnapbackFFI.CarbonDirection
/// Why the store cannot be used.
public typealias StorageProblem = SnapbackFFI.StorageProblem
/// What was wrong with the store when it was opened, and which data was lost.
public typealias OpenReport = SnapbackFFI.OpenReport
/// The state of the presence subscriptions with a contact (RFC 6121 section 2.1.2.5).
public typealias Subscription = SnapbackFFI.Subscription
/// How TLS starts: from the first byte (XEP-0368), or with STARTTLS (RFC 6120 section 5).
public typealias Transport = SnapbackFFI.TransportKind
/// The type of an IQ request: `get` or `set` (RFC 6120 section 8.2.3).
public typealias IqType = SnapbackFFI.IqKind
/// What a background sync has fetched (``SnapbackClient/drain(deadline:mayBind:)``).
public typealias DrainReport = SnapbackFFI.DrainReport
/// How a background sync went.
public typealias DrainOutcome = SnapbackFFI.DrainOutcome
/// The network as the platform reports it.
public typealias NetworkState = SnapbackFFI.NetworkState
/// Android's Private DNS on a network; `nil` in ``NetworkState`` on Apple's systems, whose resolver applies its own.
public typealias PrivateDns = SnapbackFFI.PrivateDns
/// The type of the records that a ``NameResolver`` is asked for.
public typealias RecordType = SnapbackFFI.RecordType
/// The answer of a ``NameResolver``.
public typealias DnsAnswer = SnapbackFFI.DnsAnswer
/// Who was asked for a name.
public typealias NameSource = SnapbackFFI.NameSource
/// The result of a query for a name.
public typealias NameResult = SnapbackFFI.NameResult
/// What became of an address that was dialed.
public typealias DialFate = SnapbackFFI.DialFate
/// One SRV record (RFC 2782).
public typealias SrvRecord = SnapbackFFI.SrvRecord
/// The severity of a log record.
public typealias LogLevel = SnapbackFFI.LogLevel
/// A part of a JID.
public typealias JidPart = SnapbackFFI.JidPart

/// The state of the connection.
public enum ConnectionState: Sendable, Hashable {
  /// There is no connection. `retryIn` is the time in seconds from this state until the next attempt; `nil` if none is
  /// scheduled.
  case offline(reason: OfflineReason, retryIn: TimeInterval?)
  /// An attempt to connect is under way.
  case connecting(step: ConnectionStep)
  /// A session is established. `roundTrips` is the number of round trips that this took, including the TCP handshake.
  /// `isCaughtUp` becomes true with ``Event/caughtUp``, but does not wait until the app has taken the earlier events.
  case online(outcome: SessionOutcome, roundTrips: Int, isCaughtUp: Bool)
}

/// The stored roster (RFC 6121 section 2).
public struct Roster: Sendable, Hashable {
  /// The roster version; `nil` if the server does not support versions (RFC 6121 section 2.6).
  public let version: String?
  /// The contacts, ordered by JID.
  public let contacts: [Contact]

  /// Creates a roster, such as for a test or a preview.
  public init(version: String? = nil, contacts: [Contact]) {
    self.version = version
    self.contacts = contacts
  }
}

/// A contact in the roster.
public struct Contact: Sendable, Hashable {
  /// The JID of the contact.
  public let jid: Jid
  /// The name that the user has given the contact.
  public let name: String?
  /// The state of the presence subscriptions with the contact.
  public let subscription: Subscription
  /// Whether a subscription request to the contact is unanswered (RFC 6121 section 2.1.2.2).
  public let asked: Bool
  /// The groups that the contact is in.
  public let groups: [String]

  /// Creates a contact, such as for a test or a preview.
  public init(
    jid: Jid, name: String? = nil, subscription: Subscription = .both, asked: Bool = false, groups: [String] = []
  ) {
    self.jid = jid
    self.name = name
    self.subscription = subscription
    self.asked = asked
    self.groups = groups
  }
}

/// The answer to an IQ request.
public struct IqAnswer: Sendable, Hashable {
  /// The entity that answered; `nil` for the user's own account.
  public let from: Jid?
  /// The payload as XML; `nil` if the answer is empty.
  public let payload: String?

  /// Creates an answer, such as for a test or a preview.
  public init(from: Jid? = nil, payload: String? = nil) {
    self.from = from
    self.payload = payload
  }

  /// The payload; `nil` if the answer is empty. It is parsed each time; keep the result.
  public var element: Element? { payload.flatMap(Element.received) }
}

/// How a connection reached its session: which flights it took, and what each carried.
public struct Timeline: Sendable, Hashable {
  /// The flights, in order.
  public let flights: [Flight]
  /// The steps that took time on this device.
  public let local: [LocalStep]
  /// The result of the TLS handshake; `nil` if there was none.
  public let tls: TlsSummary?
  /// Whether the TCP handshake carried the first flight (TCP Fast Open, RFC 7413).
  public let fastOpen: Bool
  /// The time from the first packet to the session, in seconds.
  public let took: TimeInterval?
  /// Bytes written until then.
  public let bytesSent: UInt64
  /// Bytes read until then.
  public let bytesReceived: UInt64

  /// Creates a timeline, such as for a test or a preview.
  public init(
    flights: [Flight] = [], local: [LocalStep] = [], tls: TlsSummary? = nil, fastOpen: Bool = false,
    took: TimeInterval? = nil, bytesSent: UInt64 = 0, bytesReceived: UInt64 = 0
  ) {
    self.flights = flights
    self.local = local
    self.tls = tls
    self.fastOpen = fastOpen
    self.took = took
    self.bytesSent = bytesSent
    self.bytesReceived = bytesReceived
  }

  /// The number of round trips, including the TCP handshake.
  public var roundTrips: Int { flights.count }
}

/// How a server was found and reached, or why it was not.
public struct DialReport: Sendable, Hashable {
  /// The queries for names, in the order of their ends. Empty if all addresses were known.
  public let queries: [NameQuery]
  /// The addresses that were dialed, in this order.
  public let addresses: [DialedAddress]

  /// Creates a report, such as for a test or a preview.
  public init(queries: [NameQuery] = [], addresses: [DialedAddress] = []) {
    self.queries = queries
    self.addresses = addresses
  }
}

/// A query for a name.
public struct NameQuery: Sendable, Hashable {
  /// The name, such as `_xmpps-client._tcp.example.org`.
  public let name: String
  /// The types of the records: `SRV`, or `A, AAAA`.
  public let records: String
  /// Who was asked.
  public let source: NameSource
  /// The time from the beginning of the dial until the query began, in seconds.
  public let startedAfter: TimeInterval
  /// How long it took, in seconds.
  public let took: TimeInterval
  /// Its result.
  public let result: NameResult

  /// Creates a query, such as for a test or a preview.
  public init(
    name: String, records: String, source: NameSource, startedAfter: TimeInterval = 0, took: TimeInterval = 0,
    result: NameResult
  ) {
    self.name = name
    self.records = records
    self.source = source
    self.startedAfter = startedAfter
    self.took = took
    self.result = result
  }
}

/// An address that was dialed.
public struct DialedAddress: Sendable, Hashable {
  /// The name of the host.
  public let host: String
  /// The address and the port.
  public let address: String
  /// The time from the beginning of the dial until this address was dialed, in seconds.
  public let startedAfter: TimeInterval
  /// The time until it was decided what becomes of it, in seconds; `nil` if it was not.
  public let took: TimeInterval?
  /// What became of it.
  public let fate: DialFate

  /// Creates a dialed address, such as for a test or a preview.
  public init(host: String, address: String, startedAfter: TimeInterval = 0, took: TimeInterval? = nil, fate: DialFate)
  {
    self.host = host
    self.address = address
    self.startedAfter = startedAfter
    self.took = took
    self.fate = fate
  }
}

/// One flight: what the client sent before it waited, and what it received for that.
public struct Flight: Sendable, Hashable {
  /// The names of what was sent.
  public let sent: [String]
  /// The names of what was received.
  public let received: [String]
  /// The time from the start of the connection until the flight was sent, in seconds.
  public let startedAfter: TimeInterval
  /// The time until the answer, in seconds; `nil` if there was none.
  public let took: TimeInterval?

  /// Creates a flight, such as for a test or a preview.
  public init(sent: [String] = [], received: [String] = [], startedAfter: TimeInterval = 0, took: TimeInterval? = nil) {
    self.sent = sent
    self.received = received
    self.startedAfter = startedAfter
    self.took = took
  }
}

/// A step that took time on this device.
public struct LocalStep: Sendable, Hashable {
  /// The name of the step.
  public let name: String
  /// The time from the start of the connection until the step began, in seconds.
  public let startedAfter: TimeInterval
  /// How long the step took, in seconds; `nil` if it did not end.
  public let took: TimeInterval?

  /// Creates a step, such as for a test or a preview.
  public init(name: String, startedAfter: TimeInterval = 0, took: TimeInterval? = nil) {
    self.name = name
    self.startedAfter = startedAfter
    self.took = took
  }
}

/// The result of the TLS handshake.
public struct TlsSummary: Sendable, Hashable {
  /// `TLS 1.3` or `TLS 1.2`.
  public let version: String
  /// The name of the cipher suite.
  public let cipherSuite: String
  /// The name of the key exchange group, such as `X25519`; `nil` in a resumed session of TLS 1.2.
  public let keyExchange: String?
  /// Whether the TLS session was resumed with a ticket, without a certificate (RFC 8446 section 2.2).
  public let resumed: Bool
  /// Whether the server accepted early data (RFC 8446 section 2.3).
  public let earlyData: Bool

  /// Creates a summary, such as for a test or a preview.
  public init(
    version: String, cipherSuite: String, keyExchange: String? = nil, resumed: Bool = false, earlyData: Bool = false
  ) {
    self.version = version
    self.cipherSuite = cipherSuite
    self.keyExchange = keyExchange
    self.resumed = resumed
    self.earlyData = earlyData
  }
}
