import Foundation
import Snapback

/// Plays a scenario: each app does every step, and the test server is used by this scenario alone.
final class ScenarioPlayer {
  private let world: World
  private let apps: [PlayedApp]
  /// The ids of the messages that romeo sent, with the account addressed.
  private var fromRomeo: [(to: String, id: String)] = []

  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  private init(_ setting: Scenario.Setting) async throws {
    var options = ["--kind", setting.kind, "--rtt-ms", "\(setting.rttMs)"]
    if setting.apps > 1 { options += ["--guests", "\(setting.apps)"] }
    let world = try await World(options: options)
    self.world = world
    let users = setting.apps > 1 ? (1...setting.apps).map { "guest\($0)" } : ["juliet"]
    apps = try users.map { try PlayedApp(world, user: $0, starttls: setting.transport == "starttls") }
    for app in apps { try await app.start() }
  }

  static func play(_ scenario: Scenario) async throws {
    let player = try await ScenarioPlayer(scenario.setting)
    for (index, step) in scenario.steps.enumerated() {
      do {
        try await player.play(step)
      } catch {
        let logs = player.apps.map(\.log).joined(separator: "\n")
        throw Failed(description: "\(scenario.name), step \(index + 1): \(error)\n\(logs)")
      }
    }
    for app in player.apps { await app.end() }
  }

  private func play(_ step: Scenario.ScenarioStep) async throws {
    switch step {
    case .app(let action):
      for app in apps { try await app.act(action) }
    case .world(let command):
      let answer = try await world.obey(command)
      var to = "juliet"
      if case .object(let fields) = command, case .text(let name) = fields["to"] { to = name }
      for id in answer.ids ?? [] { fromRomeo.append((to, id)) }
    case .expect(let expectation):
      try await expect(expectation)
    }
  }

  private func expect(_ expectation: Scenario.Expectation) async throws {
    switch expectation {
    case .online(let outcome, let maxRoundTrips, let withinMs):
      for app in apps {
        let (found, roundTrips) = try await app.nextSession(withinMs)
        guard found == outcome else { throw Failed(description: "\(found) instead of \(outcome)") }
        guard roundTrips <= maxRoundTrips else { throw Failed(description: "\(roundTrips) round trips") }
      }
    case .offline(let withinMs):
      for app in apps { try await app.offline(withinMs) }
    case .settled(let lost, let duplicated, let withinMs):
      for app in apps { try await settled(app, lost: lost, duplicated: duplicated, withinMs) }
    case .connections(let atMost):
      let found = try await world.stats().connections.count
      guard found <= atMost else { throw Failed(description: "\(found) connections") }
    case .spread(let atLeastMs):
      let connections = try await world.stats().connections
      let last = apps.compactMap { app in
        connections.filter { $0.account == app.user }.map(\.openedMs).max()
      }
      let found = (last.max() ?? 0) - (last.min() ?? 0)
      guard found >= atLeastMs else { throw Failed(description: "all within \(found) ms") }
    }
  }

  /// Waits until everything has arrived and is acknowledged; then counts lost and duplicated messages.
  private func settled(_ app: PlayedApp, lost: Int, duplicated: Int, _ withinMs: Int) async throws {
    let toApp = fromRomeo.filter { $0.to == app.user }.map(\.id)
    try await app.settle(toApp, lost: lost, withinMs)
    let own = "\(app.user)@localhost/"
    try await eventually("the acknowledgements to the server") { [world] in
      try await world.stats().sessions.allSatisfy { !$0.jid.hasPrefix(own) || $0.unacked == 0 }
    }
    let arrived = try await world.obey("received", ["from": app.user]).messages ?? []
    let outbound = Balance(sent: app.sent, arrived: arrived.map(\.id))
    let inbound = Balance(sent: toApp, arrived: app.received)
    let found = (lost: outbound.lost + inbound.lost, again: outbound.again + inbound.again)
    guard found.lost <= lost, found.again <= duplicated else {
      throw Failed(description: "\(found.lost) lost, \(found.again) duplicated")
    }
  }
}

/// Compares what arrived with what was sent, by id.
struct Balance: Equatable {
  /// The number of messages that were sent and did not arrive.
  let lost: Int
  /// The number of messages that arrived more than once, or were never sent.
  let again: Int

  init(sent: [String], arrived: [String]) {
    lost = sent.filter { !arrived.contains($0) }.count
    again = arrived.count + lost - sent.count
  }
}

/// One app: its file, its current client, and what the clients have reported.
private final class PlayedApp {
  let user: String
  private(set) var sent: [String] = []
  private let configuration: Configuration
  private let password: String
  private let folder: Folder
  private let reported = Reported()
  private var client: SnapbackClient?
  private var listening: Task<Void, Never>?

