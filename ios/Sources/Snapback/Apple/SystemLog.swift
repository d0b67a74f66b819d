#if canImport(os)
  import os

  extension SnapbackLog {
    /// Writes log records to the system's log. They contain nothing private, and are written without redaction.
    public static func sendToSystem(subsystem: String = "im.snapback", category: String = "connection") {
      let logger = Logger(subsystem: subsystem, category: category)
      send { record in
        switch record.level {
        case .info: logger.info("\(record.description, privacy: .public)")
        case .warning: logger.warning("\(record.description, privacy: .public)")
        case .fault: logger.fault("\(record.description, privacy: .public)")
        }
      }
    }
  }
#endif
