import Foundation
import Snapback

/// The calls that `docs/api/calls.md` counts beside those of other libraries. They are compiled and not run.
enum Compared {
  static func login() async throws -> SnapbackClient {
    // call: log in and stay connected
    let client = try await SnapbackClient.open("juliet@example.org", password: "password")
    client.connect()
    // end
    return client
  }

  static func messages(_ client: SnapbackClient, _ romeo: Jid) async throws -> [HistoryPage] {
    // call: send a message and ask for a receipt
    var question = Message(to: romeo, body: "Wherefore art thou?")
    question.requestReceipt = true
    let sent = try await client.send(question)
    // end

    // call: correct a message
    var correction = Message(to: romeo, body: "Wherefore art thou Romeo?")
    correction.corrects = sent.id
    _ = try await client.send(correction)
    // end

    // call: read the two newest pages of a conversation
    let newest = try await client.history(with: romeo)
    let before = try await client.history(with: romeo, before: newest.next)
    // end
    return [newest, before]
  }

  static func services(
    _ client: SnapbackClient, _ coven: Jid, _ pushService: Jid, _ tybalt: Jid
  ) async throws -> (Room, UploadSlot)? {
    // call: join a room
    let room = try await client.rooms.join(coven, as: "juliet")
    // end

    // call: enable push notifications
    try await client.push.enable(service: pushService, node: "node")
    // end

    // call: get an upload slot
    guard let service = try await client.uploads.service() else { return nil }
    let file = FileUpload(name: "balcony.jpg", size: 10_000, mediaType: "image/jpeg")
    let slot = try await client.uploads.slot(at: service, for: file)
    // end

    // call: block an address
    try await client.blocking.block(tybalt)
    // end
    return (room, slot)
  }
}
