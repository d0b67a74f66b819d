import Foundation
import Snapback

/// What shows a chat, as in a small app: it knows the client, and not that the server is a fake.
@MainActor final class FakeModel {
  struct Line: Equatable {
    let id: String
    let from: String
    let text: String
    var isFailed = false
    var isAcked = false
  }

  private(set) var lines: [Line] = []
  private(set) var isOnline = false
  private(set) var isTyping = false
  private(set) var rooms: [String] = []
  private(set) var needsPassword = false
  private let client: SnapbackClient

  init(_ client: SnapbackClient) {
    self.client = client
  }

  /// Iterates everything, until the client is closed.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await event in self.client.events { await self.take(event) } }
      group.addTask { for await state in self.client.states { await self.take(state) } }
      group.addTask { for await event in self.client.rooms.events { await self.take(event) } }
    }
  }

  func send(_ text: String, to: Jid) async {
    var message = Message(to: to, body: text)
    message.id = UUID().uuidString
    // Shown before it is sent: its stages may be reported before the call returns.
    lines.append(Line(id: message.id ?? "", from: "me", text: text))
    do {
      try await client.send(message)
    } catch {
      if let index = lines.firstIndex(where: { $0.id == message.id }) { lines[index].isFailed = true }
    }
  }

  private func take(_ event: Event) {
    switch event {
    case .message(let delivery):
      let message = delivery.content
      isTyping = message.chatState == .composing
      let from = message.from.jid.map { message.type == .groupchat ? $0.resource ?? "" : $0.bare.description } ?? ""
      if let text = message.text { lines.append(Line(id: message.id ?? "", from: from, text: text)) }
    case .stageReached(let id, let stage):
      guard let index = lines.firstIndex(where: { $0.id == id }) else { break }
      if case .acked = stage { lines[index].isAcked = true }
      if case .failed = stage { lines[index].isFailed = true }
    case .ended(let ended): needsPassword = ended.needsCredentials
    case .online: needsPassword = false
    default: break
    }
    event.delivery?.confirm()
  }

  private func take(_ state: ConnectionState) {
    if case .online = state { isOnline = true } else { isOnline = false }
  }

  private func take(_ event: RoomEvent) {
    switch event {
    case .joined(let room, _, _, let again): rooms.append("\(again ? "again in" : "in") \(room)")
    case .lost(let room, _): rooms.append("lost \(room)")
    case .left(let room, .kicked(_, let reason)): rooms.append("kicked from \(room): \(reason ?? "")")
    default: break
    }
  }
}