  init(_ world: World, user: String, starttls: Bool) throws {
    self.user = user
    let account = world.ready.accounts.first { $0.jid == "\(user)@localhost" }
    guard let account else { throw ScenarioPlayer.Failed(description: "no account \(user)") }
    password = account.password
    folder = try Folder()
    var configuration = world.configuration(storage: folder.storage)
    if starttls {
      configuration.servers = [
        ServerAddress(host: world.ready.host, port: world.ready.starttlsPort, transport: .startTls)
      ]
    }
    // Short, as in the scenarios. The cap is the default, since it also bounds how far the reconnects are spread.
    configuration.timeouts.backoff = 0.05
    configuration.timeouts.backoffCap = nil
    configuration.timeouts.probe = 0.5
    self.configuration = configuration
  }

  var received: [String] { reported.state.withLock { $0.deliveries.map(\.id) } }
  var log: String { "\(user): " + reported.state.withLock { $0.log.joined(separator: ", ") } }

  func start() async throws {
    guard client == nil else { throw ScenarioPlayer.Failed(description: "it runs already") }
    let (user, password, configuration) = (user, password, configuration)
    // The previous client closes the file soon, but not at once.
    let client = try await withTimeout("the file") {
      while true {
        do {
          return try await SnapbackClient.open("\(user)@localhost", password: password, configuration: configuration)
        } catch SnapbackError.storage(.ownedElsewhere) {
          try await Task.sleep(nanoseconds: 20_000_000)
        }
      }
    }
    self.client = client
    let events = client.events
    listening = Task { [reported] in
      for await event in events {
        event.delivery?.confirm()
        reported.take(event)
      }
    }
  }

  func act(_ action: Scenario.Action) async throws {
    if action == .start { return try await start() }
    let client = try running()
    switch action {
    case .connect: client.connect()
    case .disconnect: try await client.disconnect()
    case .background: client.setForeground(false)
    case .foreground: client.setForeground(true)
    case .suspend: try await client.pause()
    case .resume: client.resume()
    case .network(let available): client.networkChanged(NetworkState(available: available, nameServers: []))
    case .send(let count):
      for _ in 0..<count {
        sent.append(try await client.send(to: World.romeo, "\(user) \(sent.count + 1)").id)
      }
    case .kill, .start:
      client.close()
      self.client = nil
      // Earlier reports still count, except for the sessions that no step has asked about.
      await listening?.value
      reported.state.withLock { $0.sessions = [] }
    }
  }

  func end() async {
    await client?.shutdown()
    await listening?.value
  }

  func nextSession(_ withinMs: Int) async throws -> (String, Int) {
    try await until("a session", withinMs) { !$0.sessions.isEmpty }
    return reported.state.withLock { $0.sessions.removeFirst() }
  }

  func offline(_ withinMs: Int) async throws {
    let client = try running()
    try await until("being offline", withinMs) { _ in
      if case .offline = client.state { true } else { false }
    }
  }

  func settle(_ expected: [String], lost: Int, _ withinMs: Int) async throws {
    let sent = sent
    try await until("acknowledgements and messages", withinMs) { reported in
      let arrived = Set(reported.deliveries.map(\.id))
      return reported.acked.isSuperset(of: sent) && expected.filter(arrived.contains).count + lost >= expected.count
    }
  }

  private func running() throws -> SnapbackClient {
    guard let client else { throw ScenarioPlayer.Failed(description: "it does not run") }
    return client
  }

  private func until(
    _ what: String, _ withinMs: Int, _ isSo: @escaping @Sendable (Reported.State) -> Bool
  ) async throws {
    try await withTimeout(what, seconds: UInt64(withinMs / 1000)) { [reported] in
      while !reported.state.withLock({ isSo($0) }) { try await Task.sleep(nanoseconds: 10_000_000) }
    }
  }
}

/// What the clients have reported.
private final class Reported: Sendable {
  struct State {
    var acked: Set<String> = []
    /// By delivery id, since a new process repeats unconfirmed deliveries.
    var deliveries: [(deliveryId: String, id: String)] = []
    /// Sessions that no step has asked about yet.
    var sessions: [(outcome: String, roundTrips: Int)] = []
    var log: [String] = []
  }

  let state = Guarded(State())

  func take(_ event: Event) {
    state.withLock { state in
      switch event {
      case .online(let online):
        state.sessions.append((online.outcome == .resumed ? "resumed" : "bound", Int(online.timeline.roundTrips)))
        state.log.append("\(online.outcome) by: \(online.plan)")
      case .ended(let ended):
        state.log.append("ended: \(ended.description)")
      case .message(let delivery):
        if !state.deliveries.contains(where: { $0.deliveryId == delivery.deliveryId }) {
          state.deliveries.append((delivery.deliveryId, delivery.content.id ?? ""))
        }
      case .stageReached(let id, .acked):
        state.acked.insert(id)
      default: break
      }
    }
  }
}
