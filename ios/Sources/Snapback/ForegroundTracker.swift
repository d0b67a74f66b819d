import Foundation

/// What ``ForegroundTracker`` needs of a client.
protocol LifecycleClient: Sendable {
  var state: ConnectionState { get }
  var states: ConnectionStates { get }
  func setForeground(_ foreground: Bool)
  func pause() async throws
  func resume()
  /// Waits until no ``SnapbackClient/drain(deadline:)`` is under way, or the task is cancelled.
  func untilDrained() async
}

/// What ``ForegroundTracker`` needs of the system (`UIApplication`).
@MainActor
protocol LifecycleSystem: AnyObject {
  /// Whether the app has no window on the screen.
  var isInBackground: Bool { get }
  /// Requests time in the background, and returns its identifier; `nil` if none is granted. `expired` is called shortly
  /// before the system ends the time early.
  func beginBackgroundTime(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int?
  /// Ends background time that was granted.
  func endBackgroundTime(_ name: Int)
}

/// Pauses a client before the system suspends the process: a suspended process that holds a lock on a file is
/// terminated.
///
/// A stay is the time between entering the background, or connecting there, and the pause. A process that a push
/// notification started begins with one.
@MainActor
final class ForegroundTracker {
  private let client: any LifecycleClient
  private let system: any LifecycleSystem
  private let stay: TimeInterval
  private let sleep: @Sendable (TimeInterval) async throws -> Void
  private var isForeground: Bool
  private var leaving: (number: Int, task: Task<Void, Never>?)?
  private var stays = 0
  private var watching: Task<Void, Never>?
  private var isEnded = false

  init(
    _ client: any LifecycleClient, system: any LifecycleSystem, stay: TimeInterval,
    sleep: @escaping @Sendable (TimeInterval) async throws -> Void = {
      try await Task.sleep(nanoseconds: Milliseconds.of($0) * 1_000_000)
    }
  ) {
    self.client = client
    self.system = system
    self.stay = stay
    self.sleep = sleep
    isForeground = !system.isInBackground
    client.setForeground(isForeground)
    // An open client holds its file, connected or not.
    if !isForeground { beginStay() }
    let states = client.states
    watching = Task { [weak self] in
      for await _ in states { self?.stateChanged() }
    }
  }

  deinit {
    watching?.cancel()
  }

  /// Stops tracking. The client stays in its state.
  func end() {
    isEnded = true
    watching?.cancel()
    leaving?.task?.cancel()
    leaving = nil
  }

  func enterBackground() {
    isForeground = false
    client.setForeground(false)
    beginStay()
  }

  func enterForeground() {
    isForeground = true
    leaving?.task?.cancel()
    leaving = nil
    client.resume()
    client.setForeground(true)
  }

  /// Called when the device is unlocked. A client that could not read its store or vault tries again at once.
  func protectedDataBecameAvailable() {
    if case .offline(reason: .failed, retryIn: _) = client.state { client.resume() }
  }

  /// Begins a stay if the app connects in the background, such as after a push notification.
  private func stateChanged() {
    if !isEnded, !isForeground, leaving == nil, client.state.isAwake { beginStay() }
  }

  private func beginStay() {
    leaving?.task?.cancel()
    stays += 1
    let number = stays
    leaving = (number, nil)
    let time = system.beginBackgroundTime { [weak self] in
      if self?.leaving?.number == number { self?.leaving?.task?.cancel() }
    }
    leaving?.task = Task { [self] in
      // Without time in the background the process may be suspended at any moment.
      if time != nil {
        try? await sleep(stay)
        await client.untilDrained()
      }
      await leave(number)
      if let time { system.endBackgroundTime(time) }
    }
  }

  private func leave(_ number: Int) async {
    guard leaving?.number == number else { return }
    // Returns when the file is closed.
    try? await client.pause()
    if isForeground, !isEnded { client.resume() }
    if leaving?.number == number { leaving = nil }
    // The app may have connected while it was paused.
    stateChanged()
  }
}

extension ConnectionState {
  /// Whether the client is connected, connects, or will connect. A paused client is not, and has no file open.
  fileprivate var isAwake: Bool {
    switch self {
    case .connecting, .online: true
    case .offline(let reason, _): reason == .failed || reason == .noNetwork
    }
  }
}

extension SnapbackClient: LifecycleClient {}
