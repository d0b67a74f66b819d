import Foundation

/// What is led through the life of an app.
protocol LifecycleClient: Sendable {
  var state: ConnectionState { get }
  var states: ConnectionStates { get }
  func setForeground(_ foreground: Bool)
  func pause() async throws
  func resume()
  /// Returns when no ``SnapbackClient/drain(deadline:)`` is under way, or the task is cancelled.
  func untilDrained() async
}

/// What the system says and grants (`UIApplication`).
@MainActor
protocol LifecycleSystem: AnyObject {
  /// The app has no window on the screen.
  var isInBackground: Bool { get }
  /// Asks for time in the background, and returns what names it; `nil` if none is granted. `expired` is called shortly before it
  /// ends early.
  func beginBackgroundTime(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int?
  /// Gives back time that was granted.
  func endBackgroundTime(_ name: Int)
}

/// Pauses a client before the system suspends the process: a suspended process that holds a lock on a file is terminated.
///
/// A stay is the time between entering the background, or waking up there, and the pause. A process that a push started begins
/// with one.
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

  /// The client stays as it is from now on.
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

  /// The device was unlocked. What failed for a store or a vault that could not be read is tried again at once.
  func protectedDataBecameAvailable() {
    if case .offline(reason: .failed, retryIn: _) = client.state { client.resume() }
  }

  /// The app connects in the background, as after a push.
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
  /// The client is at work: it connects, or will. Else it holds nothing once it was paused.
  fileprivate var isAwake: Bool {
    switch self {
    case .connecting, .online: true
    case .offline(let reason, _): reason == .failed || reason == .noNetwork
    }
  }
}

extension SnapbackClient: LifecycleClient {}
