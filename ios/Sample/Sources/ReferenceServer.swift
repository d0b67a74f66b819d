import Foundation

/// The reference server as a child process (`tests/scenarios/README.md`). It ends when this process ends.
struct ReferenceServer {
  private struct Ready: Decodable {
    let host: String
    let direct_port: UInt16
    let ca_file: String
  }

  private let input = Pipe()
  private let output = Pipe()
  let host: String
  let port: UInt16
  let certificate: String

  init(_ path: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["--rtt-ms", "50"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let ready = try JSONDecoder().decode(Ready.self, from: output.fileHandleForReading.availableData)
    (host, port, certificate) = (ready.host, ready.direct_port, ready.ca_file)
  }

  /// Cuts the connection as when a phone loses its network: the server does not notice it.
  func cut() throws {
    try input.fileHandleForWriting.write(contentsOf: Data("{\"world\":\"cut\"}\n".utf8))
    _ = output.fileHandleForReading.availableData
  }
}
