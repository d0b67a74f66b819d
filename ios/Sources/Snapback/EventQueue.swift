/// Events between the core and whoever iterates: bounded, so that an app that does not keep up holds the server back.
///
/// An event is handed to one iterator and to none that was cancelled: nothing is lost by cancelling.
final class EventQueue<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    var isEnded = false
    var nextTicket: UInt64 = 0
    var readers = WaitingList<Element?>()
    var emptiness = WaitingList<Void>()
    var room = WaitingList<Void>()

    mutating func ticket() -> UInt64 {
      nextTicket += 1
      return nextTicket
    }
  }

  private let capacity: Int
  private let state = Locked(State())

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Adds elements; comes back when there is room for more.
  func put(_ elements: [Element]) async {
    let handed = state.withLock { state in
      // Those that come behind the end are not confirmed, and come again.
      if !state.isEnded { state.elements.append(contentsOf: elements) }
      var handed: [(CheckedContinuation<Element?, Never>, Element)] = []
      while !state.elements.isEmpty, let reader = state.readers.removeFirst() {
        handed.append((reader, state.elements.removeFirst()))
      }
      return handed
    }
    for (reader, element) in handed { reader.resume(returning: element) }
    settle()
    await wait(in: \.room) { $0.isEnded || $0.elements.count < capacity }
  }

  /// The next one; `nil` at the end, or if the task is cancelled.
  func next() async -> Element? {
    let ticket = state.withLock { $0.ticket() }
    let element = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now: Element?? = state.withLock { state in
          if Task.isCancelled { return .some(nil) }
          if !state.elements.isEmpty { return state.elements.removeFirst() }
          if state.isEnded { return .some(nil) }
          state.readers.append(ticket, continuation)
          return nil
        }
        if let now { continuation.resume(returning: now) }
      }
    } onCancel: {
      state.withLock { $0.readers.remove(ticket) }?.resume(returning: nil)
    }
    settle()
    return element
  }

  /// Comes back when all are taken, or the task is cancelled.
  func untilEmpty() async {
    await wait(in: \.emptiness) { $0.isEnded || $0.elements.isEmpty }
  }

  /// No more will come. What is there can still be taken.
  func end() {
    let readers = state.withLock { state in
      state.isEnded = true
      return state.readers.removeAll()
    }
    for reader in readers { reader.resume(returning: nil) }
    settle()
  }

  private func wait(
    in list: WritableKeyPath<State, WaitingList<Void>> & Sendable, until condition: @Sendable (State) -> Bool
  ) async {
    let ticket = state.withLock { $0.ticket() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          if Task.isCancelled || condition(state) { return true }
          state[keyPath: list].append(ticket, continuation)
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0[keyPath: list].remove(ticket) }?.resume()
    }
  }

  /// Wakes those whose condition has come true.
  private func settle() {
    let woken = state.withLock { state in
      var woken: [CheckedContinuation<Void, Never>] = []
      if state.isEnded || state.elements.count < capacity { woken += state.room.removeAll() }
      if state.isEnded || state.elements.isEmpty { woken += state.emptiness.removeAll() }
      return woken
    }
    for continuation in woken { continuation.resume() }
  }
}
