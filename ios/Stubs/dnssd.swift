// A stand-in for the module of that name on Apple's systems, for a type check on Linux (`cargo xtask swift`): only what
// Snapback uses, and it does nothing. No part of the package.
import Dispatch

public typealias DNSServiceRef = OpaquePointer
public typealias DNSServiceFlags = UInt32
public typealias DNSServiceErrorType = Int32
public typealias DNSServiceQueryRecordReply =
  @convention(c) (
    DNSServiceRef?, DNSServiceFlags, UInt32, DNSServiceErrorType, UnsafePointer<CChar>?, UInt16, UInt16, UInt16,
    UnsafeRawPointer?, UInt32, UnsafeMutableRawPointer?
  ) -> Void

public var kDNSServiceType_SRV: Int { 33 }
public var kDNSServiceClass_IN: Int { 1 }
public var kDNSServiceFlagsMoreComing: Int { 1 }
public var kDNSServiceFlagsAdd: Int { 2 }
public var kDNSServiceErr_NoError: Int { 0 }
public var kDNSServiceErr_NoSuchName: Int { -65538 }
public var kDNSServiceErr_NoSuchRecord: Int { -65554 }

public func DNSServiceQueryRecord(
  _ sdRef: UnsafeMutablePointer<DNSServiceRef?>?, _ flags: DNSServiceFlags, _ interfaceIndex: UInt32,
  _ fullname: UnsafePointer<CChar>?, _ rrtype: UInt16, _ rrclass: UInt16, _ callBack: DNSServiceQueryRecordReply?,
  _ context: UnsafeMutableRawPointer?
) -> DNSServiceErrorType { -65537 }
@discardableResult
public func DNSServiceSetDispatchQueue(
  _ service: DNSServiceRef?, _ queue: DispatchQueue?
) -> DNSServiceErrorType { -65537 }
public func DNSServiceRefDeallocate(_ sdRef: DNSServiceRef?) {}
