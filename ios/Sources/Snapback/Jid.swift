import SnapbackFFI

/// A JID (RFC 7622) in its normalized form: `localpart@domain/resource`.
///
/// Two JIDs are equal if their normalized forms are: `Romeo@Example.NET` equals `romeo@example.net`.
///
/// It is encoded as its text. It is no string literal: a text that is not a JID would end the app, and only where that
/// line runs. Methods that need one also take a `String`, and throw.
public struct Jid: Sendable, Hashable, CustomStringConvertible {
  /// The localpart: the account; `nil` in the JID of a server.
  public let localpart: String?
  /// The domainpart: the server.
  public let domain: String
  /// The resourcepart: one client of the account; `nil` in a bare JID.
  public let resource: String?

  /// Parses and normalizes a JID.
  ///
  /// - Throws: ``SnapbackError/invalidJid(_:)`` if the text is not a JID.
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

  package init(_ parts: SnapbackFFI.Jid) {
    self.init(localpart: parts.localpart, domain: parts.domain, resource: parts.resource)
  }

  private init(localpart: String?, domain: String, resource: String?) {
    self.localpart = localpart
    self.domain = domain
    self.resource = resource
  }

  /// The bare JID: the same without the resource.
  public var bare: Jid { Jid(localpart: localpart, domain: domain, resource: nil) }

  public var description: String {
    (localpart.map { "\($0)@" } ?? "") + domain + (resource.map { "/\($0)" } ?? "")
  }
}

extension Jid: Codable {
  /// Decodes and normalizes a JID. Throws `DecodingError.dataCorrupted` if the text is not one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      try self.init(container.decode(String.self))
    } catch let error as SnapbackError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Encodes the JID as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// The attribute `from` or `to` of an inbound stanza.
public enum StanzaAddress: Sendable, Hashable, CustomStringConvertible {
  /// The stanza does not have the attribute. A stanza without `from` comes from the user's own account, on whose behalf
  /// the server answers (RFC 6120 section 8.1.2.1); no contact can send one.
  case absent
  /// The attribute is a JID.
  case named(Jid)
  /// The attribute is not a JID by RFC 7622. Some servers check less strictly and forward such stanzas, so any contact
  /// can send one. Holds the attribute as it stands in the stanza.
  case unreadable(String)

  /// The JID; `nil` for both ``absent`` and ``unreadable(_:)``. Do not conclude from `nil` that the user's own server
  /// sent the stanza: check for ``absent``.
  public var jid: Jid? {
    if case .named(let jid) = self { jid } else { nil }
  }

  /// The attribute as it stands in the stanza; empty if there is none.
  public var description: String {
    switch self {
    case .absent: ""
    case .named(let jid): jid.description
    case .unreadable(let text): text
    }
  }
}
