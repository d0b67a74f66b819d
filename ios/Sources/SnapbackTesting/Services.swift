import Foundation
import Snapback
import SnapbackFFI

/// What the fake server offers beside messages, in memory.
struct Services {
  struct Node: Hashable {
    let service: String?
    let node: String
  }

  var features: [String] = []
  var push: PushTarget?
  var blocked: [Snapback.Jid] = []
  var bookmarks: [CoreBookmark] = []
  var nodes: [Node: [CoreNodeItem]] = [:]
  var profiles: [Snapback.Jid: FakeProfile] = [:]
  var infos: [Snapback.Jid: DiscoInfo] = [:]
  var items: [Snapback.Jid: [CoreDiscoItem]] = [:]
  var upload: CoreUploadService?
  var passwords: [String] = []
  var isDeleted = false

  func profile(_ user: String) throws -> FakeProfile {
    guard let profile = profiles[try Snapback.Jid(user).bare] else { throw SnapbackError.fake("item-not-found") }
    return profile
  }

  mutating func publish(_ id: String?, _ payload: String, on node: Node) -> String {
    let id = id ?? UUID().uuidString
    nodes[node, default: []].removeAll { $0.id == id }
    nodes[node, default: []].append(CoreNodeItem(id: id, payload: payload))
    return id
  }

  mutating func retract(_ id: String, from node: Node) throws {
    guard let index = nodes[node]?.firstIndex(where: { $0.id == id }) else {
      throw SnapbackError.fake("item-not-found")
    }
    nodes[node]?.remove(at: index)
  }
}

/// What a user shows, for ``FakeSnapback/setProfile(_:of:)``.
public struct FakeProfile: Sendable, Hashable {
  /// The name that the user wants to be called by (XEP-0172).
  public var nick: String?
  /// The formats of the avatar (XEP-0084).
  public var avatars: [AvatarInfo] = []
  /// The data of the avatars, by their ids.
  public var avatarData: [String: Data] = [:]
  /// The vCard; `nil` if there is none.
  public var vcard: Vcard?

  /// Creates a profile.
  public init(nick: String? = nil, vcard: Vcard? = nil) {
    self.nick = nick
    self.vcard = vcard
  }
}

extension State {
  /// Carries a change of the app out.
  mutating func carryOut(_ change: ServiceChange) throws {
    switch change {
    case .deleteAccount:
      services.isDeleted = true
      endSession()
      end(.closed, .needsCredentials, retryable: false, needsCredentials: true)
    case .block(let jids): block(try jids.map { try Snapback.Jid($0) })
    case .unblock(let jids): unblock(try jids.map { try Snapback.Jid($0) })
    case .unblockAll:
      services.blocked = []
      tell(.blockListChanged(change: .allUnblocked))
    case .retract(let service, let node, let id):
      try services.retract(id, from: Services.Node(service: service, node: node))
    case .configureNode(let service, let node, _):
      if services.nodes[Services.Node(service: service, node: node)] == nil {
        throw SnapbackError.fake("item-not-found")
      }
    case .deleteNode(let service, let node):
      services.nodes[Services.Node(service: service, node: node)] = nil
    case .setBookmark(let bookmark):
      services.bookmarks.removeAll { $0.room == bookmark.room }
      services.bookmarks.append(bookmark)
    case .removeBookmark(let room):
      guard let index = services.bookmarks.firstIndex(where: { $0.room == room }) else {
        throw SnapbackError.fake("item-not-found")
      }
      services.bookmarks.remove(at: index)
    case .disableAvatar: services.profiles[full.bare, default: FakeProfile()].avatars = []
    case .nick(let name): services.profiles[full.bare, default: FakeProfile()].nick = name.isEmpty ? nil : name
    }
  }

  private mutating func block(_ jids: [Snapback.Jid]) {
    services.blocked += jids.filter { !services.blocked.contains($0) }
    tell(.blockListChanged(change: .blocked(list: BlockList(jids: jids.map(\.description), unreadable: 0))))
  }

  private mutating func unblock(_ jids: [Snapback.Jid]) {
    services.blocked.removeAll { jids.contains($0) }
    tell(.blockListChanged(change: .unblocked(list: BlockList(jids: jids.map(\.description), unreadable: 0))))
  }

  /// A page of an archive, the newest message first.
  func page(_ room: Snapback.Jid?, with: Snapback.Jid?, before: String?, limit: Int) throws -> CoreHistoryPage {
    var messages = archives[room] ?? []
    if let with {
      messages.removeAll { archived in
        let parties = [archived.message.from.jid, archived.message.to.jid]
        return !parties.contains { $0 == with || (with.resource == nil && $0?.bare == with) }
      }
    }
    if let before {
      guard let end = messages.firstIndex(where: { $0.id == before }) else {
        throw SnapbackError.fake("item-not-found")
      }
      messages = Array(messages[..<end])
    }
    let page = messages.suffix(limit)
    return CoreHistoryPage(
      messages: page.reversed().map(\.core), next: page.count < messages.count ? page.first?.id : nil, unreadable: 0)
  }
}
