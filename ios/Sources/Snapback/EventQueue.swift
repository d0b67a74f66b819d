/// What holds more while somebody waits for what comes after elements that nobody takes.
protocol Widening: Sendable {
  /// More is held from now on, until each such call is followed by ``narrow()``.
  func widen()
  func narrow()
}

extension Event {
  /// The bytes that it holds, about.
  var size: Int {
    switch self {
    case .message(let delivery), .carbon(let delivery, _): 2 * delivery.content.xml.utf8.count
    case .presence(let delivery): 2 * delivery.content.xml.utf8.count
    default: 0
    }
  }
}

/// Events between the core and whoever iterates: bounded, so that an app that does not keep up holds the server back.
///
/// An event is handed to one iterator and to none that was cancelled: nothing is lost by cancelling.
final class EventQueue<Element: Sendable>: Sendable, Widening {
  private struct State {
    var elements: [Element] = []
    var bytes = 0
    var holders = 0
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
  private let wideCapacity: Int
  private let maxBytes: Int
  private let size: @Sendable (Element) -> Int
  private let state = Locked(State())

  /// - Parameters:
  ///   - capacity: how many elements are held.
  ///   - wideCapacity: the same while somebody waits for what may come after elements that are not taken (``widen()``).
  ///   - bytes: how many bytes are held in either case, by the elements' `size`.
  init(
    capacity: Int, wideCapacity: Int? = nil, bytes: Int = .max, size: @escaping @Sendable (Element) -> Int = { _ in 0 }
  ) {
    self.capacity = capacity
    self.wideCapacity = wideCapacity ?? capacity
    maxBytes = bytes
    self.size = size
  }

  /// How many elements wait.
  var count: Int { state.withLock { $0.elements.count } }

  func widen() {
    state.withLock { $0.holders += 1 }
    settle()
  }

  func narrow() {
    state.withLock { $0.holders -= 1 }
  }

  /// Adds elements; comes back when there is room for more.
  func put(_ elements: [Element]) async {
    let handed = state.withLock { state in
      // Those that come behind the end are not confirmed, and come again.
      if !state.isEnded {
        state.elements.append(contentsOf: elements)
        state.bytes += elements.reduce(0) { $0 + size($1) }
      }
      var handed: [(CheckedContinuation<Element?, Never>, Element)] = []
      while !state.elements.isEmpty, let reader = state.readers.removeFirst() {
        handed.append((reader, take(from: &state)))
      }
      return handed
    }
    for (reader, element) in handed { reader.resume(returning: element) }
    settle()
    await wait(in: \.room) { hasRoom($0) }
  }

  /// The next one; `nil` at the end, or if the task is cancelled.
  func next() async -> Element? {
    let ticket = state.withLock { $0.ticket() }
    let element = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now: Element?? = state.withLock { state in
          if Task.isCancelled { return .some(nil) }
          if !state.elements.isEmpty { return take(from: &state) }
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

  private func take(from state: inout State) -> Element {
    let element = state.elements.removeFirst()
    state.bytes -= size(element)
    return element
  }

  private func hasRoom(_ state: State) -> Bool {
    let most = state.holders > 0 ? wideCapacity : capacity
    return state.isEnded || (state.elements.count < most && state.bytes < maxBytes)
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
      if hasRoom(state) { woken += state.room.removeAll() }
      if state.isEnded || state.elements.isEmpty { woken += state.emptiness.removeAll() }
      return woken
    }
    for continuation in woken { continuation.resume() }
  }
}
