import SnapbackFFI

/// The push notifications of an account (XEP-0357), from ``SnapbackClient/push``: where the server publishes them while this
/// client is away. Snapback repeats the request in each new session; the app states what it wants, and Snapback stores it.
///
/// ```swift
/// try await client.push.enable(service: try Jid("push.example.org"), node: tokenOfYourPushService)
/// ```
public struct PushNotifications: Sendable {
  let core: any Core

  /// Enables push notifications: the server is asked to publish them at `node` of `service`, now and in the first flight
  /// of each new session, until ``disable()`` or ``SnapbackClient/logOut()``. Returns once that is stored, connected or
  /// not. Another service or node replaces the one of before, which is disabled; the same again costs nothing. So call
  /// this at each start of the app, and whenever the push network assigns another token.
  ///
  /// ``Event/pushEnabled`` and ``Event/pushRefused(condition:text:)`` say what the server answers, in each new session.
  ///
  /// - Parameters:
  ///   - service: The address of the app's push service, which passes notifications on to APNs or another push network.
  ///   - node: The node of this installation at the push service; `nil` if the push service has none.
  ///   - options: What the push service demands with each notification, such as `secret` (XEP-0357 section 5), by the
  ///     names of the fields. Together with `service` and `node`, at most 4096 bytes.
  /// - Throws: ``SnapbackError/tooBig(size:limit:)`` if they are longer, ``SnapbackError/storage(_:)`` if the store
  ///   cannot be written.
  public func enable(service: Jid, node: String? = nil, options: [String: String] = [:]) async throws {
    try await SnapbackError.translating {
      try await core.enablePush(service: service.description, node: node, options: options)
    }
  }

  /// Disables push notifications: the server is told now or, without a connection, at the beginning of the next one.
  /// Returns once that is stored.
  ///
  /// - Throws: ``SnapbackError/storage(_:)`` if the store cannot be written.
  public func disable() async throws {
    try await SnapbackError.translating { try await core.disablePush() }
  }
}

extension SnapbackClient {
  /// Where the server publishes push notifications (XEP-0357).
  public var push: PushNotifications { PushNotifications(core: core) }
}

extension SnapbackError {
  init(_ error: PushError) {
    self =
      switch error {
      case .InvalidAddress(let problem): .invalidJid(JidProblem(problem))
      case .TooBig(let size, let limit): .tooBig(size: size, limit: limit)
      case .Storage(let problem): .storage(problem)
      case .Closed: .closed
      case .Internal: .internal
      }
  }
}
