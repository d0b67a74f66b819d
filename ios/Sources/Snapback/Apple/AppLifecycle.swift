#if canImport(UIKit)
  import Foundation
  import UIKit

  /// Leads a client through the life of an app: in the background it stays for a moment, so that what was sent gets out,
  /// and is paused before the system freezes the process; in the foreground it goes on.
  ///
  /// Keep it as long as the client.
  @MainActor
  @available(iOSApplicationExtension, unavailable)
  public final class AppLifecycle {
    private let client: SnapbackClient
    private let application: UIApplication
    private let stay: TimeInterval
    private var isForeground: Bool
    private var leaving: Task<Void, Never>?
    private var observers: [any NSObjectProtocol] = []

    /// - Parameter stay: how long to remain connected in the background, in seconds; the system allows about thirty.
    public init(_ client: SnapbackClient, application: UIApplication = .shared, stay: TimeInterval = 10) {
      self.client = client
      self.application = application
      self.stay = stay
      // A push may have started the process, and nobody looks.
      isForeground = application.applicationState != .background
      client.setForeground(isForeground)
      let center = NotificationCenter.default
      observers = [
        center.addObserver(forName: UIApplication.didEnterBackgroundNotification, object: nil, queue: .main) {
          [weak self] _ in MainActor.assumeIsolated { self?.enterBackground() }
        },
        center.addObserver(forName: UIApplication.willEnterForegroundNotification, object: nil, queue: .main) {
          [weak self] _ in MainActor.assumeIsolated { self?.enterForeground() }
        },
      ]
    }

    /// Lets go of the client, which stays as it is.
    public func end() {
      for observer in observers { NotificationCenter.default.removeObserver(observer) }
      observers = []
    }

    private func enterBackground() {
      isForeground = false
      client.setForeground(false)
      var leave: Task<Void, Never>?
      let time = application.beginBackgroundTask(withName: "Snapback") {
        // Time is up sooner than we thought.
        MainActor.assumeIsolated { leave?.cancel() }
      }
      leave = Task { [client, application, stay] in
        try? await Task.sleep(nanoseconds: Milliseconds.of(stay) * 1_000_000)
        // Comes back when the file is closed: a process that is frozen with a locked file is ended by the system.
        if !isForeground { try? await client.pause() }
        if isForeground { client.resume() }
        application.endBackgroundTask(time)
      }
      leaving = leave
    }

    private func enterForeground() {
      isForeground = true
      leaving?.cancel()
      leaving = nil
      client.resume()
      client.setForeground(true)
    }
  }
#endif
