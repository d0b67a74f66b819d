import Foundation
import SnapbackFFI

/// What the last connections did, failed ones too, and how good the connection is, from ``SnapbackClient/recorder``.
///
/// In memory: it begins anew with each process. It holds names of protocol messages, times and addresses of servers; no
/// content, no address of a person, no secret.
public struct FlightRecorder: Sendable {
  let core: any Core

  /// Returns the last attempts to connect, at most 256, the newest last. The last one is the connection that exists, if any.
  public func recentAttempts() async throws -> [AttemptRecord] {
    try await SnapbackError.translating { try await core.recentAttempts().map(AttemptRecord.init) }
  }

  /// Returns the same as lines of JSON, for a report of the user: `snapback trace` draws them. An error in it may contain
  /// what the server said.
  public func export() async throws -> String {
    try await SnapbackError.translating { try await core.exportAttempts() }
  }

  /// Returns how good the connection was in the last seven days, as far as this process knows.
  public func quality() async throws -> ConnectionQuality {
    try await SnapbackError.translating { ConnectionQuality(try await core.connectionQuality()) }
  }
}

extension SnapbackClient {
  /// What the last connections did, and how good the connection is.
  public var recorder: FlightRecorder { FlightRecorder(core: core) }
}

/// An attempt to connect, and the connection that came of it.
public struct AttemptRecord: Sendable {
  /// Counts from 1 since the client was opened.
  public let number: UInt64
  /// When its result was known, by the clock of the device.
  public let at: Date
  /// How the server was found and reached.
  public let dial: DialReport
  /// What each flight carried; `nil` if there was no transport.
  public let timeline: Timeline?
  /// The session that was established; `nil` if there was none.
  public let outcome: SessionOutcome?
  /// Why the connection or the attempt ended; `nil` for the connection that exists.
  public let ended: EndReason?
  /// How long the session lasted, in seconds, if it has ended.
  public let lasted: TimeInterval?

  init(_ record: SnapbackFFI.AttemptRecord) {
    number = record.number
    at = Date(timeIntervalSince1970: TimeInterval(record.atMs) / 1000)
    dial = DialReport(record.dial)
    timeline = record.timeline.map(Timeline.init)
    outcome = record.outcome
    ended = record.ended
    lasted = record.lastedMs.map(Milliseconds.seconds)
  }
}

/// How good the connection was.
public struct ConnectionQuality: Sendable, Hashable {
  /// Attempts to connect.
  public let attempts: UInt64
  /// Sessions that were resumed (XEP-0198).
  public let resumed: UInt64
  /// New sessions.
  public let bound: UInt64
  /// The time from when a session was wanted and possible, with a network and the process awake, to the session.
  public let timeToOnline: Percentiles?
  /// The time from the first packet of a connection to the session.
  public let login: Percentiles?
  /// The time of the last TCP handshake, in seconds: a round trip, or a little more.
  public let roundTrip: TimeInterval?
  /// Bytes written by logins, until the session was established.
  public let loginBytesSent: UInt64
  /// Bytes read by logins, until the session was established.
  public let loginBytesReceived: UInt64

  init(_ quality: SnapbackFFI.ConnectionQuality) {
    attempts = quality.attempts
    resumed = quality.resumed
    bound = quality.bound
    timeToOnline = quality.timeToOnline.map(Percentiles.init)
    login = quality.login.map(Percentiles.init)
    roundTrip = quality.roundTripMs.map(Milliseconds.seconds)
    loginBytesSent = quality.loginBytesSent
    loginBytesReceived = quality.loginBytesReceived
  }
}

/// Two percentiles of times, in seconds: half of them, and all but one in a hundred, took at most this long.
public struct Percentiles: Sendable, Hashable {
  public let p50: TimeInterval
  public let p99: TimeInterval

  init(_ percentiles: SnapbackFFI.Percentiles) {
    p50 = Milliseconds.seconds(percentiles.p50Ms)
    p99 = Milliseconds.seconds(percentiles.p99Ms)
  }
}
