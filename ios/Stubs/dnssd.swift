// Stubs of the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`). They declare
// what Snapback uses, do nothing, and are not part of the package.
import Dispatch

public typealias DNSServiceRef = OpaquePointer
public typealias DNSServiceFlags = UInt32
public typealias DNSServiceErrorType = Int32
public typealias DNSServiceQueryRecordReply =
  @convention(c) (
    DNSServiceRef?, DNSServiceFlags, UInt32, DNSServiceErrorType, UnsafePointer<CChar>?, UInt16, UInt16, UInt16,
    UnsafeRawPointer?, UInt32, UnsafeMutableRawPointer?
  ) -> Void

public func DNSServiceQueryRecord(
  _ sdRef: UnsafeMutablePointer<DNSServiceRef?>?, _ flags: DNSServiceFlags, _ interfaceIndex: UInt32,
  _ fullname: UnsafePointer<CChar>?, _ rrtype: UInt16, _ rrclass: UInt16, _ callBack: DNSServiceQueryRecordReply?,
  _ context: UnsafeMutableRawPointer?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceSetDispatchQueue(
  _ service: DNSServiceRef?, _ queue: DispatchQueue?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceRefDeallocate(_ sdRef: DNSServiceRef?) {}
