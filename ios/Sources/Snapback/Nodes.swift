import SnapbackFFI

/// Publish-subscribe (XEP-0060), on the account (XEP-0163) or on a service, from ``SnapbackClient/nodes``. Without a
/// service, each method is about the account.
///
/// A client that adds ``notifyFeature(_:)`` of a node to ``Identity/features`` receives what its contacts publish there,
/// as messages: see ``SnapbackClient/nodeEvent(in:)``.
public struct Nodes: Sendable {
  let core: any Core

  /// Publishes an item. Returns its id, if the service states it. The node is created if need be. Without an id, the
  /// service chooses one.
  ///
  /// - Throws: ``SnapbackError/preconditionNotMet`` if the node exists and is configured otherwise than the options
  ///   demand; ``configure(_:_:at:)`` changes that.
  @discardableResult
  public func publish(
    _ payload: Element, on node: String, id: String? = nil, options: NodeOptions = NodeOptions(),
    at service: Jid? = nil
  ) async throws -> String? {
    let (xml, jid, options) = (try payload.xml(), service?.description, options.core)
    return try await SnapbackError.requesting { [core] in
      try await core.publish(service: jid, node: node, id: id, payload: xml, options: options)
    }
  }

  /// Removes an item, and notifies its subscribers.
  public func retract(_ id: String, from node: String, at service: Jid? = nil) async throws {
    let jid = service?.description
    try await SnapbackError.requesting { [core] in
      try await core.change(change: .retract(service: jid, node: node, id: id))
    }
  }

  /// Returns the newest items of a node, at most `max`; `nil`: all that the service sends at once.
  public func items(of node: String, max: UInt32? = nil, at service: Jid? = nil) async throws -> [NodeItem] {
    let jid = service?.description
    let items = try await SnapbackError.requesting { [core] in
      try await core.nodeItems(service: jid, node: node, max: max)
    }
    return items.map(NodeItem.init)
  }

  /// Returns the item with this id; `nil` if it is not there.
  public func item(_ id: String, of node: String, at service: Jid? = nil) async throws -> NodeItem? {
    let jid = service?.description
    let item = try await SnapbackError.requesting { [core] in
      try await core.nodeItem(service: jid, node: node, id: id)
    }
    return item.map(NodeItem.init)
  }

  /// Configures a node.
  public func configure(_ node: String, _ options: NodeOptions, at service: Jid? = nil) async throws {
    let (jid, options) = (service?.description, options.core)
    try await SnapbackError.requesting { [core] in
      try await core.change(change: .configureNode(service: jid, node: node, options: options))
    }
  }

  /// Removes a node with its items.
  public func delete(_ node: String, at service: Jid? = nil) async throws {
    let jid = service?.description
    try await SnapbackError.requesting { [core] in
      try await core.change(change: .deleteNode(service: jid, node: node))
    }
  }

  /// Returns the feature that asks for the events of a node.
  public static func notifyFeature(_ node: String) -> String {
    SnapbackFFI.notifyFeature(node: node)
  }
}

/// Who may read the items of a node (XEP-0060 section 4.5).
public typealias AccessModel = SnapbackFFI.AccessModel

/// The configuration of a node, as far as the app demands it; `nil` leaves a setting to the service.
public struct NodeOptions: Sendable, Hashable {
  /// Who may read.
  public var access: AccessModel?
  /// How many items are kept.
  public var maxItems: UInt32?
  /// Whether items are kept at all.
  public var persistItems: Bool?
  /// Others, by field, such as `pubsub#send_last_published_item`.
  public var others: [String: String]

  /// Creates options.
  public init(
    access: AccessModel? = nil, maxItems: UInt32? = nil, persistItems: Bool? = nil, others: [String: String] = [:]
  ) {
    self.access = access
    self.maxItems = maxItems
    self.persistItems = persistItems
    self.others = others
  }

  var core: SnapbackFFI.NodeOptions {
    SnapbackFFI.NodeOptions(
      access: access, maxItems: maxItems, persistItems: persistItems,
      others: others.map { NodeOption(field: $0.key, value: $0.value) })
  }
}

/// An item of a node.
public struct NodeItem: Sendable, Hashable, CustomStringConvertible {
  /// Its id; `nil` if the service states none.
  public let id: String?
  /// Its payload; `nil` if only the id was sent.
  public let payload: Element?

  /// Creates an item, such as for a test or a preview.
  public init(id: String? = nil, payload: Element? = nil) {
    self.id = id
    self.payload = payload
  }

  public var description: String { "NodeItem(\(id ?? ""))" }

  init(_ item: SnapbackFFI.NodeItem) {
    id = item.id
    payload = item.payload.flatMap(Element.received)
  }
}

/// What happened on a node.
public struct NodeEvent: Sendable, Hashable {
  /// The account or service: the sender of the message. An event is about no other one.
  public let service: Jid
  /// The node.
  public let node: String
  /// What happened.
  public let change: NodeChange

  /// Creates an event, such as for a test or a preview.
  public init(service: Jid, node: String, change: NodeChange) {
    self.service = service
    self.node = node
    self.change = change
  }
}

/// What happened on a node.
public enum NodeChange: Sendable, Hashable {
  /// Items were published, or removed: `retracted` has their ids.
  case items(published: [NodeItem], retracted: [String])
  /// All items were removed.
  case purged
  /// The node was removed.
  case deleted
}

extension SnapbackClient {
  /// Returns what happened on a node, if this message is about that (XEP-0060); `nil` otherwise.
  public func nodeEvent(in message: ReceivedMessage) -> NodeEvent? {
    guard let event = core.nodeEvent(message: message.xml),
      let service = Jid.optional(event.service)
    else { return nil }
    let change: NodeChange =
      switch event.change {
      case .items(let published, let retracted):
        .items(published: published.map(NodeItem.init), retracted: retracted)
      case .purged: .purged
      case .deleted: .deleted
      }
    return NodeEvent(service: service, node: event.node, change: change)
  }
}
