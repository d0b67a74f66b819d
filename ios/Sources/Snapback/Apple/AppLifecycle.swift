#if canImport(UIKit)
  import Foundation
  import UIKit

  /// Pauses a client in the background and resumes it in the foreground. In the background, the client stays connected
  /// for a short time, so that sent messages reach the server, and is paused before the system suspends the process.
  ///
  /// A process that a push notification started is in the background from the beginning. A client that is opened there
  /// is paused in the same way. If a client could not connect because the device was locked, it tries again at the
  /// unlock.
  ///
  /// Keep a reference to this object for as long as the client is used.
  @MainActor
  @available(iOSApplicationExtension, unavailable)
  public final class AppLifecycle {
    private let tracker: ForegroundTracker
    private var observers: [any NSObjectProtocol] = []

    /// Starts to follow the app's state.
    ///
    /// - Parameters:
    ///   - client: the client that is paused and resumed.
    ///   - application: the app.
    ///   - stay: how long the client stays connected in the background, in seconds. Default 10 s: the system allows
    ///     about thirty. If it allows no time, or ends it early, the client is paused at once. The pause waits for a
    ///     ``SnapbackClient/drain(deadline:)`` that is under way.
    public init(_ client: SnapbackClient, application: UIApplication = .shared, stay: TimeInterval = 10) {
      let tracker = ForegroundTracker(client, system: BackgroundTasks(application), stay: stay)
      self.tracker = tracker
      let center = NotificationCenter.default
      func observe(_ name: NSNotification.Name, _ react: @escaping @MainActor @Sendable (ForegroundTracker) -> Void) {
        observers.append(
          center.addObserver(forName: name, object: nil, queue: .main) { [weak tracker] _ in
            MainActor.assumeIsolated { if let tracker { react(tracker) } }
          })
      }
      observe(UIApplication.didEnterBackgroundNotification) { $0.enterBackground() }
      observe(UIApplication.willEnterForegroundNotification) { $0.enterForeground() }
      observe(UIApplication.protectedDataDidBecomeAvailableNotification) { $0.protectedDataBecameAvailable() }
    }

    /// Stops following the app's state. The client stays in its state.
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
    /// Opens a client as ``open(_:password:configuration:)`` does, but waits while the store or the vault cannot be
    /// read because the device was not unlocked since it was started. A push notification or the system itself may
    /// start the process before the first unlock.
    ///
    /// - Parameters:
    ///   - account: the bare JID to log in as, such as `juliet@example.org`.
    ///   - password: the password; `nil` to log in with a FAST token or SCRAM keys from the store.
    ///   - configuration: the settings.
    /// - Throws: the other errors of ``open(_:password:configuration:)``, or `CancellationError`.
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
