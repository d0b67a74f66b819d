import Foundation
import Snapback
import Testing

/// Short visits, as after a push: the interrupted session is resumed, or none is there.
@Suite struct VisitTests {
  @Test func aVisitTakesWhatIsWaitingAndLetsGo() async throws {
    let (world, folder) = (try await World(), try Folder())
    let app = try await world.client(storage: folder.storage)
    app.connect()
    _ = try await app.online()
    // While the app has the account, an extension has nothing to do.
    await #expect(throws: SnapbackError.storage(.ownedElsewhere)) { try await visit(world, folder) }
    await app.shutdown()
    try await world.obey("message", ["count": 3])
    let (outcome, told) = try await visit(world, folder)
    #expect(outcome == .complete)
    #expect(told == ["resumed", "romeo 1", "romeo 2", "romeo 3"])
    let next = try await world.client(storage: folder.storage)
    next.connect()
    #expect(try await next.online().outcome == .resumed)
    await next.shutdown()
  }

  /// What a lost session takes needs a process that has the time for it.
  @Test func aVisitNeverBeginsANewSession() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await eventually("the end of the connection") { try await world.stats().connections.allSatisfy(\.closed) }
    try await world.obey("forget_sessions", ["account": "juliet"])
    try await world.obey("message", ["body": "wake up"])
    let (outcome, told) = try await visit(world, folder)
    #expect(outcome == .offline(reason: .noSession))
    #expect(told == ["no session: forgotten"])
    #expect(try await world.stats().sessions.isEmpty, "nothing was bound")
    // The app does it, and gets what was waiting.
    let app = try await world.client(storage: folder.storage)
    app.connect()
    #expect(try await app.online().outcome == .bound)
    #expect(try await app.message().content.body == "wake up")
    await app.shutdown()
  }

  @Test func withoutASessionAVisitDoesNotTouchTheNetwork() async throws {
    let (world, folder) = (try await World(), try Folder())
    let (outcome, told) = try await visit(world, folder)
    #expect(outcome == .offline(reason: .noSession))
    #expect(told == ["no session: notStored"])
    #expect(try await world.stats().connections.isEmpty)
  }

  @Test func aPushLeavesAnAppThatIsInUseAsItIs() async throws {
    let (world, folder) = (try await World(), try Folder())
    let app = try await world.client(storage: folder.storage)
    let events = app.events
    let reading = Task { for await event in events { event.delivery?.confirm() } }
    app.connect()
    try await app.until("a session") { if case .online = $0 { true } else { false } }
    let deadline = Date(timeIntervalSinceNow: 60)
    #expect(try await patiently("the visit") { try await app.drain(deadline: deadline) } == .complete)
    if case .online = app.state {} else { Issue.record("it was put to sleep: \(app.state)") }
    await app.shutdown()
    await reading.value
  }

  @Test func aVisitEndsWithItsDeadline() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await world.obey("down", ["mode": "blackhole"])
    let client = try await world.client(storage: folder.storage)
    #expect(try await client.drain(deadline: Date(timeIntervalSinceNow: 0.2)) == .timedOut)
    // Nothing goes on: it was only a visit.
    try await client.until("the state") { $0 == .offline(reason: .notWanted, retryIn: nil) }
    await client.shutdown()
  }

  @Test func aVisitIsCutShortAndHoldsNothing() async throws {
    let (world, folder) = (try await World(), try Folder())
    try await leave(world, folder)
    try await world.obey("down", ["mode": "blackhole"])
    let client = try await world.client(storage: folder.storage)
    let visit = Task { try await client.drain(deadline: Date(timeIntervalSinceNow: 3600)) }
    try await client.until("an attempt") { if case .connecting = $0 { true } else { false } }
    visit.cancel()
    await #expect(throws: CancellationError.self) { try await patiently("the visit") { try await visit.value } }
    // It is paused: the file is free.
    let other = try await world.client(storage: folder.storage)
    await other.shutdown()
    await client.shutdown()
  }

  /// An app that was online, and is gone.
  private func leave(_ world: World, _ folder: Folder) async throws {
    let app = try await world.client(storage: folder.storage)
    app.connect()
    _ = try await app.online()
    await app.shutdown()
  }

  /// What an extension does. Also what it was told: sessions, ends, and messages.
  @discardableResult
  private func visit(_ world: World, _ folder: Folder) async throws -> (DrainOutcome, [String]) {
    let told = Guarded<[String]>([])
    let configuration = world.configuration(storage: folder.storage)
    let outcome = try await patiently("the visit") {
      try await SnapbackClient.visit(
        World.juliet, configuration: configuration, deadline: Date(timeIntervalSinceNow: 60)
      ) { event in
        let text: String? =
          switch event {
          case .online(let online): "\(online.outcome)"
          case .message(let delivery): delivery.content.body
          case .ended(let ended): if case .noSession(let why) = ended.reason { "no session: \(why)" } else { nil }
          default: nil
          }
        if let text { told.withLock { $0.append(text) } }
        event.delivery?.confirm()
      }
    }
    return (outcome, told.withLock { $0 })
  }
}
