#if canImport(dnssd)
  import Dispatch
  import Foundation
  import SnapbackFFI
  import dnssd

  /// Answers queries with the system's resolver, which uses the name servers of every network, including VPNs, and
  /// synthesises addresses on networks without IPv4 (RFC 7050).
  public struct SystemResolver: NameResolver {
    /// Creates a resolver.
    public init() {}

    public func records(of name: String, type: RecordType) async -> DnsAnswer {
      await NameLookup.records(of: name, type, from: SystemDnsService())
    }
  }

  private struct SystemDnsService: DnsService {
    func query(
      _ name: String, _ records: RecordType, flags: UInt32, on queue: DispatchQueue,
      _ answered: @escaping @Sendable (DnsReply) -> Void
    ) -> (any DnsOperation)? {
      let query = SystemDnsQuery(answered)
      return query.start(name, records, flags, queue) ? query : nil
    }
  }

  /// A query at the system's resolver. It is used only on the queue of its lookup.
  private final class SystemDnsQuery: DnsOperation {
    private let answered: @Sendable (DnsReply) -> Void
    private var service: DNSServiceRef?

    init(_ answered: @escaping @Sendable (DnsReply) -> Void) {
      self.answered = answered
    }

    func start(_ name: String, _ records: RecordType, _ flags: UInt32, _ queue: DispatchQueue) -> Bool {
      // The service keeps a pointer to this object; it is released in `cancel`.
      let context = Unmanaged.passRetained(self).toOpaque()
      let status =
        switch records {
        case .srv: services(name, flags, context)
        case .a: addresses(name, flags, DNSServiceProtocol(kDNSServiceProtocol_IPv4), context)
        case .aaaa: addresses(name, flags, DNSServiceProtocol(kDNSServiceProtocol_IPv6), context)
        }
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

    private func services(
      _ name: String, _ flags: UInt32, _ context: UnsafeMutableRawPointer
    ) -> DNSServiceErrorType {
      DNSServiceQueryRecord(
        &service, flags, 0, name, RecordType.srv.number, DnsSd.internet,
        { _, flags, _, error, _, type, _, length, data, ttl, context in
          guard let context else { return }
          let query = Unmanaged<SystemDnsQuery>.fromOpaque(context).takeUnretainedValue()
          let bytes = UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : Int(length))
          query.answered(DnsReply(flags: flags, error: error, type: type, ttl: ttl, data: [UInt8](bytes)))
        }, context)
    }

    private func addresses(
      _ name: String, _ flags: UInt32, _ family: DNSServiceProtocol, _ context: UnsafeMutableRawPointer
    ) -> DNSServiceErrorType {
      DNSServiceGetAddrInfo(
        &service, flags, 0, family, name,
        { _, flags, _, error, _, address, ttl, context in
          guard let context else { return }
          let query = Unmanaged<SystemDnsQuery>.fromOpaque(context).takeUnretainedValue()
          let (type, data) = SystemDnsQuery.record(of: address)
          query.answered(DnsReply(flags: flags, error: error, type: type, ttl: ttl, data: data))
        }, context)
    }

    /// Returns the type and data of the record with this address; the type 0 if it is not an IP address.
    private static func record(of address: UnsafePointer<sockaddr>?) -> (type: UInt16, data: [UInt8]) {
      guard let address else { return (0, []) }
      let raw = UnsafeRawPointer(address)
      switch Int32(address.pointee.sa_family) {
      case AF_INET:
        let address = raw.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_addr
        return (RecordType.a.number, withUnsafeBytes(of: address) { [UInt8]($0) })
      case AF_INET6:
        let address = raw.assumingMemoryBound(to: sockaddr_in6.self).pointee.sin6_addr
        return (RecordType.aaaa.number, withUnsafeBytes(of: address) { [UInt8]($0) })
      default: return (0, [])
      }
    }

    func cancel() {
      guard let service else { return }
      self.service = nil
      DNSServiceRefDeallocate(service)
      Unmanaged.passUnretained(self).release()
    }
  }
#endif
