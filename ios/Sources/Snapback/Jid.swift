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
      self.init(localpart: parts.localpart, domain: parts.domain, resource: parts.resource)
    } catch let problem as SnapbackFFI.JidProblem {
      throw .invalidJid(JidProblem(problem))
    } catch {
      throw .internal
    }
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
