// The calls of calls.md with Martin. Written for this page from Martin's sources at the revisions of 2021 to 2024 that its
// repository has; not compiled, because Martin needs Apple's frameworks.

import Combine
import Foundation
import Martin

func login() async throws -> XMPPClient {
  // call: log in and stay connected
  let client = XMPPClient()
  client.modulesManager.register(StreamFeaturesModule())
  client.modulesManager.register(AuthModule())
  client.modulesManager.register(SaslModule())
  client.modulesManager.register(ResourceBinderModule())
  client.modulesManager.register(SessionEstablishmentModule())
  client.modulesManager.register(StreamManagementModule())
  client.connectionConfiguration.userJid = BareJID("juliet@example.org")
  client.connectionConfiguration.credentials = .password("password")
  let reconnecting = client.$state.sink { state in
    guard case .disconnected = state else { return }
    DispatchQueue.main.asyncAfter(deadline: .now() + 5) { try? client.login() }
  }
  // end
  _ = reconnecting
  return client
}

func messages(_ client: XMPPClient, _ chat: ChatBase, _ mam: MessageArchiveManagementModule) async throws {
  // Each message that a chat makes asks for a receipt.
  // call: send a message and ask for a receipt
  let question = chat.createMessage(text: "Wherefore art thou?", id: UUID().uuidString)
  chat.send(message: question, completionHandler: nil)
  // end

  // call: correct a message
  let correction = chat.createMessage(text: "Wherefore art thou Romeo?", id: UUID().uuidString)
  correction.lastMessageCorrectionId = question.id
  chat.send(message: correction, completionHandler: nil)
  // end

  // call: read the two newest pages of a conversation
  var page: [Message] = []
  let archived = mam.archivedMessagesPublisher.sink { page.append($0.message) }
  let form = MAMQueryForm(version: .MAM2)
  form.with = JID(chat.jid)
  let newest = try await mam.queryItems(query: form, queryId: UUID().uuidString, rsm: .init(lastItems: 50))
  if let previous = newest.rsm?.previous(50) {
    _ = try await mam.queryItems(query: form, queryId: UUID().uuidString, rsm: previous)
  }
  // end
  _ = archived
}

func services(_ client: XMPPClient, _ pushService: JID, _ tybalt: JID) async throws {
  // call: join a room
  let rooms = client.modulesManager.register(MucModule(roomManager: DefaultRoomManager(store: DefaultRoomStore())))
  let joined = try await rooms.join(roomName: "coven", mucServer: "rooms.example.org", nickname: "juliet")
  // end
  _ = joined

  // call: enable push notifications
  let push = client.modulesManager.register(PushNotificationsModule())
  _ = try await push.enable(serviceJid: pushService, node: "node")
  // end

  // call: get an upload slot
  let uploads = client.modulesManager.register(HttpFileUploadModule())
  guard let service = try await uploads.findHttpUploadComponents().first else { return }
  let slot = try await uploads.requestUploadSlot(
    componentJid: service.jid, filename: "balcony.jpg", size: 10_000, contentType: "image/jpeg")
  // end
  _ = slot

  // call: block an address
  let blocking = client.modulesManager.register(BlockingCommandModule())
  try await blocking.block(jids: [tybalt])
  // end
}
