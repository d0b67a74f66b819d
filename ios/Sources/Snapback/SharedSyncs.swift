import Foundation

/// The clients of background syncs, one for each store in this process: two pushes at once may start two syncs, and only
/// one client can have the store open.
final class SharedSyncs: Sendable {
  /// Those of this process.
  static let ofProcess = SharedSyncs()

  private struct Shared {
    let opening: Task<SnapbackClient, any Error>
    var users = 1
  }

  private struct State {
    var shared: [String: Shared] = [:]
    var closing: [String: Task<Void, Never>] = [:]
  }

  private let state = Locked(State())

  /// Returns the client of a store: the one that another sync uses, or the one that `open` opens. Each call that returns
  /// is followed by one of ``leave(_:)``.
  func enter(
    _ store: String, _ open: @escaping @Sendable () async throws -> SnapbackClient
  ) async throws -> SnapbackClient {
    let opening = state.withLock { state in
      if let shared = state.shared[store] {
        state.shared[store]?.users += 1
        return shared.opening
      }
      let closing = state.closing[store]
      let opening = Task {
        await closing?.value
        return try await open()
      }
      state.shared[store] = Shared(opening: opening)
      return opening
    }
    do {
      return try await opening.value
    } catch {
      await leave(store)
      throw error
    }
  }

  /// Ends the use of a client. The last user shuts it down; this returns after that, and whether it did.
  @discardableResult
  func leave(_ store: String) async -> Bool {
    let closing = state.withLock { state -> Task<Void, Never>? in
      guard var shared = state.shared[store] else { return nil }
      shared.users -= 1
      state.shared[store] = shared.users == 0 ? nil : shared
      guard shared.users == 0 else { return nil }
      let closing = Task { [opening = shared.opening] in
        if case .success(let client) = await opening.result { await client.shutdown() }
      }
      state.closing[store] = closing
      return closing
    }
    guard let closing else { return false }
    await closing.value
    state.withLock { state in
      if state.closing[store] == closing { state.closing[store] = nil }
    }
    return true
  }
}

/// Gives events to a function until it is stopped or the events end. Stopping does not cancel the function.
final class EventReader: Sendable {
  private struct State {
    var isStopped = false
    var waiting: Task<Event?, Never>?
  }

  private let queue: EventQueue<Event>
  private let state = Locked(State())

  init(_ queue: EventQueue<Event>) {
    self.queue = queue
  }

  func read(_ handle: @Sendable (Event) async -> Void) async {
    let presence = queue.attach()
    defer { withExtendedLifetime(presence) {} }
    while let event = await next() { await handle(event) }
  }

  func stop() {
    state.withLock { state in
      state.isStopped = true
      // It takes no event then.
      state.waiting?.cancel()
    }
  }

  private func next() async -> Event? {
    let waiting = state.withLock { state -> Task<Event?, Never>? in
      if state.isStopped { return nil }
      let waiting = Task { [queue] in await queue.next() }
      state.waiting = waiting
      return waiting
    }
    return await waiting?.value ?? nil
  }
}
