/// Continuations that wait for a value, in order of arrival. The owner protects it with a lock.
struct WaitingList<Value: Sendable> {
  private var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Value, Never>)] = []

  var isEmpty: Bool { waiting.isEmpty }

  mutating func append(_ ticket: UInt64, _ continuation: CheckedContinuation<Value, Never>) {
    waiting.append((ticket, continuation))
  }

  mutating func removeFirst() -> CheckedContinuation<Value, Never>? {
    waiting.isEmpty ? nil : waiting.removeFirst().continuation
  }

  mutating func remove(_ ticket: UInt64) -> CheckedContinuation<Value, Never>? {
    guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return nil }
    return waiting.remove(at: index).continuation
  }

  mutating func removeAll() -> [CheckedContinuation<Value, Never>] {
    defer { waiting = [] }
    return waiting.map(\.continuation)
  }
}
