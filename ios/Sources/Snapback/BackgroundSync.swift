import Foundation

extension SnapbackClient {
  /// Does a background sync in a notification service extension, after a push notification: opens the account of the
  /// app, resumes its session, delivers the waiting events to `handle`, and closes connection and file before the
  /// deadline.
  ///
  /// With `mayBind`, a session that cannot be resumed is replaced by one without presence, which the app completes when it
  /// connects. Without, the outcome is `offline` with the reason `noSession` then. Show a general notification; the app
  /// receives the message when it connects.
  ///
  /// The configuration needs the same ``Storage`` as the app, in the folder of an app group:
  /// `Storage.file(named:appGroup:accessGroup:)`. The login needs no password, because it uses the app's FAST token
  /// (XEP-0484).
  ///
  /// Two background syncs of a store at once in one process, as after two pushes, share a client: each event goes to the
  /// `handle` of one of them.
  ///
  /// - Parameters:
  ///   - account: the bare JID of the account.
  ///   - configuration: the same configuration as that of the app.
  ///   - deadline: when to return at the latest.
  ///   - mayBind: whether a new session may be bound, as for ``drain(deadline:mayBind:)``.
  ///   - handle: processes an event. It confirms the deliveries that it has processed.
  /// - Throws: ``SnapbackError/storage(_:)`` with `ownedElsewhere` while the app itself has the account open; the app
  ///   receives everything then. The same with `notYetUnlocked`, or ``SnapbackError/vault(_:)`` with `locked`, if the
  ///   device was not unlocked since it was started; show a general notification then. `CancellationError` if the task is cancelled, as in
  ///   `serviceExtensionTimeWillExpire`; connection and file are closed by then.
  public static func backgroundSync(
    _ account: String, configuration: Configuration, deadline: Date, mayBind: Bool = false,
    _ handle: @escaping @Sendable (Event) async -> Void
  ) async throws -> DrainReport {
    // Storage in memory is not shared.
    let store = try configuration.storage.resolved(account: account).file?.standardizedFileURL.path ?? UUID().uuidString
    try Task.checkCancellation()
    let client = try await SharedSyncs.ofProcess.enter(store) {
      try await open(account, password: nil, configuration: configuration)
    }
    let reader = EventReader(client.queue)
    let reading = Task { await reader.read(handle) }
    do {
      let report = try await client.drain(deadline: deadline, mayBind: mayBind)
      // The events end with the client, or go to another sync from now on.
      if !(await SharedSyncs.ofProcess.leave(store)) { reader.stop() }
      await reading.value
      return report
    } catch {
      await SharedSyncs.ofProcess.leave(store)
      reader.stop()
      reading.cancel()
      throw error
    }
  }
}
