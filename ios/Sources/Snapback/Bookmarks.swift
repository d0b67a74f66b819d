import SnapbackFFI

/// The rooms that a user keeps, which all clients of the account share (XEP-0402), from ``SnapbackClient/bookmarks``.
///
/// ```swift
/// try await client.bookmarks.set(Bookmark(room: room, name: "Coven", isAutoJoined: true, nick: "thirdwitch"))
/// // In each new process, after the first login:
/// try await client.bookmarks.join(nick: "thirdwitch")
/// ```
///
/// All functions throw the same errors as `SnapbackClient.iq`.
public struct Bookmarks: Sendable {
  let client: SnapbackClient

  /// The feature that asks for changes: see ``change(in:)``.
  public static let notify = "urn:xmpp:bookmarks:1+notify"

  /// Returns the bookmarks. Those that cannot be read are left out.
  public func list() async throws -> [Bookmark] {
    let core = client.core
    return try await SnapbackError.requesting { try await core.bookmarks() }.compactMap(Bookmark.init)
  }

  /// Adds a bookmark, or replaces the one of the same room. To change one, start from what ``list()`` returns, so that
  /// the extensions of other clients are kept.
  public func set(_ bookmark: Bookmark) async throws {
    let (core, bookmark) = (client.core, try bookmark.core)
    try await SnapbackError.requesting { try await core.change(change: .setBookmark(bookmark: bookmark)) }
  }

  /// Removes the bookmark of a room. The room is not left.
  ///
  /// - Throws: `SnapbackError.refused` with `item-not-found` if there is none.
  public func remove(_ room: Jid) async throws {
    let core = client.core
    try await SnapbackError.requesting { try await core.change(change: .removeBookmark(room: room.description)) }
  }

  /// Joins all rooms whose bookmarks say so, at once, and returns them without waiting for the rooms: ``Rooms/events``
  /// say what becomes of each. A process joins its rooms again in each session by itself, so that one call after its
  /// first login is enough.
  ///
  /// - Parameter nick: the nickname where a bookmark has none.
  @discardableResult
  public func join(nick: String) async throws -> [Room] {
    let core = client.core
    let joined = try await SnapbackError.requesting { try await core.joinBookmarked(nick: nick) }
    return joined.compactMap(Jid.optional).map { client.rooms[$0] }
  }

  /// Returns the change that this message tells, by any client of the account; `nil` if it tells none. The server sends
  /// such messages if the app has added the feature ``notify`` to the identity's features.
  public func change(in message: ReceivedMessage) -> BookmarkChange? {
    switch client.core.bookmarkChange(message: message.xml) {
    case nil: nil
    case .cleared: .cleared
    case .changed(let set, let removed):
      .changed(set: set.compactMap(Bookmark.init), removed: removed.compactMap(Jid.optional))
    }
  }
}

extension SnapbackClient {
  /// The rooms that the user keeps (XEP-0402).
  public var bookmarks: Bookmarks { Bookmarks(client: self) }
}

/// A room that the user keeps. Its description is without the password.
public struct Bookmark: Sendable, Hashable, CustomStringConvertible {
  /// The address of the room.
  public var room: Jid
  /// A name for the user.
  public var name: String?
  /// Whether clients join the room by themselves.
  public var isAutoJoined: Bool
  /// The nickname to join with.
  public var nick: String?
  /// The password of a protected room. The server can read it.
  public var password: String?
  /// What other clients have added. A client that changes a bookmark keeps it.
  public var extensions: [Element] = []

  /// Creates a bookmark.
  public init(
    room: Jid, name: String? = nil, isAutoJoined: Bool = false, nick: String? = nil, password: String? = nil
  ) {
    self.room = room
    self.name = name
    self.isAutoJoined = isAutoJoined
    self.nick = nick
    self.password = password
  }

  public var description: String { "Bookmark(\(room), \(name ?? ""))" }

  init?(_ bookmark: SnapbackFFI.Bookmark) {
    guard let room = Jid.optional(bookmark.room) else { return nil }
    self.init(
      room: room, name: bookmark.name, isAutoJoined: bookmark.autoJoin, nick: bookmark.nick,
      password: bookmark.password)
    extensions = bookmark.extensions.compactMap(Element.received)
  }

  var core: SnapbackFFI.Bookmark {
    get throws {
      SnapbackFFI.Bookmark(
        room: room.bare.description, name: name, autoJoin: isAutoJoined, nick: nick, password: password,
        extensions: try extensions.map { try $0.xml() })
    }
  }
}

/// A change of the bookmarks.
public enum BookmarkChange: Sendable, Hashable {
  /// The bookmarks in `set` are new or different; those of the rooms in `removed` are gone.
  case changed(set: [Bookmark], removed: [Jid])
  /// All bookmarks are gone.
  case cleared
}
