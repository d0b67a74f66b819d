import Testing

@testable import Snapback

/// Logins without a password, as far as a server with passwords shows them.
@Suite struct CredentialsTests {
  /// Fails at first, and then needs the user.
  private final class Provider: TokenProvider {
    struct Unreachable: Error {}
    let requests = Locked<[Bool]>([])

    func token(refused: Bool) async throws -> String {
      let count = requests.withLock { requests in
        requests.append(refused)
        return requests.count
      }
      if count == 1 { throw Unreachable() }
      throw UserNeededError()
    }
  }

  @Test func aTokenProviderIsAsked() async throws {
    let world = try await World()
    // The provider answers before the server says that it knows no tokens, which ends the attempt, too.
    try await world.obey("rtt", ["ms": 1000])
    let provider = Provider()
    let client = try await SnapbackClient.open(
      World.juliet, credentials: .bearerToken(provider), configuration: world.configuration())
    client.connect()
    let ended = try await client.ended()
    #expect(ended.reason == .local(problem: .credentialsUnavailable) && ended.retryable)
    #expect(try await client.ended().reason == .local(problem: .noCredentials))
    try await client.until("the stop") { $0 == .offline(reason: .needsCredentials, retryIn: nil) }
    #expect(provider.requests.withLock { $0 } == [false, false])
    await client.shutdown()
  }

  @Test func whatCannotBeUsed() async throws {
    let wrong = Credentials.certificate(chainPem: "none", keyPem: "none")
    await #expect(throws: SnapbackError.configuration(setting: "certificate")) {
      try await SnapbackClient.open("juliet@localhost", credentials: wrong)
    }
    await #expect(throws: SnapbackError.configuration(setting: "account")) {
      try await SnapbackClient.open("juliet@localhost", credentials: .anonymous)
    }
    #expect("\(Credentials.password("planted"))" == "Credentials(..)")
    var dumped = ""
    dump(Credentials.password("planted"), to: &dumped)
    #expect(!dumped.contains("planted"))
  }
}
