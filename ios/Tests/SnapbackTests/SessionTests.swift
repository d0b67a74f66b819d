import Foundation
import Snapback
import Testing

/// A login, a connection loss, a resumption, and no lost message.
@Suite struct SessionTests {
  @Test func aColdLoginTakesFiveRoundTrips() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    let online = try await client.online()
    #expect(online.outcome == .bound)
    #expect(online.timeline.roundTrips == 5)
    let juliet = try Jid(World.juliet)
    #expect(online.jid?.bare == juliet)
    #expect(online.timeline.flights.allSatisfy { !$0.sent.isEmpty })
    #expect(online.timeline.tls?.version == "TLS 1.3")
    try await client.until("the state") {
      if case .online(outcome: .bound, roundTrips: 5, _) = $0 { true } else { false }
    }
    await client.shutdown()
  }

  @Test func aMessageGoesThroughItsStages() async throws {
    let world = try await World()
    let client = try await world.client()
    let sent = try await client.send(to: World.romeo, "Wherefore art thou?")
    let stages = Task {
      var seen: [Stage] = []
      for await stage in sent.stages { seen.append(stage) }
      return seen
    }
    client.connect()
    try await sent.ackedInTime()
    #expect(await stages.value.last == .acked)
    #expect(try await world.received() == [.init(id: sent.id, body: "Wherefore art thou?")])
    await client.shutdown()
  }

  @Test func aSessionIsResumedInThreeRoundTripsWithoutLossOrDuplicates() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    #expect(try await client.online().outcome == .bound)
    var bodies: [String] = []
    for round in 1...3 {
      try await world.obey("cut")
      // While the client is offline: one message from each side.
      try await world.obey("message", ["body": "romeo \(round)"])
      let sent = try await client.send(to: World.romeo, "juliet \(round)")
      let online = try await client.online()
      #expect(online.outcome == .resumed)
      #expect(online.timeline.roundTrips == 3)
      #expect(try await client.message().content.body == "romeo \(round)")
      try await sent.ackedInTime()
      bodies.append("juliet \(round)")
    }
    #expect(try await world.received().map(\.body) == bodies)
    #expect(try await world.stats().connections.map(\.outcome) == ["bound", "resumed", "resumed", "resumed"])
    await client.shutdown()
  }

  @Test func starttlsAndSasl1WorkToo() async throws {
    let world = try await World("--kind", "sasl1")
    let client = try await world.client {
      $0.servers = [ServerAddress(host: world.ready.host, port: world.ready.starttlsPort, transport: .startTls)]
    }
    client.connect()
    let online = try await client.online()
    #expect(online.outcome == .bound && online.timeline.roundTrips == 8)
    await client.shutdown()
  }

  @Test func aSessionThatTheServerHasLostIsReplaced() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    try await world.obey("restart", ["down_ms": 1])
    #expect(try await client.online().outcome == .bound)
    await client.shutdown()
  }

  @Test(arguments: [(10, false), (1, true)])
  func whatWasMissedComesFromTheArchiveAndWhatIsMoreIsAGap(_ pages: Int, _ isGap: Bool) async throws {
    let world = try await World()
    let client = try await world.client {
      $0.catchUp.page = 2
      $0.catchUp.pages = pages
    }
    client.connect()
    _ = try await client.online()
    try await world.obey("message", ["body": "before"])
    #expect(try await client.message().content.body == "before")
    try await world.obey("down")
    try await world.obey("cut", ["mode": "reset_both"])
    _ = try await client.ended()
    try await world.obey("forget_sessions")
    try await world.obey("message", ["count": 7])
    try await world.obey("up")
    client.connect()
    // Messages that wait at the server may arrive before those of the archive.
    let missed = Guarded(0)
    let foundGap = try await client.first("the archive or a gap") { event in
      switch event {
      case .possibleGap: return true
      case .message:
        let all = missed.withLock { count in
          count += 1
          return count == 7
        }
        return all && !isGap ? false : nil
      default: return nil
      }
    }
    #expect(foundGap == isGap)
    await client.shutdown()
  }

  @Test func rosterPresenceAndRequests() async throws {
    let world = try await World()
    let client = try await world.client()
    client.connect()
    _ = try await client.online()
    let nurse = try Jid("nurse@localhost")
    try await client.setContact(nurse, name: "Nurse & <friend>", groups: ["House"])
    try await eventually("the contact") { try await client.roster().contacts.contains { $0.jid == nurse } }
    let contact = try #require(try await client.roster().contacts.first { $0.jid == nurse })
    #expect(contact.name == "Nurse & <friend>" && contact.groups == ["House"])
    try await client.removeContact(nurse)
    try await eventually("the contact's end") {
      try await !client.roster().contacts.contains { $0.jid == nurse }
    }
    let answer = try await client.iq(.get, "<ping xmlns='urn:xmpp:ping'/>")
    #expect(answer.payload == nil)
    try await client.sendPresence(show: "away", status: "<at> the 'balcony'").ackedInTime()
    await client.shutdown()
  }

  /// A client joins a room with a presence that has a child element (XEP-0045).
  @Test func aPresenceCanHaveChildren() async throws {
    let world = try await World()
    let juliet = try await world.client()
    juliet.connect()
    let me = try #require(try await juliet.online().jid)
    let children = [
      "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>", "<y xmlns='urn:example:y'/>",
    ]
    try await juliet.sendPresence(to: me, status: "here", extensions: children).ackedInTime()
    let received: ReceivedPresence = try await juliet.first("the presence") {
      if case .presence(let delivery) = $0, delivery.content.status == "here" { delivery.content } else { nil }
    }
    #expect(received.from == .named(me))
    #expect(received.xml.contains("http://jabber.org/protocol/muc") && received.xml.contains("urn:example:y"))
    for xml in ["<x>", "", "<x/><y/>", "text"] {
      await #expect(throws: SnapbackError.badXml) { try await juliet.sendPresence(extensions: [xml]) }
    }
    await juliet.shutdown()
  }

  /// Without Bind 2 the client requests a resource, and the server ends another session with the same one.
  @Test func twoInstallationsOfAnAccountHaveDifferentResources() async throws {
    let world = try await World("--kind", "sasl1")
    let folders = [try Folder(), try Folder()]
    func online(_ folder: Folder) async throws -> (SnapbackClient, Jid) {
      let client = try await world.client(storage: folder.storage)
      client.connect()
      return (client, try #require(try await client.online().jid))
    }
    let (one, first) = try await online(folders[0])
    let (two, second) = try await online(folders[1])
    #expect(first != second && first.bare == second.bare)
    #expect(first.resource?.hasPrefix("snapback") == true)
    #expect(try await one.iq(.get, "<ping xmlns='urn:xmpp:ping'/>").payload == nil)
    #expect(try await world.stats().sessions.count == 2)
    try await one.disconnect()
    await one.shutdown()
    await two.shutdown()
    // An installation keeps its resource.
    let (again, third) = try await online(folders[0])
    #expect(third == first)
    await again.shutdown()
  }

  /// The system may kill an app at any moment. The next process resumes its session.
  @Test func aKilledProcessIsResumedByTheNextOne() async throws {
    let world = try await World()
    let folder = try Folder()
    let first = try Phone(world, folder)
    #expect(try await first.next() == "online bound 5")
    try await world.obey("message", ["body": "stay"])
    let delivered = try #require(try await first.next())
    #expect(delivered.hasPrefix("message ") && delivered.hasSuffix(" stay"))
    try await first.kill()
    try await world.obey("message", ["body": "welcome back"])

    let second = try Phone(world, folder)
    // The unconfirmed delivery is repeated with the same id, before new ones.
    #expect(try await second.next() == delivered)
    #expect(try await second.next() == "online resumed 3")
    #expect(try await second.next()?.hasSuffix(" welcome back") == true)
    try await second.kill()
  }
}

/// An app in a separate process, which prints what happens and confirms nothing.
struct Phone {
  private let lines: Lines

  /// - Parameter options: `sync` for a background sync, as in an extension.
  init(_ world: World, _ folder: Folder, _ options: String...) throws {
    let executable = Bundle.main.bundleURL.deletingLastPathComponent()
    let beside = [Bundle.main.bundleURL, executable, Bundle.main.executableURL?.deletingLastPathComponent()]
    let candidates = beside.compactMap { $0?.appendingPathComponent("snapback-phone").path }
    let path = try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    let authority = try #require(world.ready.caFile)
    lines = try Lines(path, [world.ready.host, "\(world.ready.directPort)", authority, folder.url.path] + options)
  }

  func next() async throws -> String? { try await lines.next() }
  func kill() async throws { try await lines.kill() }
}
