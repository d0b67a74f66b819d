import Foundation
import Snapback
import Testing

/// Background syncs, as after a push notification: the interrupted session is resumed, or there is none.
@Suite struct BackgroundSyncTests {
  @Test func aBackgroundSyncDeliversWaitingMessagesAndClosesTheFile() async throws {
    let (world, folder) = (try await World(), try Folder())
    let app = try await world.client(storage: folder.storage)
    app.connect()
    _ = try await app.online()
    // While the app has the account open, an extension cannot open it.
    await #expect(throws: SnapbackError.storage(.ownedElsewhere)) { try await sync(world, folder) }
    await app.shutdown()
    try await world.obey("message", ["count": 3])
    let (outcome, reported) = try await sync(world, folder)
    #expect(outcome == .complete)
    #expect(reported == ["resumed", "romeo 1", "romeo 2", "romeo 3"])
    let next = try await world.client(storage: folder.storage)
    next.connect()
    #expect(try await next.online().outcome == .resumed)
    await next.shutdown()
  }

  @Test func aBackgroundSyncThatMayBindReplacesALostSession() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await eventually("the end of the connection") { try await world.stats().connections.allSatisfy(\.closed) }
    try await world.obey("forget_sessions", ["account": "juliet"])
    try await world.obey("message", ["body": "wake up"])
    let configuration = world.configuration(storage: folder.storage)
    let report = try await withTimeout("the sync") {
      try await SnapbackClient.backgroundSync(
        World.juliet, configuration: configuration, deadline: Date(timeIntervalSinceNow: 60), mayBind: true
      ) { $0.delivery?.confirm() }
    }
    #expect(report == DrainReport(outcome: .complete, messages: 1, hasGap: false, session: .unannounced))
    // The app completes that session.
    let app = try await world.client(storage: folder.storage)
    app.connect()
    #expect(try await app.online().outcome == .bound)
    #expect(try await world.stats().sessions.count == 1)
    await app.shutdown()
  }

  /// A new session needs a process that has more time.
  @Test func aBackgroundSyncNeverEstablishesANewSession() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await eventually("the end of the connection") { try await world.stats().connections.allSatisfy(\.closed) }
    try await world.obey("forget_sessions", ["account": "juliet"])
    try await world.obey("message", ["body": "wake up"])
    let (outcome, reported) = try await sync(world, folder)
    #expect(outcome == .offline(reason: .noSession))
    #expect(reported == ["no session: forgotten"])
    #expect(try await world.stats().sessions.isEmpty, "nothing was bound")
    // The app establishes one, and receives the waiting message.
    let app = try await world.client(storage: folder.storage)
    app.connect()
    #expect(try await app.online().outcome == .bound)
    #expect(try await app.message().content.body == "wake up")
    await app.shutdown()
  }

  @Test func withoutASessionABackgroundSyncDoesNotUseTheNetwork() async throws {
    let (world, folder) = (try await World(), try Folder())
    let (outcome, reported) = try await sync(world, folder)
    #expect(outcome == .offline(reason: .noSession))
    #expect(reported == ["no session: notStored"])
    #expect(try await world.stats().connections.isEmpty)
  }

  @Test func aBackgroundSyncDoesNotPauseAnAppThatIsInUse() async throws {
    let (world, folder) = (try await World(), try Folder())
    let app = try await world.client(storage: folder.storage)
    let events = app.events
    let reading = Task { for await event in events { event.delivery?.confirm() } }
    app.connect()
    try await app.until("a session") { if case .online = $0 { true } else { false } }
    let deadline = Date(timeIntervalSinceNow: 60)
    #expect(try await withTimeout("the sync") { try await app.drain(deadline: deadline).outcome } == .complete)
    if case .online = app.state {} else { Issue.record("it was paused: \(app.state)") }
    await app.shutdown()
    await reading.value
  }

  @Test func aBackgroundSyncEndsAtItsDeadline() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await world.obey("down", ["mode": "blackhole"])
    let client = try await world.client(storage: folder.storage)
    #expect(try await client.drain(deadline: Date(timeIntervalSinceNow: 0.2)).outcome == .timedOut)
    // The client does not continue after the sync.
    try await client.until("the state") { $0 == .offline(reason: .notWanted, retryIn: nil) }
    await client.shutdown()
  }

  @Test func aCancelledBackgroundSyncKeepsNothingOpen() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await world.obey("down", ["mode": "blackhole"])
    let client = try await world.client(storage: folder.storage)
    let sync = Task { try await client.drain(deadline: Date(timeIntervalSinceNow: 3600)) }
    try await client.until("an attempt") { if case .connecting = $0 { true } else { false } }
    sync.cancel()
    await #expect(throws: CancellationError.self) { try await withTimeout("the sync") { try await sync.value } }
    // The client is paused and its file closed.
    let other = try await world.client(storage: folder.storage)
    await other.shutdown()
    await client.shutdown()
  }

  /// Two pushes at once start two syncs in one process, and only one client can have the store open.
  @Test func twoBackgroundSyncsAtOnceShareAClient() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await world.obey("message", ["count": 20])
    async let first = sync(world, folder)
    async let second = sync(world, folder)
    let both = try await [first, second]
    #expect(both.map(\.0) == [.complete, .complete])
    let messages = both.flatMap(\.1).filter { $0.hasPrefix("romeo") }
    #expect(messages.count == 20 && Set(messages).count == 20)
    // The file is closed, and a third sync opens it again.
    #expect(try await sync(world, folder).0 == .complete)
  }

  /// An app and its extension are two processes with one folder.
  @Test func anExtensionSyncsOnlyWhileTheAppIsNotThere() async throws {
    let (world, folder) = (try await World(), try Folder())
    let app = try await world.client(storage: folder.storage)
    app.connect()
    _ = try await app.online()
    let early = try Phone(world, folder, "sync")
    #expect(try await early.next() == "failed storage: ownedElsewhere")
    try await app.pause()
    try await world.obey("message", ["body": "while away"])
    let later = try Phone(world, folder, "sync")
    #expect(try await later.next()?.hasPrefix("online resumed") == true)
    #expect(try await later.next()?.hasSuffix(" while away") == true)
    #expect(try await later.next() == "synced complete")
    #expect(try await later.next() == nil)
    app.resume()
    // The extension has not confirmed it: it is repeated before the session begins.
    #expect(try await app.message().content.body == "while away")
    #expect(try await app.online().outcome == .resumed)
    await app.shutdown()
  }

  /// Runs an app that goes online and is shut down.
  private func leave(_ world: World, _ folder: Folder) async throws {
    let app = try await world.client(storage: folder.storage)
    app.connect()
    _ = try await app.online()
    // Before that the place in the archive may be unknown, and the next session would report a gap.
    try await app.caughtUp()
    await app.shutdown()
  }

  /// Does what an extension does. Returns the outcome and the reported sessions, ends and messages.
  @discardableResult
  private func sync(_ world: World, _ folder: Folder) async throws -> (DrainOutcome, [String]) {
    let reported = Guarded<[String]>([])
    let configuration = world.configuration(storage: folder.storage)
    let report = try await withTimeout("the sync") {
      try await SnapbackClient.backgroundSync(
        World.juliet, configuration: configuration, deadline: Date(timeIntervalSinceNow: 60)
      ) { event in
        let text: String? =
          switch event {
          case .online(let online): "\(online.outcome)"
          case .message(let delivery): delivery.content.body
          case .ended(let ended): if case .noSession(let cause) = ended.reason { "no session: \(cause)" } else { nil }
          default: nil
          }
        if let text { reported.withLock { $0.append(text) } }
        event.delivery?.confirm()
      }
    }
    return (report.outcome, reported.withLock { $0 })
  }
}
