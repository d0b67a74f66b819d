import SnapbackFFI

/// A page of history (XEP-0313), from ``SnapbackClient/history(with:before:limit:)`` or ``Room/history(before:limit:)``. It is
/// complete: no result follows it.
///
/// ```swift
/// var page = try await client.history(with: romeo)
/// show(page.messages)
/// if let next = page.next { page = try await client.history(with: romeo, before: next) }
/// ```
public struct HistoryPage: Sendable {
  /// The messages, the newest one first. Those that the account itself sent are among them.
  public let messages: [HistoryMessage]
  /// What to pass as `before` for the page of older messages; `nil` if this page begins with the oldest one.
  public let next: String?
  /// How many messages were left out because they could not be read.
  public let unreadable: Int

  /// Creates a page, such as for a test or a preview.
  public init(messages: [HistoryMessage] = [], next: String? = nil, unreadable: Int = 0) {
    self.messages = messages
    self.next = next
    self.unreadable = unreadable
  }

  init(_ page: SnapbackFFI.HistoryPage) {
    messages = page.messages.map(HistoryMessage.init)
    next = page.next
    unreadable = Int(page.unreadable)
  }
}

/// A message of an archive. It is no delivery: there is nothing to confirm.
public struct HistoryMessage: Sendable, Identifiable, CustomStringConvertible {
  /// The id in the archive, which a live message carries among its stanza ids (XEP-0359).
  public let id: String
  /// When it was archived, by the server's clock, in milliseconds since 1970; `nil` if the server does not say.
  public let archivedAt: Int64?
  /// The message.
  public let message: ReceivedMessage

  /// Creates a message of an archive, such as for a test or a preview.
  public init(id: String, archivedAt: Int64? = nil, message: ReceivedMessage) {
    self.id = id
    self.archivedAt = archivedAt
    self.message = message
  }

  init(_ core: SnapbackFFI.HistoryMessage) {
    id = core.archiveId
    archivedAt = core.archivedAtMs
    message = ReceivedMessage(core.stanza, core.content)
  }

  public var description: String { "HistoryMessage(\(id))" }
}

extension SnapbackClient {
  /// Returns a page of the account's history, from the newest message backwards. Its messages are no events: they are
  /// neither stored nor confirmed, and messages that arrive meanwhile are not among them. Waits for a session, and
  /// continues over connections that break, for at most 60 seconds.
  ///
  /// - Parameters:
  ///   - with: Only the conversation with this address; with a bare one, whatever the resource. `nil`: all.
  ///   - before: ``HistoryPage/next`` of the page before. `nil`: the newest messages.
  ///   - limit: The maximum number of messages, from 1 to 100; the server may return fewer. Default: 50, since that is
  ///     the most that Prosody returns unless it is configured otherwise.
  /// - Throws: ``SnapbackError/refused(type:condition:text:error:)``: `item-not-found` if the archive no longer has
  ///   `before`, `service-unavailable` if there is no archive.
  public func history(with: Jid? = nil, before: String? = nil, limit: Int = 50) async throws -> HistoryPage {
    try await historyPage(of: nil, with: with, before: before, limit: limit)
  }

  func historyPage(of room: Jid?, with: Jid?, before: String?, limit: Int) async throws -> HistoryPage {
    let limit = UInt32(min(max(limit, 1), 100))
    let page = try await SnapbackError.requesting { [core] in
      try await core.history(
        room: room?.description, with: with?.description, before: before, limit: limit)
    }
    return HistoryPage(page)
  }
}

extension Room {
  /// Returns a page of the room's history, as ``SnapbackClient/history(with:before:limit:)`` does for the account.
  public func history(before: String? = nil, limit: Int = 50) async throws -> HistoryPage {
    try await client.historyPage(of: jid, with: nil, before: before, limit: limit)
  }
}
