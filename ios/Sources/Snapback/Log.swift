import SnapbackFFI

/// A log record. It contains no message content, no JID and no secret, so that it is safe to write it to any log.
public struct LogRecord: Sendable, CustomStringConvertible {
  /// The severity.
  public let level: LogLevel
  /// The name of what happened: a fixed word such as `online`.
  public let name: String
  /// Details, by their names.
  public let fields: [(name: String, value: String)]

  public var description: String {
    name + fields.map { " \($0.name)=\"\($0.value)\"" }.joined()
  }
}

/// The log of all clients of the process. Without a receiver nothing is logged.
public enum SnapbackLog {
  /// Sets the function that receives log records from now on; `nil` stops logging. `sink` is called on any thread. It
  /// should return quickly, and must not call a client.
  public static func send(to sink: (@Sendable (LogRecord) -> Void)?) {
    current.withLock { $0 = sink }
    setLogSink(sink: sink.map(SinkAdapter.init(sink:)))
  }

  private static let current = Locked<(@Sendable (LogRecord) -> Void)?>(nil)

  /// Writes a record about something that the core does not know of.
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
