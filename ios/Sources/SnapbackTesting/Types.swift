import Foundation
import Snapback

/// What the app has sent, in ``FakeSnapback/sent``.
public enum SentItem: Sendable, Hashable {
  /// A message, as the app gave it to the client, with its id.
  case message(Message)
  /// A presence stanza.
  case presence(SentPresence)
  /// A request of the method `iq`.
  case request(SentRequest)

  var id: String? {
    switch self {
    case .message(let message): message.id
    case .presence(let presence): presence.id
    case .request: nil
    }
  }
}

/// A presence stanza that the app has sent.
public struct SentPresence: Sendable, Hashable {
  /// The attribute `id`, which the client has generated.
  public let id: String
  /// The recipient; `nil` for all contacts.
  public let to: Jid?
  /// The attribute `type`; `nil` means available.
  public let type: PresenceType?
  /// The element `<show/>`.
  public let show: PresenceShow?
  /// The element `<status/>`.
  public let status: String?
  /// The priority.
  public let priority: Int8?
  /// Further children.
  public let children: [Element]
}

/// A request of the app (RFC 6120 section 8.2.3).
public struct SentRequest: Sendable, Hashable {
  /// The type.
  public let type: IqType
  /// The recipient; `nil` for the user's own account.
  public let to: Jid?
  /// The payload.
  public let payload: Element

  /// Creates a request, to compare it with one of ``FakeSnapback/sent``.
  public init(type: IqType, to: Jid? = nil, payload: Element) {
    self.type = type
    self.to = to
    self.payload = payload
  }
}

/// Where the app wants push notifications (XEP-0357).
public struct PushTarget: Sendable, Hashable {
  /// The address of the push service.
  public let service: Jid
  /// The node of this installation.
  public let node: String?
  /// What the push service demands with each notification.
  public let options: [String: String]
}

/// Answers a request of the app: with the payload of a result, `nil` for an empty one, or by throwing a
/// `SnapbackError`, such as `SnapbackError.refused(type:condition:text:error:)`.
public typealias FakeAnswer = @Sendable (SentRequest) throws -> Element?

extension SnapbackError {
  /// The refusal of a request with a condition of RFC 6120 section 8.3.3, such as `item-not-found`.
  static func fake(_ condition: String, type: ErrorType = .cancel) -> SnapbackError {
    .refused(type: type, condition: condition, text: nil, error: nil)
  }
}
