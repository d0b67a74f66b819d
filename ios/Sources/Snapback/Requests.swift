import Foundation
import SnapbackFFI

/// A request of another entity that the app answers: an iq of type `get` or `set` (RFC 6120 section 8.2.3).
public struct InboundRequest: Sendable, Hashable, CustomStringConvertible {
  /// The requesting entity: any one that sees this client's presence. The app decides what it answers to whom.
  public let from: StanzaAddress
  /// Whether it asks for a change (`set`), and not for information (`get`).
  public let isSet: Bool
  /// The payload.
  public let payload: Element

  /// Creates a request, such as for a test or a preview.
  public init(from: StanzaAddress, isSet: Bool = false, payload: Element) {
    self.from = from
    self.isSet = isSet
    self.payload = payload
  }

  public var description: String { "InboundRequest(\(payload))" }
}

/// What the app answers to a request.
public enum RequestAnswer: Sendable {
  /// A result, with a payload or without one. At most 64 KiB, where the server states no other limit.
  case result(Element?)
  /// An error (RFC 6120 section 8.3): a defined condition such as `item-not-found`, what the requesting entity may do,
  /// and a text for people.
  case refused(condition: String, type: ErrorType = .cancel, text: String? = nil)
}

/// What the receiver of an error may do about it (RFC 6120 section 8.3.2).
public typealias ErrorType = SnapbackFFI.ErrorType

/// Answers a request. It has 30 seconds; after that, or if it throws, an error is sent.
public typealias RequestHandler = @Sendable (InboundRequest) async throws -> RequestAnswer

/// Passes requests to the handlers of their namespaces: those of one namespace one after the other.
final class RequestHandlers: Sendable {
  private typealias Taken = (number: UInt64, request: InboundRequest)
  private let core: any Core
  private let queues = Locked<[String: AsyncStream<Taken>.Continuation]>([:])

  init(_ core: any Core) {
    self.core = core
  }

  func handle(_ namespace: String, _ handler: @escaping RequestHandler) throws {
    guard core.handlesRequests(namespace: namespace) else {
      throw SnapbackError.configuration(setting: "identity.requests")
    }
    // The core has at most 64 open requests.
    let (requests, queue) = AsyncStream<Taken>.makeStream()
    queues.withLock { $0.updateValue(queue, forKey: namespace) }?.finish()
    Task { [core] in
      for await taken in requests {
        await Self.answer(taken.number, core) { try await handler(taken.request) }
      }
    }
  }

  /// Ends when the core ends.
  func pump() async {
    while let request = await core.nextRequest() {
      let queue = queues.withLock { $0[request.namespace] }
      guard let queue, let payload = Element.received(request.payload) else {
        await Self.answer(request.number, core) { .refused(condition: "service-unavailable") }
        continue
      }
      let from = StanzaAddress(request.from)
      queue.yield((request.number, InboundRequest(from: from, isSet: request.isSet, payload: payload)))
    }
    for queue in queues.withLock({ Array($0.values) }) { queue.finish() }
  }

  private static func answer(
    _ number: UInt64, _ core: any Core, _ handler: @Sendable () async throws -> RequestAnswer
  ) async {
    let failed = RequestAnswer.refused(condition: "internal-server-error")
    let answer = (try? await handler()) ?? failed
    switch answer {
    case .result(let payload):
      if let payload, (try? payload.xml()) == nil {
        return await refuse(number, core, failed)
      }
      // If it is too large, the core sends an error instead.
      _ = try? await core.respond(number: number, payload: payload.flatMap { try? $0.xml() })
    case .refused:
      await refuse(number, core, answer)
    }
  }

  private static func refuse(_ number: UInt64, _ core: any Core, _ answer: RequestAnswer) async {
    guard case .refused(let condition, let type, let text) = answer else { return }
    _ = try? await core.refuse(number: number, kind: type, condition: condition, text: text)
  }
}

extension SnapbackClient {
  /// Answers the requests of other entities whose payload has this namespace, from now on. Those of one namespace are
  /// handled one after the other. Set the handlers before ``connect()``: a request without one is refused. Another
  /// handler for the same namespace replaces the first.
  ///
  /// Only entities that see this client's presence reach a handler; all others get the error of an absent client.
  ///
  /// - Throws: ``SnapbackError/configuration(setting:)`` if ``Identity/requests`` does not name the namespace.
  public func onRequest(_ namespace: String, _ handler: @escaping RequestHandler) throws {
    try requests.handle(namespace, handler)
  }
}
