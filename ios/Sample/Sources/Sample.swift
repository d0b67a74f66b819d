import Foundation
import Snapback

/// Logs in, loses the connection, reconnects, and prints what each round trip carried.
///
///     snapback-sample --server <path of snapback-test-server>
///
/// starts the reference server and cuts the connection itself.
///
///     snapback-sample <account>
///
/// connects with your own account, with the password in SNAPBACK_PASSWORD; turn the network off and on yourself.
@main
struct Sample {
  static func main() async throws {
    switch Array(CommandLine.arguments.dropFirst()) {
    case let words where words.count == 2 && words[0] == "--server":
      try await withReferenceServer(words[1])
    case let words where words.count == 1:
      try await withAccount(words[0])
    default:
      print("usage: snapback-sample --server <snapback-test-server> | <account>")
      exit(2)
    }
  }

  private static func withAccount(_ account: String) async throws {
    let password = ProcessInfo.processInfo.environment["SNAPBACK_PASSWORD"]
    let client = try await SnapbackClient.open(account, password: password)
    client.connect()
    for await event in client.events {
      show(event)
      event.delivery?.confirm()
    }
  }

  private static func withReferenceServer(_ path: String) async throws {
    let server = try ReferenceServer(path)
    var configuration = Configuration()
    // Each run has a new server, which knows nothing of an earlier one.
    configuration.storage = .memory
    configuration.servers = [ServerAddress(host: server.host, port: server.port)]
    configuration.danger.trustOnlyTheseRoots = try String(contentsOfFile: server.certificate, encoding: .utf8)
    let client = try await SnapbackClient.open(
      "juliet@localhost", password: "r0m30", configuration: configuration)
    client.connect()
    var sent: SentStanza?
    for await event in client.events {
      show(event)
      guard case .online(let online) = event else { continue }
      if online.outcome == .resumed { break }
      try server.cut()
      // The client is offline now. The message is stored, and sent on the next connection.
      sent = try await client.send(to: "romeo@localhost", "Wherefore art thou?")
    }
    let events = client.events
    let watching = Task { for await event in events { show(event) } }
    try await sent?.acked()
    print("the server has the message that was sent while offline")
    await client.shutdown()
    await watching.value
  }

  private static func show(_ event: Event) {
    switch event {
    case .online(let online):
      print("\(online.outcome) after \(online.timeline.roundTrips) round trips")
      for (number, flight) in online.timeline.flights.enumerated() {
        print("  \(number + 1). \(flight.sent.joined(separator: ", ")) -> \(flight.received.joined(separator: ", "))")
      }
    case .ended(let ended):
      print("ended: \(ended.description)")
    default:
      break
    }
  }
}
