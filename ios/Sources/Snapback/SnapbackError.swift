import Foundation
import SnapbackFFI

/// Why a call failed. The description is meant for logs, and safe to log; the fields are meant for programs.
public enum SnapbackError: Error, Sendable, Hashable {
  /// The client is closed.
  case closed
  /// A text is not a JID (RFC 7622).
  case invalidJid(JidProblem)
  /// The account's JID has no localpart, so that it is the JID of a server.
  case accountWithoutLocalpart
  /// The store cannot be used. `notYetUnlocked`: the device was not unlocked since it was started; retryable.
  /// `ownedElsewhere`: another process has it open; retryable.
  case storage(StorageProblem)
  /// The vault cannot be used, when the client is opened. The error has the status of the system.
  case vault(VaultError)
  /// The client has stopped reading from the server, because too many events wait and ``SnapbackClient/events`` have no
  /// iterator: an acknowledgement that is waited for cannot arrive.
  case eventsNotIterated
  /// TLS cannot be set up.
  case tls(detail: String)
  /// The value of a setting cannot be used, such as a name server that is not an IP address.
  case configuration(setting: String)
  /// The system does not provide threads or random numbers.
  case unsupported(detail: String)
  /// The queue of outbound stanzas is full. Stanzas leave it when the server acknowledges them.
  case queueFull(limit: UInt64)
  /// An extension, payload or stanza is not exactly one well-formed XML element.
  case badXml
  /// The stanza is larger than the limit; see ``Configuration/maxStanza``. The sizes are in bytes of XML, and `nil` for
  /// a request.
  case tooBig(size: UInt64?, limit: UInt64?)
  /// Its receivers would refuse the stanza: it exceeds `limit`, which is `depth`, `nodes`, `attributes` or `namespaces`.
  case tooComplex(limit: String)
  /// A specification forbids what the message contains, such as an empty id or a reaction that is no emoji.
  case badContent(problem: String)
  /// The element is neither a message nor a presence.
  case notAStanza
  /// A stanza is not sent, or not sent again.
  case sendFailed(FailureReason)
  /// The request was answered with a stanza error (RFC 6120 section 8.3). `type` is what to do, `cancel` if the answer
  /// does not say; `condition` is the defined condition, such as `item-not-found`; `text` is the responding
  /// entity's own text, which is not safe to log; `error` is the element with the application-specific conditions and
  /// their data (RFC 6120 section 8.3.4).
  case refused(type: ErrorType, condition: String, text: String?, error: Element?)
  /// The session in which the request was sent is lost. The request may or may not have been carried out.
  case sessionLost
  /// No answer arrived within the timeout. The request may or may not have been carried out.
  case timedOut
  /// A request could not be stored for sending.
  case notQueued
  /// No certificate with this key was refused, or for a reason that no trust outweighs, such as a revocation.
  case keyNotRefused
  /// An authority has issued the certificate of an earlier login; only ``ServerKeys/dangerouslyTrust(_:)`` trusts a key.
  case keyProvenByAuthority
  /// More keys than can be kept.
  case tooManyKeys(limit: UInt64)
  /// The answer of another entity violates its specification.
  case unreadable(detail: String)
  /// A node is configured otherwise than the options demand; nothing was published (XEP-0060 section 7.1.5).
  case preconditionNotMet
  /// The file is too large for the upload service; the limit is in bytes, and `nil` if the service states none.
  case fileTooLarge(limit: UInt64?)
  /// The upload service gives no slot now; `at` is `nil` if the service states no time.
  case retryLater(at: Date?)
  /// The data of an avatar cannot be used.
  case avatar(AvatarProblem)
  /// A room did not let the user in, or not with this nickname (XEP-0045 section 7.2).
  case notJoined(RoomRefusal)
  /// A bug in Snapback.
  case `internal`
}

/// Why a text is not a JID (RFC 7622 section 3).
public enum JidProblem: Sendable, Hashable {
  /// A part is present but empty, or empty after normalization.
  case empty(part: JidPart)
  /// A part is longer than 1023 bytes.
  case tooLong(part: JidPart)
  /// A part contains characters that its PRECIS profile does not allow.
  case disallowed(part: JidPart)
  /// A label of the domain is not a valid label of a host name.
  case domainLabel
  /// The domain begins with `[` but is not an IPv6 address in brackets.
  case ipLiteral
  /// A bare JID was expected, and this one has a resource.
  case unexpectedResource
  /// A full JID was expected, and this one has no resource.
  case missingResource
}

