import SnapbackFFI

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
