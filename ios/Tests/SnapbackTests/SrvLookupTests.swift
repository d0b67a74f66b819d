import Dispatch
import Foundation
import Testing

@testable import Snapback

/// Lookups with answers as the system's resolver gives them.
@Suite struct SrvLookupTests {
  private static let name = "_xmpps-client._tcp.example.org"
  private static let wire: [UInt8] = [0, 5, 0, 10, 0x14, 0x67, 1, 0x78, 0]
  private static let record = SrvRecord(priority: 5, weight: 10, port: 5223, target: "x")

  private func answer(
    error: Int32 = DnsSd.noError, flags: UInt32 = DnsSd.add, type: UInt16 = DnsSd.srv, _ data: [UInt8] = []
  ) -> DnsAnswer {
    DnsAnswer(flags: flags, error: error, type: type, data: data)
  }

  private func records(_ answers: [DnsAnswer]) async throws -> [SrvRecord]? {
    let resolver = HandResolver(answers)
    let records = try await withTimeout("the answer", seconds: 20) {
      await SrvLookup.records(of: Self.name, from: resolver, timeout: .seconds(3600))
    }
    #expect(resolver.cancelled == 1)
    return records
  }

  @Test(arguments: [DnsSd.noSuchRecord, DnsSd.noSuchName])
  func thatThereAreNoRecordsIsAnAnswer(_ error: Int32) async throws {
    #expect(try await records([answer(error: error, flags: 0)]) == [])
  }

  @Test func recordsAreCollectedUntilNoMoreAreComing() async throws {
    let more = DnsSd.add | DnsSd.moreComing
    #expect(try await records([answer(flags: more, Self.wire), answer(Self.wire)]) == [Self.record, Self.record])
  }

  @Test func aCnameIsNeitherARecordNorTheEnd() async throws {
    // The data of a CNAME may also be valid as an SRV record.
    let cname = answer(type: 5, Self.wire)
    #expect(try await records([cname, answer(Self.wire)]) == [Self.record])
    #expect(try await records([cname, answer(error: DnsSd.noSuchRecord, flags: 0)]) == [])
  }

  @Test func aRecordThatCeasedToExistIsNeitherARecordNorTheEnd() async throws {
    #expect(try await records([answer(flags: 0, Self.wire), answer(Self.wire)]) == [Self.record])
  }

  @Test func invalidRecordsAreNotTheSameAsNone() async throws {
    #expect(try await records([answer([1, 2, 3])]) == nil)
    #expect(try await records([answer(flags: DnsSd.add | DnsSd.moreComing, []), answer(Self.wire)]) == [Self.record])
  }

  @Test(arguments: [-65563, -65568, -65553, -65537])
  func aResolverThatDoesNotSayIsNoAnswer(_ error: Int32) async throws {
    #expect(try await records([answer(error: error, flags: 0)]) == nil)
  }

  @Test func withoutAnAnswerTheTimeoutAppliesAndACancelledTaskDoesNotWait() async throws {
    let silent = HandResolver([])
    let late = await SrvLookup.records(of: Self.name, from: silent, timeout: .milliseconds(10))
    #expect(late == nil && silent.cancelled == 1)
    let lookup = Task { await SrvLookup.records(of: Self.name, from: silent, timeout: .seconds(3600)) }
    lookup.cancel()
    #expect(try await withTimeout("the end") { await lookup.value } == nil)
    let closed = HandResolver(nil)
    let none = await SrvLookup.records(of: Self.name, from: closed, timeout: .seconds(3600))
    #expect(none == nil && closed.cancelled == 0)
  }
}

/// Answers as `mDNSResponder` does: answers without a record of the type only if a flag requests them.
private final class HandResolver: DnsService, DnsQuery {
  private let answers: [DnsAnswer]?
  private let cancels = Locked(0)

  init(_ answers: [DnsAnswer]?) {
    self.answers = answers
  }

  var cancelled: Int { cancels.withLock { $0 } }

  func query(
    _ name: String, flags: UInt32, on queue: DispatchQueue, _ answered: @escaping @Sendable (DnsAnswer) -> Void
  ) -> (any DnsQuery)? {
    guard let answers else { return nil }
    let all = flags & 0x1000 != 0
    let passed = answers.filter { all || ($0.type == 33 && ![-65538, -65554].contains($0.error)) }
    for answer in passed { queue.async { answered(answer) } }
    return self
  }

  func cancel() {
    cancels.withLock { $0 += 1 }
  }
}
