import Foundation
import Testing

@testable import Snapback

/// A client in the foreground and in the background, with a system that may grant time in the background.
@MainActor
@Suite struct ForegroundTests {
  private let client = HandClient()
  private let system = HandSystem()
  /// A stay ends when an element is yielded here.
  private let clock = EventQueue<Bool>(capacity: 100)

  private func tracker() -> ForegroundTracker {
    let clock = clock
    return ForegroundTracker(client, system: system, stay: 10) { seconds in
      #expect(seconds == 10)
      if await clock.next() == nil { throw CancellationError() }
    }
  }

  private func stayEnds() async { await clock.put([true]) }

  @Test func anAppInTheBackgroundIsPausedAfterItsStayAndResumedInTheForeground() async throws {
    let tracker = tracker()
    #expect(client.calls == ["foreground"] && system.begun == 0)
    tracker.enterBackground()
    for _ in 0..<100 { await Task.yield() }
    #expect(client.calls == ["foreground", "background"] && system.begun == 1 && system.ended.isEmpty)
    await stayEnds()
    try await eventually("the pause") { await system.ended == [1] }
    #expect(client.calls == ["foreground", "background", "pause"])
    tracker.enterForeground()
    #expect(client.calls.suffix(2) == ["resume", "foreground"])
  }

  /// Its client has a file open: the system would terminate it when it is suspended.
  @Test func aProcessThatAPushStartedIsPausedAfterItsStay() async throws {
    system.isInBackground = true
    let tracker = tracker()
    client.publish(.online(outcome: .resumed, roundTrips: 3, isCaughtUp: false))
    for _ in 0..<100 { await Task.yield() }
    #expect(client.calls == ["background"] && system.begun == 1)
    await stayEnds()
    try await eventually("the pause") { await system.ended == [1] }
    #expect(client.calls == ["background", "pause"])
    withExtendedLifetime(tracker) {}
  }

  @Test func aClientThatConnectsInTheBackgroundIsPausedAgain() async throws {
    system.isInBackground = true
    let tracker = tracker()
    await stayEnds()
    try await eventually("the pause") { await system.ended == [1] }
    client.publish(.connecting(step: .resolving))
    try await eventually("another stay") { await system.begun == 2 }
    #expect(client.calls == ["background", "pause"])
    await stayEnds()
    try await eventually("another pause") { await system.ended == [1, 2] }
    #expect(client.calls == ["background", "pause", "pause"])
    // A client that does not reconnect by itself needs no pause.
    client.publish(.offline(reason: .needsCredentials, retryIn: nil))
    for _ in 0..<100 { await Task.yield() }
    #expect(system.begun == 2)
    tracker.end()
  }

  @Test func withoutTimeInTheBackgroundTheClientIsPausedAtOnce() async throws {
    system.grants = false
    let tracker = tracker()
    tracker.enterBackground()
    try await eventually("the pause") { [client] in client.calls.last == "pause" }
    for _ in 0..<100 { await Task.yield() }
    #expect(system.ended.isEmpty, "what was not granted is not given back")
  }

  @Test func timeThatEndsEarlyEndsTheStay() async throws {
    let tracker = tracker()
    tracker.enterBackground()
    system.expire()
    try await eventually("the end") { await system.ended == [1] }
    #expect(client.calls == ["foreground", "background", "pause"])
    withExtendedLifetime(tracker) {}
  }

  @Test func anAppThatReturnsDuringItsStayIsNotPausedAndTheNextStayIsAWholeOne() async throws {
    let tracker = tracker()
    tracker.enterBackground()
    tracker.enterForeground()
    tracker.enterBackground()
    try await eventually("the first stay's end") { await system.ended == [1] }
    #expect(!client.calls.contains("pause"))
    await stayEnds()
    try await eventually("the second's") { await system.ended == [1, 2] }
    #expect(client.calls.filter { $0 == "pause" }.count == 1)
  }

  @Test func anAppThatReturnsDuringThePauseIsResumed() async throws {
    let tracker = tracker()
    client.holdPause()
    tracker.enterBackground()
    await stayEnds()
    try await eventually("the pause") { [client] in client.calls.last == "pause" }
    tracker.enterForeground()
    #expect(system.ended.isEmpty, "the file is still open")
    client.releasePause()
    try await eventually("the end") { await system.ended == [1] }
    #expect(client.calls == ["foreground", "background", "pause", "resume", "foreground", "resume"])
  }

  @Test func thePauseWaitsForADrainUntilTheTimeEnds() async throws {
    let tracker = tracker()
    client.drains.begin()
    tracker.enterBackground()
    await stayEnds()
    for _ in 0..<100 { await Task.yield() }
    #expect(!client.calls.contains("pause"))
    client.drains.end()
    try await eventually("the pause") { await system.ended == [1] }
    tracker.enterForeground()
    client.drains.begin()
    tracker.enterBackground()
    await stayEnds()
    system.expire()
    try await eventually("the pause in time") { await system.ended == [1, 2] }
    #expect(client.calls.filter { $0 == "pause" }.count == 2)
  }

