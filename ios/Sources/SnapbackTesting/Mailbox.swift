import Foundation

/// A queue without a limit, which one task at a time reads.
final class Mailbox<Content: Sendable>: Sendable {
  private let stream: AsyncStream<Content>
  private let continuation: AsyncStream<Content>.Continuation

  init() {
    (stream, continuation) = AsyncStream.makeStream()
  }

  func put(_ content: Content) { continuation.yield(content) }

  func end() { continuation.finish() }

  /// Returns the next content; `nil` at the end, or if the task is cancelled.
  func next() async -> Content? {
    var iterator = stream.makeAsyncIterator()
    return await iterator.next()
  }
}

/// What one client is told. Another client of the same account has another one.
struct Outlet: Sendable {
  let id = UUID()
  let events = Mailbox<CoreEvent>()
  let rooms = Mailbox<CoreRoomEvent>()
  let requests = Mailbox<CoreInboundRequest>()
  /// Says that the state has changed, not to which one: only the latest counts.
  let states = Mailbox<Void>()

  func end() {
    events.end()
    rooms.end()
    requests.end()
    states.end()
  }
}
