import SnapbackFFI

/// The block list, which the server keeps and enforces (XEP-0191), from ``SnapbackClient/blocking``.
public struct Blocking: Sendable {
  let core: any Core

  /// Returns the blocked addresses. From then on, and as long as the session exists, each change is an event
  /// (``Event/blockListChanged(_:)``); after ``Event/online(_:)`` with a new session, call this again.
  public func list() async throws -> [Jid] {
    jids(of: try await SnapbackError.requesting { [core] in try await core.blockList() })
  }

  /// Blocks these addresses: of accounts, domains, or single resources.
  public func block(_ jids: Jid...) async throws {
    let list = jids.map(\.description)
    try await SnapbackError.requesting { [core] in try await core.change(change: .block(jids: list)) }
  }

  /// Unblocks these addresses.
  public func unblock(_ jids: Jid...) async throws {
    let list = jids.map(\.description)
    try await SnapbackError.requesting { [core] in try await core.change(change: .unblock(jids: list)) }
  }

  /// Unblocks all addresses.
  public func unblockAll() async throws {
    try await SnapbackError.requesting { [core] in try await core.change(change: .unblockAll) }
  }
}

/// A change of the block list, by any client of the account.
public enum BlockListChange: Sendable, Hashable {
  /// These are blocked from now on.
  case blocked([Jid])
  /// These are blocked no more.
  case unblocked([Jid])
  /// No address is blocked any more.
  case allUnblocked
}

extension BlockListChange {
  init(_ change: SnapbackFFI.BlockListChange) {
    self =
      switch change {
      case .blocked(let list): .blocked(jids(of: list))
      case .unblocked(let list): .unblocked(jids(of: list))
      case .allUnblocked: .allUnblocked
      }
  }
}

private func jids(of list: BlockList) -> [Jid] {
  list.jids.compactMap(Jid.optional)
}
