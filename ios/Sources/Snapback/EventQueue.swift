/// A queue whose capacity is larger while a caller waits for what follows elements that the app does not take.
protocol Widening: Sendable {
  /// Increases the capacity until each call is followed by one of ``narrow()``.
  func widen()
  func narrow()
  /// Waits until no more elements are added although a caller waits for what follows them, because the larger capacity is
  /// exhausted and there is no iterator. Returns `false` when the queue has ended or the task is cancelled.
  func untilStuck() async -> Bool
}

extension Event {
  /// The approximate size of the event in memory, in bytes.
  var size: Int {
    switch self {
    case .message(let delivery), .carbon(let delivery, _): 2 * delivery.content.xml.utf8.count
    case .presence(let delivery): 2 * delivery.content.xml.utf8.count
    default: 0
    }
  }
}

/// The queue of events between the core and the app's iterators. It is bounded, so that the client stops reading from
/// the server when the app is slow.
///
/// Each event goes to one iterator, and never to one whose task was cancelled, so that cancelling loses no event.
final class EventQueue<Element: Sendable>: Sendable, Widening {
  private struct State {
    var elements: [Element] = []
    var bytes = 0
    var holders = 0
    var iterators = 0
    var isEnded = false
    var nextTicket: UInt64 = 0
    var stuck = WaitingList<Bool>()
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
  ///   - capacity: the maximum number of elements.
  ///   - wideCapacity: the same after ``widen()``.
  ///   - bytes: the maximum number of bytes in either case, by the elements' `size`.
  ///   - size: returns the size of an element in bytes.
  init(
    capacity: Int, wideCapacity: Int? = nil, bytes: Int = .max, size: @escaping @Sendable (Element) -> Int = { _ in 0 }
  ) {
    self.capacity = capacity
    self.wideCapacity = wideCapacity ?? capacity
    maxBytes = bytes
    self.size = size
  }

  /// The number of queued elements.
  var count: Int { state.withLock { $0.elements.count } }

  func widen() {
    state.withLock { $0.holders += 1 }
    settle()
  }

  func narrow() {
    state.withLock { $0.holders -= 1 }
  }

  /// Counts an iterator, until the result is released.
  func attach() -> Attachment {
    state.withLock { $0.iterators += 1 }
    return Attachment(self)
  }

  /// An iterator of the queue.
  final class Attachment: Sendable {
    private let queue: EventQueue

    fileprivate init(_ queue: EventQueue) {
      self.queue = queue
    }

    deinit {
      queue.state.withLock { $0.iterators -= 1 }
      queue.settle()
    }
  }

  func untilStuck() async -> Bool {
    let ticket = state.withLock { $0.ticket() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let now: Bool? = state.withLock { state in
          if Task.isCancelled || state.isEnded { return false }
          if isStuck(state) { return true }
          state.stuck.append(ticket, continuation)
          return nil
        }
        if let now { continuation.resume(returning: now) }
      }
    } onCancel: {
      state.withLock { $0.stuck.remove(ticket) }?.resume(returning: false)
    }
  }

  /// Adds elements, and returns when there is room for more. After ``end()``, nothing is added.
  func put(_ elements: [Element]) async {
    let handed = state.withLock { state in
      // Deliveries that arrive after the end are not confirmed, and are repeated by the next client.
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

  /// Returns the next element; `nil` at the end, or if the task is cancelled.
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

  /// Waits until all elements are taken, the queue has ended, or the task is cancelled.
  func untilEmpty() async {
    await wait(in: \.emptiness) { $0.isEnded || $0.elements.isEmpty }
  }

  /// Ends the queue: no more elements are added. Queued elements can still be taken.
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
    let maxCount = state.holders > 0 ? wideCapacity : capacity
    return state.isEnded || (state.elements.count < maxCount && state.bytes < maxBytes)
  }

  private func isStuck(_ state: State) -> Bool {
    state.holders > 0 && state.iterators == 0 && !hasRoom(state)
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

  /// Resumes the waiting tasks whose condition has become true.
  private func settle() {
    let (woken, stuck) = state.withLock { state in
      var woken: [CheckedContinuation<Void, Never>] = []
      let isOver = state.isEnded || isStuck(state)
      let stuck = isOver ? state.stuck.removeAll().map { ($0, !state.isEnded) } : []
      if hasRoom(state) { woken += state.room.removeAll() }
      if state.isEnded || state.elements.isEmpty { woken += state.emptiness.removeAll() }
      return (woken, stuck)
    }
    for continuation in woken { continuation.resume() }
    for (continuation, isStuck) in stuck { continuation.resume(returning: isStuck) }
  }
}
