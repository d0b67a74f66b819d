import Foundation
import SnapbackFFI

/// The public keys that the server of an account may show, from ``SnapbackClient/serverKeys``. By default, certificates
/// of the authorities of the platform are accepted, and no others. All changes are stored with the account.
///
/// ```swift
/// for await event in client.events {
///   guard case .certificateRefused(let refused) = event, refused.mayBeTrusted else { continue }
///   let text = refused.explanation(domain: "example.org")
///   if await askUser(text, refused.key.fingerprint) { try await client.serverKeys.trust(refused.key) }
/// }
/// ```
public struct ServerKeys: Sendable {
  let core: any Core

  /// Trusts the key of a certificate that was refused: certificates with this key are accepted from now on, regardless of who
  /// issued them, whatever name and dates they have, unless they are revoked. A client that waits for a retry connects
  /// at once. At most eight keys are trusted, the last ones.
  ///
  /// Ask the user first: an attacker between client and server causes the same event.
  ///
  /// - Throws: ``SnapbackError/keyNotRefused`` if no certificate with this key was refused since the client was opened,
  ///   or for a reason that no trust outweighs, ``SnapbackError/keyProvenByAuthority`` if an authority has issued the
  ///   certificate of an earlier login.
  public func trust(_ key: ServerKey) async throws {
    try await SnapbackError.translating { try await core.changeKeys(change: .trust(key: key.sha256)) }
  }

  /// Ends the trust in a key. A connection that relies on it is dropped.
  public func forget(_ key: ServerKey) async throws {
    try await SnapbackError.translating { try await core.changeKeys(change: .forget(key: key.sha256)) }
  }

  /// Accepts no certificate without one of these keys from now on, not even one of an authority. An empty list ends the
  /// demand. A key that is demanded is not trusted by that. Name two keys, the one in use and its successor: a server
  /// that replaces its key cannot be reached until the demand is changed.
  ///
  /// - Throws: ``SnapbackError/tooManyKeys(limit:)`` for more than eight keys.
  public func require(_ keys: [ServerKey]) async throws {
    try await SnapbackError.translating { try await core.changeKeys(change: .require(keys: keys.map(\.sha256))) }
  }

  /// Trusts any key, even if no certificate with it was refused, and even if an authority has issued the certificate of
  /// an earlier login. **Dangerous**: after an authority, another certificate is what an attacker would show. For tests,
  /// and for apps that contain their server's key.
  public func dangerouslyTrust(_ key: ServerKey) async throws {
    try await SnapbackError.translating { try await core.changeKeys(change: .dangerouslyTrust(key: key.sha256)) }
  }
}

extension SnapbackClient {
  /// The keys that the server may show, for servers without a certificate of an authority.
  public var serverKeys: ServerKeys { ServerKeys(core: core) }
}

/// A public key of a server, named by SHA-256 of its SubjectPublicKeyInfo, as in RFC 7469 section 2.4.
public struct ServerKey: Sendable, Hashable, CustomStringConvertible {
  /// The 32 bytes.
  public let sha256: Data

  /// Creates the name of a key; `nil` if there are not 32 bytes.
  public init?(sha256: Data) {
    guard sha256.count == 32 else { return nil }
    self.sha256 = sha256
  }

  init(_ sha256: Data) {
    self.sha256 = sha256
  }

  /// The key as people compare it: hexadecimal digits in groups of four.
  public var fingerprint: String { keyFingerprint(key: sha256) ?? "" }

  public var description: String { "ServerKey(\(fingerprint))" }
}

/// Why a certificate was refused.
public typealias CertificateProblem = SnapbackFFI.CertificateProblem

/// A certificate that was refused.
public struct RefusedCertificate: Sendable, Hashable {
  /// Why it was refused.
  public let problem: CertificateProblem
  /// The certificates in DER, the server's own first, as sent: neither their order nor their relation is checked.
  public let chain: [Data]
  /// The public key of the first.
  public let key: ServerKey
  /// Whether ``ServerKeys/trust(_:)`` accepts the key. Not after a revocation, not if another key is demanded, and not
  /// if an authority has issued the certificate of an earlier login.
  public let mayBeTrusted: Bool

  /// Returns what is wrong with the certificate and what can be done, in two or three English sentences for the user. An
  /// app in another language translates by ``problem``.
  ///
  /// - Parameter domain: the domain of the account.
  public func explanation(domain: String) -> String {
    explainCertificate(problem: problem, domain: domain)
  }
}

extension RefusedCertificate {
  init(_ refused: SnapbackFFI.RefusedCertificate) {
    self.init(
      problem: refused.problem,
      chain: refused.chain,
      key: ServerKey(refused.key),
      mayBeTrusted: refused.mayBeTrusted)
  }
}

extension SnapbackError {
  init(_ error: KeyError) {
    self =
      switch error {
      case .NotRefused: .keyNotRefused
      case .ProvenByAuthority: .keyProvenByAuthority
      case .TooMany(let limit): .tooManyKeys(limit: limit)
      case .Storage(let problem): .storage(problem)
      case .Closed: .closed
      // A ServerKey has 32 bytes.
      case .NotAKey, .Internal: .internal
      }
  }
}
