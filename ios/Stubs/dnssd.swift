// Stubs of the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
import Dispatch
import Foundation

public typealias DNSServiceRef = OpaquePointer
public typealias DNSServiceFlags = UInt32
public typealias DNSServiceErrorType = Int32
public typealias DNSServiceProtocol = UInt32
public var kDNSServiceProtocol_IPv4: Int { 0x01 }
public var kDNSServiceProtocol_IPv6: Int { 0x02 }
public typealias DNSServiceQueryRecordReply =
  @convention(c) (
    DNSServiceRef?, DNSServiceFlags, UInt32, DNSServiceErrorType, UnsafePointer<CChar>?, UInt16, UInt16, UInt16,
    UnsafeRawPointer?, UInt32, UnsafeMutableRawPointer?
  ) -> Void

public typealias DNSServiceGetAddrInfoReply =
  @convention(c) (
    DNSServiceRef?, DNSServiceFlags, UInt32, DNSServiceErrorType, UnsafePointer<CChar>?, UnsafePointer<sockaddr>?,
    UInt32, UnsafeMutableRawPointer?
  ) -> Void

public func DNSServiceQueryRecord(
  _ sdRef: UnsafeMutablePointer<DNSServiceRef?>?, _ flags: DNSServiceFlags, _ interfaceIndex: UInt32,
  _ fullname: UnsafePointer<CChar>?, _ rrtype: UInt16, _ rrclass: UInt16, _ callBack: DNSServiceQueryRecordReply?,
  _ context: UnsafeMutableRawPointer?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceGetAddrInfo(
  _ sdRef: UnsafeMutablePointer<DNSServiceRef?>?, _ flags: DNSServiceFlags, _ interfaceIndex: UInt32,
  _ protocol: DNSServiceProtocol, _ hostname: UnsafePointer<CChar>?, _ callBack: DNSServiceGetAddrInfoReply?,
  _ context: UnsafeMutableRawPointer?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceSetDispatchQueue(
  _ service: DNSServiceRef?, _ queue: DispatchQueue?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceRefDeallocate(_ sdRef: DNSServiceRef?) {}
