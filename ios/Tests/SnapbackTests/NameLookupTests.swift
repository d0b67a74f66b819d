import Dispatch
import Foundation
import Testing

@testable import Snapback

/// Lookups with answers as the system's resolver gives them.
@Suite struct NameLookupTests {
  private static let name = "_xmpps-client._tcp.example.org"
  private static let more = DnsSd.add | DnsSd.moreComing

  /// A record of each type, as the system delivers it, and as it is passed on.
  struct Sample: Sendable {
    let type: RecordType
    let wire: [UInt8]
    let answer: @Sendable (_ count: Int, _ ttl: UInt32) -> DnsAnswer
  }

  static let samples = [
    Sample(type: .srv, wire: [0, 5, 0, 10, 0x14, 0x67, 1, 0x78, 0]) { count, ttl in
      let record = SrvRecord(priority: 5, weight: 10, port: 5223, target: "x")
      return .srv(records: Array(repeating: record, count: count), ttl: ttl)
    },
    Sample(type: .a, wire: [192, 0, 2, 1]) { count, ttl in
      .addresses(addresses: Array(repeating: "192.0.2.1", count: count), ttl: ttl)
    },
    Sample(type: .aaaa, wire: [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]) { count, ttl in
      .addresses(addresses: Array(repeating: "2001:db8::1", count: count), ttl: ttl)
    },
  ]

  private func reply(
    _ sample: Sample, error: Int32 = DnsSd.noError, flags: UInt32 = DnsSd.add, type: UInt16? = nil, ttl: UInt32 = 60,
    _ data: [UInt8]? = nil
  ) -> DnsReply {
    DnsReply(flags: flags, error: error, type: type ?? sample.type.number, ttl: ttl, data: data ?? sample.wire)
  }

  private func records(_ sample: Sample, _ replies: [DnsReply]) async throws -> DnsAnswer {
    let resolver = HandResolver(replies)
    let records = try await withTimeout("the answer", seconds: 20) {
      await NameLookup.records(of: Self.name, sample.type, from: resolver, timeout: .seconds(3600))
    }
    #expect(resolver.cancelled == 1)
    return records
  }

  @Test(arguments: samples) func thatThereAreNoRecordsIsAnAnswer(_ sample: Sample) async throws {
    for error in [DnsSd.noSuchRecord, DnsSd.noSuchName] {
      #expect(try await records(sample, [reply(sample, error: error, flags: 0, [])]) == .noRecords)
      #expect(try await records(sample, [reply(sample, error: error)]) == .noRecords)
    }
  }

  @Test(arguments: samples) func recordsAreCollectedUntilNoMoreAreComing(_ sample: Sample) async throws {
    let replies = [reply(sample, flags: Self.more, ttl: 30), reply(sample, ttl: 40)]
    #expect(try await records(sample, replies) == sample.answer(2, 30))
  }

  @Test(arguments: samples) func aCnameIsNeitherARecordNorTheEnd(_ sample: Sample) async throws {
    // The data of a CNAME may also be valid as a record of the type.
    let cname = reply(sample, type: 5)
    #expect(try await records(sample, [cname, reply(sample)]) == sample.answer(1, 60))
    #expect(try await records(sample, [cname, reply(sample, error: DnsSd.noSuchRecord)]) == .noRecords)
  }

  @Test(arguments: samples) func aRecordOfAnotherTypeIsNotOne(_ sample: Sample) async throws {
    for other in Self.samples where other.type != sample.type {
      #expect(try await records(sample, [reply(other), reply(sample)]) == sample.answer(1, 60))
    }
  }

  @Test(arguments: samples) func aRecordThatCeasedToExistIsNeitherARecordNorTheEnd(_ sample: Sample) async throws {
    #expect(try await records(sample, [reply(sample, flags: 0), reply(sample)]) == sample.answer(1, 60))
  }

  @Test(arguments: samples) func invalidRecordsAreNotTheSameAsNone(_ sample: Sample) async throws {
    #expect(try await records(sample, [reply(sample, [1, 2, 3])]) == .unable)
    #expect(try await records(sample, [reply(sample, flags: Self.more, []), reply(sample)]) == sample.answer(1, 60))
  }

  @Test func moreRecordsThanAnyHostHasAreNotCollected() async throws {
    let sample = Self.samples[1]
    let many = Array(repeating: reply(sample, flags: Self.more), count: 2 * NameLookup.maxRecords)
    #expect(try await records(sample, many + [reply(sample)]) == sample.answer(NameLookup.maxRecords, 60))
  }

  @Test(arguments: [-65563, -65568, -65553, -65537])
  func aResolverThatDoesNotSayIsNoAnswer(_ error: Int32) async throws {
    for sample in Self.samples {
      #expect(try await records(sample, [reply(sample, error: error, flags: 0)]) == .unable)
    }
  }

  @Test func withoutAnAnswerTheTimeoutAppliesAndACancelledTaskDoesNotWait() async throws {
    let silent = HandResolver([])
    let late = await NameLookup.records(of: Self.name, .srv, from: silent, timeout: .milliseconds(10))
    #expect(late == .unable && silent.cancelled == 1)
    let lookup = Task { await NameLookup.records(of: Self.name, .a, from: silent, timeout: .seconds(3600)) }
    lookup.cancel()
    #expect(try await withTimeout("the end") { await lookup.value } == .unable)
    let closed = HandResolver(nil)
    let none = await NameLookup.records(of: Self.name, .srv, from: closed, timeout: .seconds(3600))
    #expect(none == .unable && closed.cancelled == 0)
  }
}

/// Answers as `mDNSResponder` does: answers without a record of the type only if a flag requests them.
private final class HandResolver: DnsService, DnsOperation {
  private let replies: [DnsReply]?
  private let cancels = Locked(0)

  init(_ replies: [DnsReply]?) {
    self.replies = replies
  }

  var cancelled: Int { cancels.withLock { $0 } }

  func query(
    _ name: String, _ records: RecordType, flags: UInt32, on queue: DispatchQueue,
    _ answered: @escaping @Sendable (DnsReply) -> Void
  ) -> (any DnsOperation)? {
    guard let replies else { return nil }
    let all = flags & 0x1000 != 0
    let passed = replies.filter { all || ($0.type == records.number && ![-65538, -65554].contains($0.error)) }
    for reply in passed { queue.async { answered(reply) } }
    return self
  }

  func cancel() {
    cancels.withLock { $0 += 1 }
  }
}
