import Foundation
import SnapbackFFI

/// Why the data of an avatar is not used.
public typealias AvatarProblem = SnapbackFFI.AvatarProblem

extension SnapbackError {
  init(_ error: ServiceError) {
    self =
      switch error {
      case .Request(let problem): SnapbackError(problem)
      case .Unreadable(let detail): .unreadable(detail: detail)
      case .PreconditionNotMet: .preconditionNotMet
      case .FileTooLarge(let limit): .fileTooLarge(limit: limit)
      case .RetryLater(let at): .retryLater(at: at.map { Date(timeIntervalSince1970: TimeInterval($0) / 1000) })
      case .Avatar(let problem): .avatar(problem)
      }
  }

  /// Runs a request of the core. If the task is cancelled, this throws `CancellationError` at once; the request may be
  /// carried out nevertheless.
  static func requesting<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    try Task.checkCancellation()
    let answer = Answer<T>()
    Task {
      do {
        answer.set(.success(try await translating(work)))
      } catch {
        answer.set(.failure(error))
      }
    }
    return try await withTaskCancellationHandler {
      try await answer.value()
    } onCancel: {
      answer.set(.failure(CancellationError()))
    }
  }
}

/// A result that is set once, and awaited once.
private final class Answer<T: Sendable>: Sendable {
  private enum Phase {
    case unset
    case awaited(CheckedContinuation<T, any Error>)
    case set(Result<T, any Error>)
  }

  private let phase = Locked<Phase>(.unset)

  func set(_ result: Result<T, any Error>) {
    let waiting: CheckedContinuation<T, any Error>? = phase.withLock { phase in
      switch phase {
      case .unset:
        phase = .set(result)
        return nil
      case .awaited(let continuation):
        phase = .set(result)
        return continuation
      case .set:
        return nil
      }
    }
    waiting?.resume(with: result)
  }

  func value() async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      let done: Result<T, any Error>? = phase.withLock { phase in
        if case .set(let result) = phase { return result }
        phase = .awaited(continuation)
        return nil
      }
      if let done { continuation.resume(with: done) }
    }
  }
}

/// Changes of the account at its server (XEP-0077), from ``SnapbackClient/account``.
public struct Account: Sendable {
  let core: any Core

  /// Changes the password, and logs in with it from then on. After ``SnapbackError/timedOut``,
  /// ``SnapbackError/sessionLost`` or a cancellation the next login shows whether it was changed.
  public func changePassword(_ password: String) async throws {
    try await SnapbackError.requesting { [core] in try await core.changePassword(password: password) }
  }

  /// Deletes the account, then logs out.
  public func delete() async throws {
    try await SnapbackError.requesting { [core] in try await core.change(change: .deleteAccount) }
  }
}

/// Subscriptions to presence (RFC 6121 section 3), from ``SnapbackClient/subscriptions``.
public struct Subscriptions: Sendable {
  let core: any Core

  /// Asks a contact for their presence, with the name that the user wants to be called by (XEP-0172).
  public func request(to jid: Jid, nick: String? = nil) async throws {
    try await change(jid, .subscribe(nick: nick))
  }

  /// Shares the user's presence with a contact who has asked for it or, where the server supports it, who will ask for
  /// it (RFC 6121 section 3.4).
  public func approve(_ jid: Jid) async throws {
    try await change(jid, .approve)
  }

  /// Refuses a contact's request, ends the contact's subscription, or takes an approval in advance back.
  public func refuse(_ jid: Jid) async throws {
    try await change(jid, .refuse)
  }

  /// Ends the subscription to a contact's presence. The contact stays in the roster.
  public func end(to jid: Jid) async throws {
    try await change(jid, .unsubscribe)
  }

  private func change(_ jid: Jid, _ change: SubscriptionChange) async throws {
    try await SnapbackError.requesting { [core] in
      try await core.changeSubscription(with: jid.description, change: change)
    }
  }
}

/// A presence that is about a subscription, and not about availability; see ``ReceivedPresence/subscription``.
public struct SubscriptionNotice: Sendable, Hashable {
  /// The contact.
  public let contact: Jid
  /// What happened.
  public let step: SubscriptionStep
  /// The name that the contact claims (XEP-0172).
  public let nick: String?

  /// Creates a notice, such as for a test or a preview.
  public init(contact: Jid, step: SubscriptionStep, nick: String? = nil) {
    self.contact = contact
    self.step = step
    self.nick = nick
  }
}

/// What happened to a subscription.
public typealias SubscriptionStep = SnapbackFFI.SubscriptionStep

extension ReceivedPresence {
  /// What this presence says about a subscription; `nil` if it is about something else.
  public var subscription: SubscriptionNotice? {
    guard let notice = subscriptionNotice(presence: xml), let contact = Jid.optional(notice.contact) else { return nil }
    return SubscriptionNotice(contact: contact, step: notice.step, nick: notice.nick)
  }
}

extension SnapbackClient {
  /// The block list (XEP-0191).
  public var blocking: Blocking { Blocking(core: core) }
  /// Where files may be uploaded (XEP-0363).
  public var uploads: Uploads { Uploads(core: core) }
  /// Publish-subscribe, on the account or on a service (XEP-0060, XEP-0163).
  public var nodes: Nodes { Nodes(core: core) }
  /// What users show of themselves: avatars, nicknames, vCards.
  public var profiles: Profiles { Profiles(core: core) }
  /// What other entities support (XEP-0030).
  public var discovery: Discovery { Discovery(core: core) }
  /// Subscriptions to presence (RFC 6121 section 3).
  public var subscriptions: Subscriptions { Subscriptions(core: core) }
  /// Changes of the account at its server (XEP-0077).
  public var account: Account { Account(core: core) }
}
