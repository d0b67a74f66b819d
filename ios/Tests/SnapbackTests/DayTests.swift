import Foundation
import Testing

/// Plays the days of `tests/scenarios/days` on real servers.
@Suite struct DayTests {
  @Test(.enabled(if: !World.realServers.isEmpty, "no real server runs for the tests"))
  func aChatAppsDay() async throws {
    let day = try String(contentsOf: daysFolder.appendingPathComponent("chat.json"), encoding: .utf8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for server in World.realServers.keys {
        group.addTask {
          let world = try await World(real: server)
          do {
            try await Day.play(day, on: world)
          } catch {
            throw Day.Failed(description: "\(server): \(error)")
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

private let daysFolder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent()
  .appendingPathComponent("../../../tests/scenarios/days").standardized
