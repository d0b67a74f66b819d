import Foundation

/// A value that is only touched under its lock. (`Mutex` is younger than the systems that we support.)
final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: sending Value) {
    self.value = value
  }

  /// Nothing of ours is called under the lock: continuations are resumed after it.
  func withLock<Result>(_ work: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try work(&value)
  }
}
