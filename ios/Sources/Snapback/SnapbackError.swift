import Foundation
import SnapbackFFI

/// Why a call was not carried out. The description is for logs, and safe there; the fields are for programs.
public enum SnapbackError: Error, Sendable, Hashable {
  /// The client was closed.
  case closed
  /// A text is not an address.
  case invalidJid(JidProblem)
  /// The account has no localpart: there is nobody to log in as.
  case accountWithoutLocalpart
  /// The store cannot be used.
  case storage(StorageProblem)
  /// TLS cannot be set up.
  case tls(detail: String)
  /// A setting cannot be used.
  case configuration(setting: String)
  /// This device gives no threads or no random numbers.
  case unsupported(detail: String)
  /// The queue is full; it empties as the server acknowledges.
  case queueFull(limit: UInt64)
  /// An extension, payload or stanza is not one well-formed XML element.
  case badXml
  /// As XML it has more bytes than a server takes; the sizes, where they are known.
  case tooBig(size: UInt64?, limit: UInt64?)
  /// Its receivers would refuse it: over this limit, which is `depth`, `nodes`, `attributes` or `namespaces`.
  case tooComplex(limit: String)
  /// It is neither a message nor a presence.
  case notAStanza
  /// A stanza will not be sent (again).
  case sendFailed(FailureReason)
  /// The other side refused a request (RFC 6120 section 8.3): `auth`, `cancel`, `continue`, `modify` or `wait`; the
  /// defined condition, such as `item-not-found`; and its own words, which are not safe to log.
  case refused(type: String, condition: String, text: String?)
  /// The session that a request belonged to is gone; it may or may not have been carried out.
  case sessionLost
  /// No answer came in time; the request may or may not have been carried out.
  case timedOut
  /// A request could not be stored for sending.
  case notQueued
  /// A bug of ours.
  case `internal`
}

/// What is wrong with a text that is no address (RFC 7622).
public enum JidProblem: Sendable, Hashable {
  /// A part is there but empty, or becomes so.
  case empty(part: JidPart)
  /// A part is longer than 1023 bytes.
  case tooLong(part: JidPart)
  /// A part contains what its profile does not allow.
  case disallowed(part: JidPart)
  /// A label of the domain is not one of a host name.
  case domainLabel
  /// The domain begins with `[` but is no IPv6 address in brackets.
  case ipLiteral
  /// A bare address was expected, this one has a resource.
  case unexpectedResource
  /// A full address was expected, this one has no resource.
  case missingResource
}

extension SnapbackError: LocalizedError, CustomStringConvertible {
  /// What happened, in English and safe to log.
  public var description: String {
    switch self {
    case .closed: "the client is closed"
    case .invalidJid(let problem): "not a JID: \(problem)"
    case .accountWithoutLocalpart: "the account's JID has no localpart"
    case .storage(let problem): "storage: \(problem)"
    case .tls(let detail): detail
    case .configuration(let setting): "\(setting) cannot be used"
    case .unsupported(let detail): detail
    case .queueFull(let limit): "the queue is full: it holds \(limit) stanzas"
    case .badXml: "not one well-formed element"
    case .tooBig(let size?, let limit?): "it has \(size) bytes, and may have \(limit)"
    case .tooBig: "it has too many bytes"
    case .tooComplex(let limit): "its receivers would refuse it: \(limit)"
    case .notAStanza: "neither a message nor a presence"
    case .sendFailed(.sessionLost): "not sent: its session was lost"
    case .sendFailed(.refused(_, let condition, _)): "not sent: \(condition)"
    case .sendFailed(.tooBig(let size, let limit)): "not sent: it has \(size) bytes, and the server takes \(limit)"
    case .sendFailed(.streamEnded(let condition)): "not sent: the server ended the stream: \(condition)"
    case .refused(_, let condition, _): "refused: \(condition)"
    case .sessionLost: "the session was lost"
    case .timedOut: "no answer came in time"
    case .notQueued: "it could not be queued"
    case .internal: "internal error"
    }
  }

  /// The same.
  public var errorDescription: String? { description }
}

extension SnapbackError {
  /// Has the core do something, and turns what it throws into errors of this package.
  static func translating<T>(_ work: () async throws -> T) async throws -> T {
    do {
      return try await work()
    } catch {
      throw translated(error)
    }
  }

  static func translated(_ error: any Error) -> any Error {
    switch error {
    case let error as OpenError: SnapbackError(error)
    case let error as CallError: SnapbackError(error)
    case let error as SendError: SnapbackError(error)
    case let error as IqError: SnapbackError(error)
    case is SnapbackError, is CancellationError: error
    // The bridge's own: the two halves do not fit together, or a panic came through.
    default: SnapbackError.internal
    }
  }

  private init(_ error: OpenError) {
    self =
      switch error {
      case .Account(let problem): problem.map { .invalidJid(JidProblem($0)) } ?? .accountWithoutLocalpart
      case .Storage(let problem): .storage(problem)
      case .Tls(let detail): .tls(detail: detail)
      case .Configuration(let setting): .configuration(setting: setting)
      case .NoEntropy: .unsupported(detail: "the system gives no random numbers")
      case .NoThreads: .unsupported(detail: "the system gives no threads")
      // The verifier is Android's.
      case .VerifierNotInitialized, .Internal: .internal
      }
  }

  private init(_ error: CallError) {
    self =
      switch error {
      case .Closed: .closed
      case .Storage(let problem): .storage(problem)
      case .Internal: .internal
      }
  }

  private init(_ error: SendError) {
    self =
      switch error {
      case .QueueFull(let limit): .queueFull(limit: limit)
      case .Recipient(let problem): .invalidJid(JidProblem(problem))
      case .BadXml: .badXml
      case .TooBig(let size, let limit): .tooBig(size: size, limit: limit)
      case .TooComplex(let limit): .tooComplex(limit: limit)
      case .NotAStanza: .notAStanza
      case .Storage(let problem): .storage(problem)
      case .Closed: .closed
      case .Internal: .internal
      }
  }

  private init(_ error: IqError) {
    self =
      switch error {
      case .Refused(let kind, let condition, let text): .refused(type: kind, condition: condition, text: text)
      case .SessionLost: .sessionLost
      case .TimedOut: .timedOut
      case .Recipient(let problem): .invalidJid(JidProblem(problem))
      case .BadXml: .badXml
      case .TooBig: .tooBig(size: nil, limit: nil)
      case .TooComplex(let limit): .tooComplex(limit: limit)
      case .NotQueued: .notQueued
      case .Closed: .closed
      case .Internal: .internal
      }
  }
}

extension JidProblem: CustomStringConvertible {
  /// What is wrong, in English and without the text that it is about.
  public var description: String {
    switch self {
    case .empty(let part): "its \(part) is empty"
    case .tooLong(let part): "its \(part) is too long"
    case .disallowed(let part): "its \(part) holds what is not allowed there"
    case .domainLabel: "its domain is no host name"
    case .ipLiteral: "its domain is no IPv6 address"
    case .unexpectedResource: "it has a resource"
    case .missingResource: "it has no resource"
    }
  }
}

extension JidProblem {
  init(_ problem: SnapbackFFI.JidProblem) {
    self =
      switch problem {
      case .Empty(let part): .empty(part: part)
      case .TooLong(let part): .tooLong(part: part)
      case .Disallowed(let part): .disallowed(part: part)
      case .DomainLabel: .domainLabel
      case .IpLiteral: .ipLiteral
      case .UnexpectedResource: .unexpectedResource
      case .MissingResource: .missingResource
      }
  }
}
