import SnapbackFFI

/// An address (RFC 7622) in its normal form: `localpart@domain/resource`.
///
/// Two addresses are equal if they name the same; `Romeo@Example.NET` and `romeo@example.net` do.
public struct Jid: Sendable, Hashable, CustomStringConvertible {
  /// Who; `nil` for a server.
  public let localpart: String?
  /// Where.
  public let domain: String
  /// Which of their clients; `nil` in a bare address.
  public let resource: String?

  /// Reads an address.
  ///
  /// - Throws: ``SnapbackError/invalidJid(_:)`` if it is none.
  public init(_ text: String) throws(SnapbackError) {
    do {
      let parts = try parseJid(text: text)
      self.init(parts)
    } catch let problem as SnapbackFFI.JidProblem {
      throw .invalidJid(JidProblem(problem))
    } catch {
      throw .internal
    }
  }

  init(_ parts: SnapbackFFI.Jid) {
    self.init(localpart: parts.localpart, domain: parts.domain, resource: parts.resource)
  }

  private init(localpart: String?, domain: String, resource: String?) {
    self.localpart = localpart
    self.domain = domain
    self.resource = resource
  }

  /// The same without the resource.
  public var bare: Jid { Jid(localpart: localpart, domain: domain, resource: nil) }

  public var description: String {
    (localpart.map { "\($0)@" } ?? "") + domain + (resource.map { "/\($0)" } ?? "")
  }
}

/// An address as a stanza names it: whom it is from, or whom it is for. Prints as it stands there.
public enum StanzaAddress: Sendable, Hashable, CustomStringConvertible {
  /// The stanza names nobody. A stanza from nobody is from our own account, for which our server speaks (RFC 6120 section
  /// 8.1.2.1); no contact can send one.
  case absent
  /// An address.
  case named(Jid)
  /// Something that is no address by the rules of RFC 7622, some of which servers know less strictly. Any contact can send
  /// this.
  case unreadable(String)

  /// The address; `nil` both where there is none and where it cannot be read: never a sign that our server spoke.
  public var jid: Jid? {
    if case .named(let jid) = self { jid } else { nil }
  }

  /// The address as it stands in the stanza; nothing if there is none.
  public var description: String {
    switch self {
    case .absent: ""
    case .named(let jid): jid.description
    case .unreadable(let text): text
    }
  }
}
