import Dispatch

/// The constants of `dns_sd.h` by their values, so that a lookup can be tested where the header is missing.
enum DnsSd {
  /// `kDNSServiceFlagsMoreComing`: another answer follows immediately.
  static let moreComing: UInt32 = 0x1
  /// `kDNSServiceFlagsAdd`: the record exists. Without it, the record has ceased to exist.
  static let add: UInt32 = 0x2
  /// `kDNSServiceFlagsReturnIntermediates`: answers that no such name or record exists are returned, and each CNAME on
  /// the way. Without it, a query for a name without records is never answered.
  static let returnIntermediates: UInt32 = 0x1000
  /// `kDNSServiceType_SRV` (RFC 2782).
  static let srv: UInt16 = 33
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
struct DnsAnswer: Sendable {
  let flags: UInt32
  let error: Int32
  let type: UInt16
  let data: [UInt8]
}

/// Starts queries at the system's resolver.
protocol DnsService: Sendable {
  /// Starts a query for SRV records, and returns `nil` if the resolver cannot be asked. Answers arrive on the queue,
  /// after this has returned, until the query is cancelled.
  func query(
    _ name: String, flags: UInt32, on queue: DispatchQueue, _ answered: @escaping @Sendable (DnsAnswer) -> Void
  ) -> (any DnsQuery)?
}

/// A query that was started. It is used only on its queue.
protocol DnsQuery {
  func cancel()
}

/// One lookup of SRV records at the system's resolver. Its state is accessed only on its queue.
final class SrvLookup: @unchecked Sendable {
  /// The time to wait for an answer; after it, the core queries the name servers itself.
  static let timeout = DispatchTimeInterval.seconds(2)

  private let service: any DnsService
  private let queue = DispatchQueue(label: "im.snapback.srv")
  private var query: (any DnsQuery)?
  private var records: [SrvRecord] = []
  private var continuation: CheckedContinuation<[SrvRecord]?, Never>?
  private var isOver = false

  private init(_ service: any DnsService) {
    self.service = service
  }

  /// Returns the records: an empty array if the name has none, and `nil` if the resolver does not answer.
  static func records(
    of name: String, from service: any DnsService, timeout: DispatchTimeInterval = timeout
  ) async -> [SrvRecord]? {
    let lookup = SrvLookup(service)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { lookup.start(name, timeout, $0) }
    } onCancel: {
      lookup.cancel()
    }
  }

  private func start(
    _ name: String, _ timeout: DispatchTimeInterval, _ continuation: CheckedContinuation<[SrvRecord]?, Never>
  ) {
    queue.async {
      if self.isOver { return continuation.resume(returning: nil) }
      self.continuation = continuation
      self.query = self.service.query(name, flags: DnsSd.returnIntermediates, on: self.queue) { self.answered($0) }
      guard self.query != nil else { return self.finish(nil) }
      self.queue.asyncAfter(deadline: .now() + timeout) { self.finish(nil) }
    }
  }

  private func cancel() {
    queue.async { self.finish(nil) }
  }

  private func answered(_ answer: DnsAnswer) {
    if isOver { return }
    switch answer.error {
    case DnsSd.noError: break
    case DnsSd.noSuchRecord, DnsSd.noSuchName: return finish(records)
    default: return finish(nil)
    }
    // A CNAME is only a step to the records, and a record that has ceased to exist does not count.
    guard answer.type == DnsSd.srv, answer.flags & DnsSd.add != 0 else { return }
    if let record = SrvRecord(wire: answer.data) { records.append(record) }
    // If none of the records is valid, that is not the same as a name without records.
    if answer.flags & DnsSd.moreComing == 0 { finish(records.isEmpty ? nil : records) }
  }

  private func finish(_ answer: [SrvRecord]?) {
    if isOver { return }
    isOver = true
    query?.cancel()
    query = nil
    continuation?.resume(returning: answer)
    continuation = nil
  }
}
