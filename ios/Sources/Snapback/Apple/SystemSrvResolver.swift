#if canImport(dnssd)
  import Dispatch
  import Foundation
  import dnssd

  /// Asks the system's resolver, which knows the name servers of every network, VPNs included.
  public struct SystemSrvResolver: SrvResolver {
    /// The system's resolver.
    public init() {}

    public func records(of name: String) async -> [SrvRecord]? {
      let query = SrvLookup()
      return await withTaskCancellationHandler {
        await withCheckedContinuation { query.start(name, $0) }
      } onCancel: {
        query.cancel()
      }
    }
  }

  /// One question. Everything happens on its queue.
  private final class SrvLookup: @unchecked Sendable {
    /// After two seconds the core asks the name servers by itself.
    private static let patience = DispatchTimeInterval.seconds(2)

    private let queue = DispatchQueue(label: "im.snapback.srv")
    private var service: DNSServiceRef?
    private var records: [SrvRecord] = []
    private var continuation: CheckedContinuation<[SrvRecord]?, Never>?
    private var isOver = false

    func start(_ name: String, _ continuation: CheckedContinuation<[SrvRecord]?, Never>) {
      queue.async {
        if self.isOver { return continuation.resume(returning: nil) }
        self.continuation = continuation
        self.ask(name)
      }
    }

    func cancel() {
      queue.async { self.finish(nil) }
    }

    private func ask(_ name: String) {
      // The service keeps a pointer to this object; it is given back in `finish`.
      let context = Unmanaged.passRetained(self).toOpaque()
      let status = DNSServiceQueryRecord(
        &service, 0, 0, name, UInt16(kDNSServiceType_SRV), UInt16(kDNSServiceClass_IN),
        { _, flags, _, error, _, _, _, length, data, _, context in
          guard let context else { return }
          let lookup = Unmanaged<SrvLookup>.fromOpaque(context).takeUnretainedValue()
          lookup.answered(flags, error, UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : Int(length)))
        }, context)
      guard status == DNSServiceErrorType(kDNSServiceErr_NoError), let service else {
        Unmanaged<SrvLookup>.fromOpaque(context).release()
        return finish(nil)
      }
      DNSServiceSetDispatchQueue(service, queue)
      queue.asyncAfter(deadline: .now() + Self.patience) { self.finish(nil) }
    }

    private func answered(_ flags: DNSServiceFlags, _ error: DNSServiceErrorType, _ data: UnsafeRawBufferPointer) {
      switch Int(error) {
      case kDNSServiceErr_NoError: break
      case kDNSServiceErr_NoSuchRecord, kDNSServiceErr_NoSuchName: return finish([])
      default: return finish(nil)
      }
      if flags & DNSServiceFlags(kDNSServiceFlagsAdd) != 0, let record = SrvRecord(wire: [UInt8](data)) {
        records.append(record)
      }
      if flags & DNSServiceFlags(kDNSServiceFlagsMoreComing) == 0 { finish(records) }
    }

    private func finish(_ answer: [SrvRecord]?) {
      if isOver { return }
      isOver = true
      if let service {
        DNSServiceRefDeallocate(service)
        self.service = nil
        Unmanaged.passUnretained(self).release()
      }
      continuation?.resume(returning: answer)
      continuation = nil
    }
  }
#endif
