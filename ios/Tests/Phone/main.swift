// An app in a separate process, for the tests that kill it: juliet connects, prints what happens, and confirms nothing.
// Arguments: host, port, file of the certificate authority, folder of the store; then `sync` for a background sync, as in
// an extension of the app.
import Foundation
import Snapback

let arguments = CommandLine.arguments
guard arguments.count >= 5, let port = UInt16(arguments[2]) else { exit(2) }
let folder = URL(fileURLWithPath: arguments[4])
var configuration = Configuration()
configuration.servers = [ServerAddress(host: arguments[1], port: port)]
configuration.danger.trustOnlyTheseRoots = try String(contentsOfFile: arguments[3], encoding: .utf8)
configuration.storage = .inFileWithKeys(
  folder.appendingPathComponent("juliet.db"), keys: folder.appendingPathComponent("keys"))
let account = "juliet@localhost"
if arguments.count > 5 {
  do {
    let deadline = Date(timeIntervalSinceNow: 60)
    let report = try await SnapbackClient.backgroundSync(
      account, configuration: configuration, deadline: deadline
    ) { show($0) }
    say("synced \(report.outcome)")
  } catch {
    say("failed \(error)")
  }
} else {
  let client = try await SnapbackClient.open(account, password: "r0m30", configuration: configuration)
  client.connect()
  for await event in client.events { show(event) }
}

@Sendable func show(_ event: Event) {
  switch event {
  case .online(let online): say("online \(online.outcome) \(online.timeline.roundTrips)")
  case .message(let delivery): say("message \(delivery.deliveryId) \(delivery.content.body ?? "")")
  default: break
  }
}

@Sendable func say(_ line: String) {
  FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
