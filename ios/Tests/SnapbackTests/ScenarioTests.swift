import Foundation
import Testing

/// Plays every file of `tests/scenarios` with real clients.
@Suite struct ScenarioTests {
  static let alone = ["commute", "hotel-portal", "killed-in-the-background", "elevator", "night", "wifi-to-lte"]
  static let withTheServersEnd = ["server-crash", "server-deploy", "stampede"]

  @Test(arguments: alone)
  func anAppPlays(_ name: String) async throws {
    try await ScenarioPlayer.play(Scenario(text(name)))
  }

  /// The clients wait up to half a minute for a server that is down, so these scenarios run concurrently.
  @Test func appsReconnectAfterTheEndOfTheirServer() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for name in Self.withTheServersEnd {
        group.addTask { try await ScenarioPlayer.play(Scenario(text(name))) }
      }
      try await group.waitForAll()
    }
  }

  @Test func everyFileIsPlayed() throws {
    let played = Self.alone + Self.withTheServersEnd
    #expect(try files() == played.sorted())
    for name in played { #expect(try Scenario(text(name)).name == name) }
  }

  @Test func unknownFieldsAreErrors() throws {
    for (steps, unknown) in [
      (#"{"app": "fly"}"#, "fly"),
      (#"{"app": "connect", "soon": true}"#, "soon"),
      (#"{"expect": "luck"}"#, "luck"),
      (#"{"expect": "settled", "lost": 0}"#, "duplicated"),
      (#"{"app": "connect", "world": "up"}"#, "a step is one of app, world, expect"),
    ] {
      #expect(throws: Scenario.UnknownField(what: unknown)) {
        try Scenario(#"{"name": "x", "story": "", "steps": [\#(steps)]}"#)
      }
    }
    #expect(throws: Scenario.UnknownField(what: "rtt")) {
      try Scenario(#"{"name": "x", "story": "", "steps": [], "setting": {"rtt": 1}}"#)
    }
  }

  @Test func lostAndDuplicatedMessagesAreCounted() {
    let balance = Balance(sent: ["a", "b", "c"], arrived: ["a", "b", "b", "x"])
    #expect(balance.lost == 1 && balance.again == 2)
  }
}

private let folder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent()
  .appendingPathComponent("../../../tests/scenarios/scenarios").standardized

private func text(_ name: String) throws -> String {
  try String(contentsOf: folder.appendingPathComponent("\(name).json"), encoding: .utf8)
}

private func files() throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder.path)
    .map { $0.replacingOccurrences(of: ".json", with: "") }.sorted()
}
