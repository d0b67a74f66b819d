import Foundation

extension SnapbackClient {
  /// What a notification service extension does after a push: opens the account that the app left, resumes its session,
  /// hands over what is waiting, and lets go of everything before the deadline.
  ///
  /// It never begins a new session: that takes longer than an extension may live. Where there is none to resume, the
  /// outcome is `offline` with the reason `noSession`; show something general, and the app gets the message when it connects.
  ///
  /// Give it the same ``Storage`` as the app, in the folder of an app group: `Storage.file(named:appGroup:accessGroup:)`.
  /// No password is needed; the app's token is.
  ///
  /// - Throws: ``SnapbackError/storage(_:)`` with `ownedElsewhere` while the app itself has the account: it will get
  ///   everything; with `notYetUnlocked` or `vaultLocked` if the device was not unlocked since it was started: show something
  ///   general. `CancellationError` if the task is cancelled, as in `serviceExtensionTimeWillExpire`; by then nothing is
  ///   held any more.
  public static func visit(
    _ account: String, configuration: Configuration, deadline: Date,
    _ handle: @escaping @Sendable (Event) async -> Void
  ) async throws -> DrainOutcome {
    let client = try await open(account, password: nil, configuration: configuration)
    let events = client.events
    let handling = Task {
      for await event in events { await handle(event) }
    }
    do {
      let outcome = try await client.drain(deadline: deadline)
      await client.shutdown()
      await handling.value
      return outcome
    } catch {
      await client.shutdown()
      handling.cancel()
      throw error
    }
  }
}
