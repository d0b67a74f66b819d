import Foundation

/// A scenario as data (`tests/scenarios/README.md`); every language plays the same files.
struct Scenario {
  let name: String
  let setting: Setting
  let steps: [ScenarioStep]

  struct Setting {
    let kind: String
    let transport: String
    let rttMs: Int
    let apps: Int
  }

  enum ScenarioStep {
    case app(Action)
    /// A command for the test server, which is passed on unchanged.
    case world(Json)
    case expect(Expectation)
  }

  enum Action: Sendable, Equatable {
    case connect, disconnect, background, foreground, suspend, resume, kill, start
    case send(count: Int)
    case network(available: Bool)
  }

  enum Expectation {
    case online(outcome: String, maxRoundTrips: Int, withinMs: Int)
    case offline(withinMs: Int)
    case settled(lost: Int, duplicated: Int, withinMs: Int)
    case connections(atMost: Int)
    case spread(atLeastMs: Int)
  }

  /// An unknown field or action is an error and is not skipped.
  struct UnknownField: Error, Equatable {
    let what: String
  }
}

extension Scenario {
  init(_ text: String) throws {
    var file = try Fields(text: text)
    name = try file.text("name")
    _ = try file.text("story")
    setting = try Setting(Fields(file.take("setting") ?? .object([:])))
    steps = try file.list("steps").map(ScenarioStep.init)
    try file.end()
  }
}

extension Scenario.Setting {
  init(_ fields: Fields) throws {
    var fields = fields
    kind = try fields.text("kind", "sasl2")
    transport = try fields.text("transport", "direct")
    rttMs = try fields.number("rtt_ms", 20)
    apps = try fields.number("apps", 1)
    // The API cannot set all of them; the client's defaults apply.
    var waits = try Fields(fields.take("waits") ?? .object([:]))
    for name in ["base_ms", "cap_ms", "relief_base_ms", "relief_floor_ms", "probe_ms"] { _ = waits.take(name) }
    try waits.end()
    try fields.end()
  }
}

extension Scenario.ScenarioStep {
  init(_ json: Json) throws {
    var fields = try Fields(json)
    switch (fields.take("app"), fields.take("world"), fields.take("expect")) {
    case (.text(let name), nil, nil): self = .app(try Scenario.Action(name, &fields))
    case (nil, .text, nil):
      // The server refuses unknown commands.
      self = .world(json)
      return
    case (nil, nil, .text(let name)): self = .expect(try Scenario.Expectation(name, &fields))
    default: throw Scenario.UnknownField(what: "a step is one of app, world, expect")
    }
    try fields.end()
  }
}

extension Scenario.Action {
  fileprivate init(_ name: String, _ fields: inout Fields) throws {
    let plain: [String: Self] = [
      "connect": .connect, "disconnect": .disconnect, "background": .background, "foreground": .foreground,
      "suspend": .suspend, "resume": .resume, "kill": .kill, "start": .start,
    ]
    switch name {
    case "send": self = .send(count: try fields.number("count", 1))
    case "network": self = .network(available: try fields.flag("available"))
    default:
      guard let action = plain[name] else { throw Scenario.UnknownField(what: name) }
      self = action
    }
  }
}

extension Scenario.Expectation {
  fileprivate init(_ name: String, _ fields: inout Fields) throws {
    let defaultMs = 60_000
    switch name {
    case "online":
      self = .online(
        outcome: try fields.text("outcome"), maxRoundTrips: try fields.number("max_round_trips", Int.max),
        withinMs: try fields.number("within_ms", defaultMs))
    case "offline": self = .offline(withinMs: try fields.number("within_ms", defaultMs))
    case "settled":
      self = .settled(
        lost: try fields.number("lost"), duplicated: try fields.number("duplicated"),
        withinMs: try fields.number("within_ms", defaultMs))
    case "connections": self = .connections(atMost: try fields.number("at_most"))
    case "spread": self = .spread(atLeastMs: try fields.number("at_least_ms"))
    default: throw Scenario.UnknownField(what: name)
    }
  }
}

/// The fields of an object. Each known one is taken; a field that is left at the end is an error.
struct Fields {
  private var rest: [String: Json]

  init(text: String) throws {
    try self.init(JSONDecoder().decode(Json.self, from: Data(text.utf8)))
  }

  init(_ json: Json) throws {
    guard case .object(let fields) = json else { throw Scenario.UnknownField(what: "not an object") }
    rest = fields
  }

  mutating func take(_ name: String) -> Json? { rest.removeValue(forKey: name) }

  mutating func text(_ name: String, _ missing: String? = nil) throws -> String {
    switch (take(name), missing) {
    case (.text(let text), _): return text
    case (nil, let missing?): return missing
    default: throw Scenario.UnknownField(what: name)
    }
  }

  mutating func number(_ name: String, _ missing: Int? = nil) throws -> Int {
    switch (take(name), missing) {
    case (.number(let number), _): return number
    case (nil, let missing?): return missing
    default: throw Scenario.UnknownField(what: name)
    }
  }

  mutating func flag(_ name: String, _ missing: Bool? = nil) throws -> Bool {
    switch (take(name), missing) {
    case (.flag(let flag), _): return flag
    case (nil, let missing?): return missing
    default: throw Scenario.UnknownField(what: name)
    }
  }

  mutating func textIfAny(_ name: String) throws -> String? {
    rest[name] == nil ? nil : try text(name)
  }

  mutating func list(_ name: String) throws -> [Json] {
    guard case .list(let list) = take(name) else { throw Scenario.UnknownField(what: "no \(name)") }
    return list
  }

  mutating func texts(_ name: String) throws -> [String] {
    try list(name).map { text in
      guard case .text(let text) = text else { throw Scenario.UnknownField(what: name) }
      return text
    }
  }

  func end() throws {
    if let name = rest.keys.min() { throw Scenario.UnknownField(what: name) }
  }
}

/// The part of JSON that scenarios use.
enum Json: Codable, Sendable {
  case flag(Bool)
  case number(Int)
  case text(String)
  case list([Json])
  case object([String: Json])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? value.decode(Int.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([Json].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: Json].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .flag(let flag): try value.encode(flag)
    case .number(let number): try value.encode(number)
    case .text(let text): try value.encode(text)
    case .list(let list): try value.encode(list)
    case .object(let fields): try value.encode(fields)
    }
  }
}
