import Foundation

/// A value that is accessed only under its lock. (`Mutex` requires newer systems than Snapback supports.)
package final class Locked<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  package init(_ value: sending Value) {
    self.value = value
  }

  /// Runs `work` under the lock. It must not call other parts of Snapback: continuations are resumed after it.
  package func withLock<Result>(_ work: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try work(&value)
  }
}
