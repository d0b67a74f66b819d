#if canImport(dnssd)
  import Dispatch
  import Foundation
  import dnssd

  /// Resolves SRV records with the system's resolver, which uses the name servers of every network, including VPNs.
  public struct SystemSrvResolver: SrvResolver {
    /// Creates a resolver.
    public init() {}

    public func records(of name: String) async -> [SrvRecord]? {
      await SrvLookup.records(of: name, from: SystemDnsService())
    }
  }

  private struct SystemDnsService: DnsService {
    func query(
      _ name: String, flags: UInt32, on queue: DispatchQueue, _ answered: @escaping @Sendable (DnsAnswer) -> Void
    ) -> (any DnsQuery)? {
      let query = SystemDnsQuery(answered)
      return query.start(name, flags, queue) ? query : nil
    }
  }

  /// A query at the system's resolver. It is used only on the queue of its lookup.
  private final class SystemDnsQuery: DnsQuery {
    private let answered: @Sendable (DnsAnswer) -> Void
    private var service: DNSServiceRef?

    init(_ answered: @escaping @Sendable (DnsAnswer) -> Void) {
      self.answered = answered
    }

    func start(_ name: String, _ flags: UInt32, _ queue: DispatchQueue) -> Bool {
      // The service keeps a pointer to this object; it is released in `cancel`.
      let context = Unmanaged.passRetained(self).toOpaque()
      let status = DNSServiceQueryRecord(
        &service, flags, 0, name, DnsSd.srv, DnsSd.internet,
        { _, flags, _, error, _, type, _, length, data, _, context in
          guard let context else { return }
          let query = Unmanaged<SystemDnsQuery>.fromOpaque(context).takeUnretainedValue()
          let bytes = UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : Int(length))
          query.answered(DnsAnswer(flags: flags, error: error, type: type, data: [UInt8](bytes)))
        }, context)
      guard status == DnsSd.noError, let service else {
        Unmanaged<SystemDnsQuery>.fromOpaque(context).release()
        return false
      }
      guard DNSServiceSetDispatchQueue(service, queue) == DnsSd.noError else {
        cancel()
        return false
      }
      return true
    }

    func cancel() {
      guard let service else { return }
      self.service = nil
      DNSServiceRefDeallocate(service)
      Unmanaged.passUnretained(self).release()
    }
  }
#endif
