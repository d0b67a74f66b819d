import SnapbackFFI

/// One thing that happened, for the app's log. It holds no content, no address and no secret, and may be written anywhere.
public struct LogRecord: Sendable, CustomStringConvertible {
  /// How much it matters.
  public let level: LogLevel
  /// What happened, as a fixed word such as `online`.
  public let name: String
  /// What more there is to say.
  public let fields: [(name: String, value: String)]

  public var description: String {
    name + fields.map { " \($0.name)=\"\($0.value)\"" }.joined()
  }
}

/// What concerns all clients.
public enum Snapback {
  /// Where records go from now on; `nil` for nowhere. Called from any thread: `sink` should come back soon, and must not
  /// call a client.
  public static func log(_ sink: (@Sendable (LogRecord) -> Void)?) {
    current.withLock { $0 = sink }
    setLogSink(sink: sink.map(SinkAdapter.init(sink:)))
  }

  private static let current = Locked<(@Sendable (LogRecord) -> Void)?>(nil)

  /// Records what the core does not know of.
  static func record(_ level: LogLevel, _ name: String, _ fields: [(name: String, value: String)]) {
    let sink = current.withLock { $0 }
    sink?(LogRecord(level: level, name: name, fields: fields))
  }
}

private final class SinkAdapter: LogSink {
  private let sink: @Sendable (LogRecord) -> Void

  init(sink: @escaping @Sendable (LogRecord) -> Void) {
    self.sink = sink
  }

  func log(record: SnapbackFFI.LogRecord) {
    sink(
      LogRecord(
        level: record.level, name: record.name, fields: record.fields.map { (name: $0.name, value: $0.value) }))
  }
}