extension SnapbackError: LocalizedError, CustomStringConvertible {
  /// The error in English, safe to log.
  public var description: String {
    switch self {
    case .closed: "the client is closed"
    case .invalidJid(let problem): "not a JID: \(problem)"
    case .accountWithoutLocalpart: "the account's JID has no localpart"
    case .storage(let problem): "storage: \(problem)"
    case .vault(let error): error.description
    case .eventsNotIterated: "too many events wait, and no iterator takes them"
    case .tls(let detail): detail
    case .configuration(let setting): "\(setting) cannot be used"
    case .unsupported(let detail): detail
    case .queueFull(let limit): "the queue is full: it holds \(limit) stanzas"
    case .badXml: "not one well-formed element"
    case .tooBig(let size?, let limit?): "it has \(size) bytes, and may have \(limit)"
    case .tooBig: "it has too many bytes"
    case .tooComplex(let limit): "its receivers would refuse it: \(limit)"
    case .badContent(let problem): problem
    case .notAStanza: "neither a message nor a presence"
    case .sendFailed(.sessionLost): "not sent: its session was lost"
    case .sendFailed(.notOnline): "not sent: there was no session"
    case .sendFailed(.refused(_, let condition, _, _)): "not sent: \(condition)"
    case .sendFailed(.tooBig(let size, let limit)): "not sent: it has \(size) bytes, and the server takes \(limit)"
    case .sendFailed(.streamEnded(let condition)): "not sent: the server ended the stream: \(condition)"
    case .refused(_, let condition, _, _): "refused: \(condition)"
    case .sessionLost: "the session was lost"
    case .timedOut: "no answer came in time"
    case .notQueued: "it could not be queued"
    case .keyNotRefused: "no certificate with this key was refused"
    case .keyProvenByAuthority: "an authority has vouched for this server"
    case .tooManyKeys(let limit): "more than \(limit) keys"
    case .unreadable(let detail): detail
    case .preconditionNotMet: "the node is configured otherwise"
    case .fileTooLarge: "the file is too large"
    case .retryLater: "the service gives no slot now"
    case .avatar(let problem): "avatar: \(problem)"
    case .notJoined(let refusal): "not joined: \(refusal.problem)"
    case .internal: "internal error"
    }
  }

  /// The same as `description`.
  public var errorDescription: String? { description }
}

extension SnapbackError {
  /// Whether the same call may succeed later, although the app and the user change nothing: after the device is unlocked,
  /// another process has closed the store, or the server has answered.
  public var isRetryable: Bool {
    switch self {
    case .storage(let problem): [.notYetUnlocked, .vaultLocked, .ownedElsewhere, .suspended].contains(problem)
    case .vault(let error): error.kind == .locked
    case .refused(let type, _, _, _): type == .wait
    case .queueFull, .sessionLost, .timedOut, .notQueued: true
    default: false
    }
  }

  /// Runs a call of the core, and converts its errors to those of this package.
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
    case let error as XmlProblem: SnapbackError(error)
    case let error as KeyError: SnapbackError(error)
    case let error as PushError: SnapbackError(error)
    case let error as ServiceError: SnapbackError(error)
    case let error as RoomError: SnapbackError(error)
    case is SnapbackError, is CancellationError: error
    // An error of the binding itself: its two halves have different versions, or the core panicked.
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
      // The verifier exists only on Android.
      case .VerifierNotInitialized, .Internal: .internal
      }
  }

  private init(_ error: RoomError) {
    self =
      switch error {
      case .Refused(let refusal): .notJoined(RoomRefusal(refusal))
      case .Recipient(let problem): .invalidJid(JidProblem(problem))
      case .Closed: .closed
      case .Internal: .internal
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
      case .Content(let problem): .badContent(problem: problem)
      case .NotAStanza: .notAStanza
      case .Storage(let problem): .storage(problem)
      case .Closed: .closed
      case .Internal: .internal
      }
  }

  private init(_ error: XmlProblem) {
    self =
      switch error {
      case .BadXml: .badXml
      case .TooBig(let size, let limit): .tooBig(size: size, limit: limit)
      case .TooComplex(let limit): .tooComplex(limit: limit)
      }
  }

  init(_ error: IqError) {
    self =
      switch error {
      case .Refused(let kind, let condition, let text, let xml):
        .refused(type: ErrorType(kind), condition: condition, text: text, error: .received(xml))
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

extension ErrorType {
  /// Reads the attribute `type` of an element `error`. Another value allows no retry.
  init(_ text: String) {
    self =
      switch text {
      case "auth": .auth
      case "continue": .continue
      case "modify": .modify
      case "wait": .wait
      default: .cancel
      }
  }
}

extension JidProblem: CustomStringConvertible {
  /// The problem in English, without the text that is not a JID.
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
