import Testing

@testable import Snapback

/// What the last connections did.
@Suite struct FlightRecorderTests {
  @Test func sessionsAreRecordedCountedAndExported() async throws {
    let world = try await World()
    let client = try await world.client()
    #expect(try await client.recorder.recentAttempts().isEmpty)
    client.connect()
    _ = try await client.online()
    try await client.send(to: World.romeo, "one").acked()
    try await world.obey("cut")
    _ = try await client.online()
    let attempts = try await client.recorder.recentAttempts()
    #expect(attempts.first?.outcome == .bound && attempts.first?.lasted != nil)
    #expect(attempts.last?.outcome == .resumed && attempts.last?.ended == nil)
    let quality = try await client.recorder.quality()
    #expect(quality.bound == 1 && quality.resumed == 1)
    let exported = try await client.recorder.export()
    #expect(exported.contains("\"outcome\":\"resumed\"") && !exported.contains("juliet"), "\(exported)")
    await client.shutdown()
  }
}
