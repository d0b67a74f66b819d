import Foundation
import SnapbackFFI

/// The data of a record of one of the types that are looked up.
enum RecordData: Sendable, Hashable {
  case service(SrvRecord)
  case address(String)

  /// Decodes the data of a record; `nil` if it is not valid.
  init?(_ type: RecordType, wire: [UInt8]) {
    switch type {
    case .srv:
      guard let service = SrvRecord(wire: wire) else { return nil }
      self = .service(service)
    case .a:
      guard let address = addressText(wire, AF_INET, length: 4) else { return nil }
      self = .address(address)
    case .aaaa:
      guard let address = addressText(wire, AF_INET6, length: 16) else { return nil }
      self = .address(address)
    }
  }

  var service: SrvRecord? {
    if case .service(let service) = self { service } else { nil }
  }

  var address: String? {
    if case .address(let address) = self { address } else { nil }
  }
}

extension RecordType {
  /// The number of the type in the DNS (RFC 1035 section 3.2.2, RFC 3596, RFC 2782).
  var number: UInt16 {
    switch self {
    case .a: 1
    case .aaaa: 28
    case .srv: 33
    }
  }
}

private func addressText(_ bytes: [UInt8], _ family: Int32, length: Int) -> String? {
  guard bytes.count == length else { return nil }
  var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
  guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
  return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

extension SrvRecord {
  /// Decodes the data of an SRV record (RFC 2782); `nil` if it is not valid.
  init?(wire: [UInt8]) {
    guard wire.count >= 7 else { return nil }
    var labels: [String] = []
    var rest = wire[6...]
    while let length = rest.popFirst(), length > 0 {
      // A value above 63 would be a compression pointer, which RFC 2782 forbids here.
      guard length < 64, rest.count > length else { return nil }
      labels.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
      rest = rest.dropFirst(Int(length))
    }
    guard rest.isEmpty, wire.last == 0 else { return nil }
    func number(at index: Int) -> UInt16 { UInt16(wire[index]) << 8 | UInt16(wire[index + 1]) }
    self.init(
      priority: number(at: 0),
      weight: number(at: 2),
      port: number(at: 4),
      target: labels.isEmpty ? "." : labels.joined(separator: "."))
  }
}