  @Test func anUnlockMakesAFailedClientTryAgain() {
    let tracker = tracker()
    for reason in [OfflineReason.notWanted, .suspended, .needsCredentials, .refused, .conflict, .noSession] {
      client.publish(.offline(reason: reason, retryIn: nil))
      tracker.protectedDataBecameAvailable()
    }
    #expect(client.calls == ["foreground"])
    client.publish(.offline(reason: .failed, retryIn: 60))
    tracker.protectedDataBecameAvailable()
    #expect(client.calls == ["foreground", "resume"])
  }

  @Test func afterTheEndTheClientStaysAsItIs() async throws {
    let tracker = tracker()
    tracker.enterBackground()
    tracker.end()
    try await eventually("the time's end") { await system.ended == [1] }
    client.publish(.connecting(step: .login))
    for _ in 0..<100 { await Task.yield() }
    #expect(client.calls == ["foreground", "background"] && system.begun == 1)
  }

  /// The real client, paused by the tracker, holds no file.
  @Test func aRealClientThatAPushStartedClosesItsFile() async throws {
    let (world, folder) = (try await World(), try Folder())
    let real = try await world.client(storage: folder.storage)
    system.isInBackground = true
    let clock = clock
    let tracker = ForegroundTracker(real, system: system, stay: 10) { _ in
      if await clock.next() == nil { throw CancellationError() }
    }
    real.connect()
    _ = try await real.online()
    await stayEnds()
    try await eventually("the pause") { await system.ended.contains(1) }
    #expect(real.state == .offline(reason: .suspended, retryIn: nil))
    let other = try await world.client(storage: folder.storage)
    await other.shutdown()
    tracker.enterForeground()
    #expect(try await real.online().outcome == .resumed)
    tracker.end()
    await real.shutdown()
  }

  @Test func openingWaitsForTheUnlock() async throws {
    let unlock = Locked<(@Sendable () -> Void)?>(nil)
    let failures = Locked<[SnapbackError]>([.storage(.notYetUnlocked), .storage(.vaultLocked)])
    let opening = Task {
      try await retryingWhileLocked(every: 3600) { unlocked in
        unlock.withLock { $0 = unlocked }
      } _: {
        if let failure = failures.withLock({ $0.popLast() }) { throw failure }
        return "open"
      }
    }
    try await eventually("the first attempt") { failures.withLock { $0.count } == 1 }
    unlock.withLock { $0 }?()
    try await eventually("the second") { failures.withLock { $0.isEmpty } }
    unlock.withLock { $0 }?()
    #expect(try await withTimeout("the third") { try await opening.value } == "open")
    await #expect(throws: SnapbackError.storage(.vaultBroken)) {
      try await retryingWhileLocked(observing: { _ in }) { throw SnapbackError.storage(.vaultBroken) }
    }
    let waiting = Task {
      try await retryingWhileLocked(every: 3600, observing: { _ in }) { throw SnapbackError.storage(.notYetUnlocked) }
    }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await withTimeout("the end") { try await waiting.value } }
  }
}

private final class HandClient: LifecycleClient {
  let drains = Drains()
  private let hub = StateHub(.offline(reason: .notWanted, retryIn: nil))
  private let current = Locked(ConnectionState.offline(reason: .notWanted, retryIn: nil))
  private let reported = Locked<[String]>([])
  private let gate = Drains()

  var calls: [String] { reported.withLock { $0 } }
  var state: ConnectionState { current.withLock { $0 } }
  var states: ConnectionStates { ConnectionStates(hub: hub) }

  func publish(_ state: ConnectionState) {
    current.withLock { $0 = state }
    hub.publish(state)
  }

  func holdPause() { gate.begin() }
  func releasePause() { gate.end() }
  func setForeground(_ foreground: Bool) { call(foreground ? "foreground" : "background") }
  func resume() { call("resume") }
  func untilDrained() async { await drains.untilNone() }

  func pause() async throws {
    call("pause")
    await gate.untilNone()
    publish(.offline(reason: .suspended, retryIn: nil))
  }

  private func call(_ what: String) {
    reported.withLock { $0.append(what) }
  }
}

private final class HandSystem: LifecycleSystem {
  var isInBackground = false
  var grants = true
  var begun = 0
  var ended: [Int] = []
  private var expired: (@MainActor @Sendable () -> Void)?

  func beginBackgroundTime(_ expired: @escaping @MainActor @Sendable () -> Void) -> Int? {
    guard grants else { return nil }
    begun += 1
    self.expired = expired
    return begun
  }

  func endBackgroundTime(_ name: Int) {
    ended.append(name)
  }

  func expire() {
    expired?()
  }
}
