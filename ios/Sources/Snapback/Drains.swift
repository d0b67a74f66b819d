/// Counts the background syncs that are under way, and lets callers wait for their end.
final class Drains: Sendable {
  private struct State {
    var count = 0
    var nextTicket: UInt64 = 0
    var waiting = WaitingList<Void>()
  }

  private let state = Locked(State())

  func begin() {
    state.withLock { $0.count += 1 }
  }

  func end() {
    let woken = state.withLock { state in
      state.count -= 1
      return state.count == 0 ? state.waiting.removeAll() : []
    }
    for continuation in woken { continuation.resume() }
  }

  /// Waits until none is under way, or the task is cancelled.
  func untilNone() async {
    let ticket = state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          if Task.isCancelled || state.count == 0 { return true }
          state.waiting.append(ticket, continuation)
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.remove(ticket) }?.resume()
    }
  }
}
