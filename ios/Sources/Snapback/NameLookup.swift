import Dispatch
import SnapbackFFI

/// The constants of `dns_sd.h` by their values, so that a lookup can be tested where the header is missing.
enum DnsSd {
  /// `kDNSServiceFlagsMoreComing`: another answer follows immediately.
  static let moreComing: UInt32 = 0x1
  /// `kDNSServiceFlagsAdd`: the record exists. Without it, the record has ceased to exist.
  static let add: UInt32 = 0x2
  /// `kDNSServiceFlagsReturnIntermediates`: answers that no such name or record exists are returned, and each CNAME on
  /// the way. Without it, a query for a name without records is never answered.
  static let returnIntermediates: UInt32 = 0x1000
  /// `kDNSServiceClass_IN`.
  static let internet: UInt16 = 1
  /// `kDNSServiceErr_NoError`.
  static let noError: Int32 = 0
  /// `kDNSServiceErr_NoSuchName`.
  static let noSuchName: Int32 = -65538
  /// `kDNSServiceErr_NoSuchRecord`.
  static let noSuchRecord: Int32 = -65554
}

/// One answer of the system's resolver, with the arguments of `DNSServiceQueryRecordReply`.
struct DnsReply: Sendable {
  let flags: UInt32
  let error: Int32
  /// The number of the record's type; 0 if there is no record.
  let type: UInt16
  /// Seconds.
  let ttl: UInt32
  let data: [UInt8]
}

/// Starts queries at the system's resolver.
protocol DnsService: Sendable {
  /// Starts a query for records of one type, and returns `nil` if the resolver cannot be asked. Answers arrive on the
  /// queue, after this has returned, until the query is cancelled.
  func query(
    _ name: String, _ records: RecordType, flags: UInt32, on queue: DispatchQueue,
    _ answered: @escaping @Sendable (DnsReply) -> Void
  ) -> (any DnsOperation)?
}

/// A query that was started. It is used only on its queue.
protocol DnsOperation {
  func cancel()
}

/// One lookup at the system's resolver. Its state is accessed only on its queue.
final class NameLookup: @unchecked Sendable {
  /// The time to wait for an answer. The core waits as long, and asks the next source meanwhile.
  static let timeout = DispatchTimeInterval.seconds(2)
  /// The maximum number of records that are collected. No real host or service has as many.
  static let maxRecords = 256

  private let service: any DnsService
  private let type: RecordType
  private let queue = DispatchQueue(label: "im.snapback.names")
  private var operation: (any DnsOperation)?
  private var records: [RecordData] = []
  private var ttl = UInt32.max
  private var continuation: CheckedContinuation<DnsAnswer, Never>?
  private var isOver = false

  private init(_ service: any DnsService, _ type: RecordType) {
    self.service = service
    self.type = type
  }

  /// Returns the records of this type, that there are none, or that the resolver does not say. If the task is
  /// cancelled, so is the query.
  static func records(
    of name: String, _ type: RecordType, from service: any DnsService, timeout: DispatchTimeInterval = timeout
  ) async -> DnsAnswer {
    let lookup = NameLookup(service, type)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { lookup.start(name, timeout, $0) }
    } onCancel: {
      lookup.cancel()
    }
  }

  private func start(
    _ name: String, _ timeout: DispatchTimeInterval, _ continuation: CheckedContinuation<DnsAnswer, Never>
  ) {
    queue.async {
      if self.isOver { return continuation.resume(returning: .unable) }
      self.continuation = continuation
      self.operation = self.service.query(name, self.type, flags: DnsSd.returnIntermediates, on: self.queue) {
        self.answered($0)
      }
      guard self.operation != nil else { return self.finish(.unable) }
      self.queue.asyncAfter(deadline: .now() + timeout) { self.finish(.unable) }
    }
  }

  private func cancel() {
    queue.async { self.finish(.unable) }
  }

  private func answered(_ reply: DnsReply) {
    if isOver { return }
    switch reply.error {
    case DnsSd.noError: break
    case DnsSd.noSuchRecord, DnsSd.noSuchName: return finish(records.isEmpty ? .noRecords : collected)
    default: return finish(.unable)
    }
    // A CNAME is only a step to the records, and a record that has ceased to exist does not count.
    guard reply.type == type.number, reply.flags & DnsSd.add != 0 else { return }
    if let record = RecordData(type, wire: reply.data), records.count < Self.maxRecords {
      records.append(record)
      ttl = min(ttl, reply.ttl)
    }
    // If none of the records is valid, that is not the same as a name without records.
    if reply.flags & DnsSd.moreComing == 0 { finish(records.isEmpty ? .unable : collected) }
  }

  private var collected: DnsAnswer {
    switch type {
    case .srv: .srv(records: records.compactMap(\.service), ttl: ttl)
    case .a, .aaaa: .addresses(addresses: records.compactMap(\.address), ttl: ttl)
    }
  }

  private func finish(_ answer: DnsAnswer) {
    if isOver { return }
    isOver = true
    operation?.cancel()
    operation = nil
    continuation?.resume(returning: answer)
    continuation = nil
  }
}
