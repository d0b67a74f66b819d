/// Tasks by the id of the request that each of them answers. They run concurrently: one that hangs does not delay another.
final class RunningTasks: Sendable {
  private let tasks = Locked<[UInt64: Task<Void, Never>]>([:])

  /// Runs `work` until it is done or cancelled.
  func start(_ id: UInt64, _ work: @escaping @Sendable () async -> Void) {
    tasks.withLock { tasks in
      tasks[id] = Task {
        await work()
        self.tasks.withLock { _ = $0.removeValue(forKey: id) }
      }
    }
  }

  /// Cancels the task for this request, if it still runs.
  func cancel(_ id: UInt64) {
    tasks.withLock { $0.removeValue(forKey: id) }?.cancel()
  }

  /// Cancels what still runs.
  func cancelAll() {
    for task in tasks.withLock({ Array($0.values) }) { task.cancel() }
  }
}
