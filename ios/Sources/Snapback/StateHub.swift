import Foundation

/// Distributes the states of the connection to any number of subscribers.
final class StateHub: Sendable {
  private struct State {
    var current: ConnectionState
    var isEnded = false
    var subscribers: [UUID: AsyncStream<ConnectionState>.Continuation] = [:]
  }

  private let state: Locked<State>

  init(_ current: ConnectionState) {
    state = Locked(State(current: current))
  }

  func subscribe() -> AsyncStream<ConnectionState> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: ConnectionState.self, bufferingPolicy: .bufferingNewest(1))
    let id = UUID()
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.subscribers.removeValue(forKey: id) }
    }
    let isEnded = state.withLock { state in
      // Under the lock, so that a later state cannot arrive before this one. Yielding runs no other code.
      continuation.yield(state.current)
      if !state.isEnded { state.subscribers[id] = continuation }
      return state.isEnded
    }
    if isEnded { continuation.finish() }
    return stream
  }

  func publish(_ next: ConnectionState) {
    state.withLock { state in
      state.current = next
      for subscriber in state.subscribers.values { subscriber.yield(next) }
    }
  }

  func end() {
    let subscribers = state.withLock { state in
      state.isEnded = true
      state.current = .offline(reason: .notWanted, retryIn: nil)
      defer { state.subscribers = [:] }
      return Array(state.subscribers.values)
    }
    for subscriber in subscribers { subscriber.finish() }
  }
}
