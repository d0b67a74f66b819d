import SnapbackFFI

/// What the client calls: the Rust core or, in an app's tests, the fake of `SnapbackTesting`. Everything above it is
/// the same for both.
package protocol Core: CoreClientProtocol {
  /// Begins a background sync. The generated method returns a class that no fake can replace.
  func sync(mayBind: Bool) -> any CoreBackgroundSyncProtocol
}

extension CoreClient: Core {
  package func sync(mayBind: Bool) -> any CoreBackgroundSyncProtocol {
    backgroundSync(mayBind: mayBind)
  }
}
