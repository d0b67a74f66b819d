import Foundation
import SnapbackFFI

// What is the same in every language comes from the core as it is.

/// Why there is no connection.
public typealias OfflineReason = SnapbackFFI.OfflineReason
/// How far an attempt is.
public typealias ConnectionStep = SnapbackFFI.ConnectionStep
/// How a session began: `bound` for a new one, `resumed` if the interrupted one goes on.
public typealias SessionOutcome = SnapbackFFI.SessionOutcome
/// Why a connection, or an attempt at one, ended.
public typealias EndReason = SnapbackFFI.EndReason
/// What went wrong with TLS.
public typealias TlsProblem = SnapbackFFI.TlsProblem
/// The life of an outbound stanza: `queued`, `sent`, then `acked` or `failed`.
public typealias Stage = SnapbackFFI.Stage
/// Why a stanza failed.
public typealias FailureReason = SnapbackFFI.FailureReason
/// Which way a copied message went.
public typealias CarbonDirection = SnapbackFFI.CarbonDirection
/// What the store says about itself.
public typealias StorageProblem = SnapbackFFI.StorageProblem
/// What was found in the store when it was opened.
public typealias OpenReport = SnapbackFFI.OpenReport
/// Who sees whom.
public typealias Subscription = SnapbackFFI.Subscription
/// How TLS starts at a server: at once, or on a stream that begins in the clear.
public typealias Transport = SnapbackFFI.TransportKind
/// What a request wants: `get` or `set`.
public typealias IqType = SnapbackFFI.IqKind
/// What a short visit came to.
public typealias DrainOutcome = SnapbackFFI.DrainOutcome
/// The network as the platform sees it.
public typealias NetworkState = SnapbackFFI.NetworkState
/// One SRV record (RFC 2782).
public typealias SrvRecord = SnapbackFFI.SrvRecord
/// How much a log record matters.
public typealias LogLevel = SnapbackFFI.LogLevel
/// A part of an address.
public typealias JidPart = SnapbackFFI.JidPart

/// Where the connection stands.
public enum ConnectionState: Sendable, Hashable {
  /// There is no connection; the next attempt is made in so many seconds, if one is planned.
  case offline(reason: OfflineReason, retryIn: TimeInterval?)
  /// There will be one soon.
  case connecting(step: ConnectionStep)
  /// There is a session, after so many round trips.
  case online(outcome: SessionOutcome, roundTrips: Int)
}

/// The roster as it is stored.
public struct Roster: Sendable, Hashable {
  /// Its version, if the server does versions.
  public let version: String?
  /// Its contacts, ordered by address.
  public let contacts: [Contact]
}

/// Somebody in the roster.
public struct Contact: Sendable, Hashable {
  /// Whose it is.
  public let jid: Jid
  /// The name that the user gave.
  public let name: String?
  /// Who sees whom.
  public let subscription: Subscription
  /// We asked to see the contact and have no answer.
  public let asked: Bool
  /// The groups that the contact is in.
  public let groups: [String]
}

/// The answer to a request.
public struct IqAnswer: Sendable, Hashable {
  /// Who answered; `nil` if it is our own account.
  public let from: Jid?
  /// The payload as XML, if there is one.
  public let payload: String?
}

/// How a connection came to its session: what each round trip was spent on.
public struct Timeline: Sendable, Hashable {
  /// The flights, in order.
  public let flights: [Flight]
  /// What took time on this device.
  public let local: [LocalStep]
  /// What TLS agreed on.
  public let tls: TlsSummary?
  /// From the first packet to the session, in seconds.
  public let took: TimeInterval?
  /// Bytes written until then.
  public let bytesSent: UInt64
  /// Bytes read until then.
  public let bytesReceived: UInt64

  /// How many round trips it took, the TCP handshake included.
  public var roundTrips: Int { flights.count }
}

/// What was sent before waiting, and what came back, by name.
public struct Flight: Sendable, Hashable {
  /// What was sent.
  public let sent: [String]
  /// What came back.
  public let received: [String]
  /// When it left, in seconds from the beginning.
  public let startedAfter: TimeInterval
  /// How long the answer took, in seconds, if there was one.
  public let took: TimeInterval?
}

/// Something that took time on this device.
public struct LocalStep: Sendable, Hashable {
  /// What it was.
  public let name: String
  /// When it began, in seconds from the beginning.
  public let startedAfter: TimeInterval
  /// How long it took, in seconds, if it ended.
  public let took: TimeInterval?
}

/// What the TLS handshake agreed on.
public struct TlsSummary: Sendable, Hashable {
  /// `TLS 1.3` or `TLS 1.2`.
  public let version: String
  /// Name of the cipher suite.
  public let cipherSuite: String
  /// A ticket replaced the certificate.
  public let resumed: Bool
  /// The server took early data.
  public let earlyData: Bool
}
