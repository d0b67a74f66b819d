/// What a client logs in with. Tokens of FAST (XEP-0484) are requested with all of them but ``anonymous``, and used first.
///
/// Only a password can show that the server is the right one (SCRAM). With all others the server's certificate alone does.
public struct Credentials: Sendable, CustomStringConvertible, CustomReflectable {
  let provider: (any TokenProvider)?
  let core: @Sendable () throws -> CoreCredentials

  private init(provider: (any TokenProvider)? = nil, core: @escaping @Sendable () throws -> CoreCredentials) {
    self.provider = provider
    self.core = core
  }

  /// A text without the credentials.
  public var description: String { "Credentials(..)" }

  /// Shows nothing of the credentials.
  public var customMirror: Mirror { Mirror(self, children: []) }

  /// What earlier logins have stored: a token of FAST, or keys of SCRAM.
  public static let stored = Credentials { CoreCredentials.stored() }

  /// No credentials: the server assigns an account, another one for each new session (ANONYMOUS, XEP-0175). The account to
  /// open is the domain.
  public static let anonymous = Credentials { CoreCredentials.anonymous() }

  /// Returns a password as credentials.
  public static func password(_ password: String) -> Credentials {
    Credentials { CoreCredentials.password(password: password) }
  }

  /// Returns bearer tokens (OAUTHBEARER, RFC 7628), which the provider is asked for when a login needs one.
  public static func bearerToken(_ provider: any TokenProvider) -> Credentials {
    Credentials(provider: provider) { CoreCredentials.bearerToken() }
  }

  /// Returns a client certificate (EXTERNAL, XEP-0178). Opening the client throws ``SnapbackError/configuration(setting:)`` if
  /// it cannot be used.
  ///
  /// - Parameters:
  ///   - chainPem: the certificate, then those of its issuers, as PEM.
  ///   - keyPem: its private key, as PEM. Keys of the Secure Enclave, which cannot be read, are not supported.
  public static func certificate(chainPem: String, keyPem: String) -> Credentials {
    Credentials { try CoreCredentials.certificate(chainPem: chainPem, keyPem: keyPem) }
  }
}

/// Provides bearer tokens (RFC 6750).
public protocol TokenProvider: Sendable {
  /// Returns a token for the next login, as it is sent: without `Bearer`. It is requested for each login that no token of FAST
  /// replaces, and not kept. An answer that takes longer than 20 seconds ends the attempt, and another one follows; so does any
  /// error other than ``UserNeededError``.
  ///
  /// - Parameter refused: whether the server has refused the last token, so that one from a cache is of no use. If the next one
  ///   is refused, too, the client stays offline until it is connected again.
  /// - Throws: ``UserNeededError`` if the user has to act first.
  func token(refused: Bool) async throws -> String
}

/// The user has to act first, for example to sign in anew. The client stays offline until it is connected again.
public struct UserNeededError: Error, Equatable, Sendable {
  /// Creates the error.
  public init() {}
}

extension SnapbackClient {
  /// Answers requests for tokens until the core ends. They run concurrently: one that hangs does not delay another, nor the end.
  static func pumpTokens(of core: any Core, from provider: any TokenProvider) async {
    let running = RunningTasks()
    while let request = await core.nextTokenRequest() {
      running.start(request.id) {
        do {
          core.provideToken(id: request.id, token: try await provider.token(refused: request.refused))
        } catch is UserNeededError {
          core.refuseToken(id: request.id, problem: .userNeeded)
        } catch {
          core.refuseToken(id: request.id, problem: .unavailable)
        }
      }
    }
    running.cancelAll()
  }
}
