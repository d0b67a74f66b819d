/// Those who wait for something, first come first served. Kept under somebody's lock.
struct WaitingList<Gift: Sendable> {
  private var waiting: [(ticket: UInt64, continuation: CheckedContinuation<Gift, Never>)] = []

  var isEmpty: Bool { waiting.isEmpty }

  mutating func append(_ ticket: UInt64, _ continuation: CheckedContinuation<Gift, Never>) {
    waiting.append((ticket, continuation))
  }

  mutating func removeFirst() -> CheckedContinuation<Gift, Never>? {
    waiting.isEmpty ? nil : waiting.removeFirst().continuation
  }

  mutating func remove(_ ticket: UInt64) -> CheckedContinuation<Gift, Never>? {
    guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return nil }
    return waiting.remove(at: index).continuation
  }

  mutating func removeAll() -> [CheckedContinuation<Gift, Never>] {
    defer { waiting = [] }
    return waiting.map(\.continuation)
  }
}
