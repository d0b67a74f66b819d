#if canImport(UIKit)
  import Foundation
  import UIKit

  /// Leads a client through the life of an app: in the background it stays for a moment, so that what was sent gets out,
  /// and is paused before the system suspends the process; in the foreground it goes on.
  ///
  /// A process that a push started is in the background from the beginning: what was opened and connected there is paused the
  /// same way. Where a client could not connect because the device was locked, it tries again when the device is unlocked.
  ///
  /// Keep it as long as the client.
  @MainActor
  @available(iOSApplicationExtension, unavailable)
  public final class AppLifecycle {
    private let tracker: ForegroundTracker
    private var observers: [any NSObjectProtocol] = []

    /// - Parameter stay: how long to remain connected in the background, in seconds. The system allows about thirty; where it
    ///   allows none, or ends it early, the client is paused at once. A ``SnapbackClient/drain(deadline:)`` that is under way is
    ///   waited for.
    public init(_ client: SnapbackClient, application: UIApplication = .shared, stay: TimeInterval = 10) {
      let tracker = ForegroundTracker(client, system: BackgroundTasks(application), stay: stay)
      self.tracker = tracker
      let center = NotificationCenter.default
      func observe(_ name: NSNotification.Name, _ told: @escaping @MainActor @Sendable (ForegroundTracker) -> Void) {
        observers.append(
          center.addObserver(forName: name, object: nil, queue: .main) { [weak tracker] _ in
            MainActor.assumeIsolated { if let tracker { told(tracker) } }
          })
      }
      observe(UIApplication.didEnterBackgroundNotification) { $0.enterBackground() }
      observe(UIApplication.willEnterForegroundNotification) { $0.enterForeground() }
      observe(UIApplication.protectedDataDidBecomeAvailableNotification) { $0.protectedDataBecameAvailable() }
    }

    /// Lets go of the client, which stays as it is.
    public func end() {
      for observer in observers { NotificationCenter.default.removeObserver(observer) }
      observers = []
      tracker.end()
    }
  }

  @MainActor
  @available(iOSApplicationExtension, unavailable)
  private final class BackgroundTasks: LifecycleSystem {
    private let application: UIApplication

    init(_ application: UIApplication) {
      self.application = application
    }

    var isInBackground: Bool { application.applicationState == .background }

    func beginBackgroundTime(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int? {
      let task = application.beginBackgroundTask(withName: "Snapback") { MainActor.assumeIsolated { expired() } }
      return task == .invalid ? nil : task.rawValue
    }

    func endBackgroundTime(_ name: Int) {
      application.endBackgroundTask(UIBackgroundTaskIdentifier(rawValue: name))
    }
  }

  @available(iOSApplicationExtension, unavailable)
  extension SnapbackClient {
    /// Opens a client as ``open(_:password:configuration:)`` does. While the store or the vault cannot be read yet, because the
    /// device was not unlocked since it started, it waits until they can be: a push or the system itself may start the process
    /// before that.
    ///
    /// - Throws: ``SnapbackError`` that says what cannot be used, or `CancellationError`.
    @MainActor
    public static func openWhenUnlocked(
      _ account: String, password: String?, configuration: Configuration = Configuration()
    ) async throws -> SnapbackClient {
      let center = NotificationCenter.default
      let unlock = UIApplication.protectedDataDidBecomeAvailableNotification
      let observer = Locked<(any NSObjectProtocol)?>(nil)
      defer {
        if let observer = observer.withLock({ $0 }) { center.removeObserver(observer) }
      }
      return try await retryingWhileLocked { unlocked in
        let token = center.addObserver(forName: unlock, object: nil, queue: nil) { _ in unlocked() }
        observer.withLock { $0 = token }
      } _: {
        try await open(account, password: password, configuration: configuration)
      }
    }
  }
#endif
