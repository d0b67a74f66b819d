import SnapbackFFI

/// What other entities support (XEP-0030, XEP-0115), from ``SnapbackClient/discovery``.
public struct Discovery: Sendable {
  let core: any Core

  /// Returns the identities and features of an entity, or of a node of it.
  public func info(of jid: Jid, node: String? = nil) async throws -> DiscoInfo {
    try await SnapbackError.requesting { [core] in try await core.discoInfo(to: jid.description, node: node) }
  }

  /// Returns the items of an entity, such as the services of a server.
  public func items(of jid: Jid, node: String? = nil) async throws -> [DiscoItem] {
    let items = try await SnapbackError.requesting { [core] in
      try await core.discoItems(to: jid.description, node: node)
    }
    return items.compactMap { item in
      Jid.optional(item.jid).map { DiscoItem(jid: $0, node: item.node, name: item.name) }
    }
  }

  /// Returns what the client supports that sent this presence, with its hash verified; `nil` if the presence shows no
  /// hash. Keep the valid ones by `ver`, and ask once for each.
  public func caps(of presence: ReceivedPresence) async throws -> CapsInfo? {
    try await SnapbackError.requesting { [core] in try await core.discoCaps(presence: presence.xml) }
  }
}

/// What an entity supports.
public typealias DiscoInfo = SnapbackFFI.DiscoInfo
/// What an entity is.
public typealias DiscoIdentity = SnapbackFFI.DiscoIdentity
/// What a client supports whose presence shows caps.
public typealias CapsInfo = SnapbackFFI.CapsInfo

/// An item of an entity, such as a service of a server.
public struct DiscoItem: Sendable, Hashable {
  /// Its address.
  public let jid: Jid
  /// Which part of that address it is.
  public let node: String?
  /// Its name, for people.
  public let name: String?

  /// Creates an item, such as for a test or a preview.
  public init(jid: Jid, node: String? = nil, name: String? = nil) {
    self.jid = jid
    self.node = node
    self.name = name
  }
}
