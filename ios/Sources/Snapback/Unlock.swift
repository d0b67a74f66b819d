extension SnapbackError {
  /// Whether the device is locked or its vault is busy. The stored data is intact, and the same call succeeds later.
  var isLocked: Bool {
    switch self {
    case .storage(.notYetUnlocked), .storage(.vaultLocked): true
    case .vault(let error): error.kind == .locked
    default: false
    }
  }
}

/// Repeats `work` while it fails because the device is locked: at each unlock, and at an interval, since a vault may
/// also be busy.
///
/// - Parameters:
///   - seconds: the interval.
///   - observe: arranges that its argument is called at each unlock. Called before the first attempt, so that no unlock
///     is missed.
///   - work: what is repeated.
/// - Throws: the other errors of `work`, or `CancellationError`.
func retryingWhileLocked<T: Sendable>(
  every seconds: UInt64 = 30, observing observe: @Sendable (_ unlocked: @escaping @Sendable () -> Void) -> Void,
  _ work: @Sendable () async throws -> T
) async throws -> T {
  let (attempts, attempt) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  observe { attempt.yield() }
  let timer = Task {
    while !Task.isCancelled {
      try? await Task.sleep(nanoseconds: seconds * 1_000_000_000)
      attempt.yield()
    }
  }
  defer { timer.cancel() }
  var iterator = attempts.makeAsyncIterator()
  while true {
    do {
      return try await work()
    } catch let error as SnapbackError where error.isLocked {
      guard await iterator.next() != nil else { throw CancellationError() }
    }
  }
}
