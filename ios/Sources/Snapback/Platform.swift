import Foundation
import SnapbackFFI

/// Answers for SRV records, before any name server is asked.
public protocol SrvResolver: Sendable {
  /// The SRV records of a name such as `_xmpps-client._tcp.example.org`. None mean that the name has none; `nil` means
  /// that nobody could be asked. After two seconds the name servers are asked instead.
  func records(of name: String) async -> [SrvRecord]?
}

/// Tells when the network changes.
public protocol NetworkMonitor: Sendable {
  /// Begins to tell, the state that holds now first, until the observation is let go of.
  func observe(_ changed: @escaping @Sendable (NetworkState) -> Void) -> any NetworkObservation
}

/// Somebody is told of changes until this is cancelled.
public protocol NetworkObservation: Sendable {
  /// No more, please.
  func cancel()
}

/// Keeps the keys that seal what is on the disk, outside of every backup.
///
/// Called from a thread of Snapback's, a few times when a store is opened, changed for the first time and closed. It may
/// block, and must not call a client.
public protocol KeyVault: Sendable {
  /// The secret of that name. `nil` says that there is none, and what it sealed is given up for lost: a vault that cannot
  /// be asked now throws ``VaultError/locked``.
  func read(name: String) throws(VaultError) -> Data?
  /// Keeps a secret under that name, in place of an older one. It must be on the disk when this returns.
  func write(name: String, secret: Data) throws(VaultError)
}

/// Why the key store did not do it: `throw .locked`, `throw .broken`, or the same with the status of the system.
public struct VaultError: Error, Sendable, Hashable {
  /// Whether the same call may succeed later.
  public enum Kind: String, Sendable, Hashable {
    /// Not now: the device is locked, the user has to agree first, or the key store is busy.
    case locked
    /// It cannot be read or written.
    case broken
  }

  /// Whether the same call may succeed later.
  public let kind: Kind
  /// What the system's key store answered (`OSStatus`), if this came from there. It is logged under the name `vault`
  /// (``Snapback/Snapback/log(_:)``).
  public let status: Int32?

  /// An error with the status of the system's key store.
  public init(_ kind: Kind, status: Int32? = nil) {
    self.kind = kind
    self.status = status
  }

  /// Not now: the device is locked, the user has to agree first, or the key store is busy.
  public static let locked = VaultError(.locked)
  /// It cannot be read or written.
  public static let broken = VaultError(.broken)
}

extension VaultError: LocalizedError, CustomStringConvertible {
  /// What happened, in English and safe to log.
  public var description: String {
    "the vault is \(kind)" + (status.map { " (status \($0))" } ?? "")
  }

  /// The same.
  public var errorDescription: String? { description }
}

/// The app's vault, as the core sees it.
final class VaultAdapter: SnapbackFFI.KeyVault {
  private let vault: any KeyVault

  init(vault: any KeyVault) {
    self.vault = vault
  }

  func read(name: String) throws -> Data? {
    do throws(VaultError) {
      return try vault.read(name: name)
    } catch {
      throw failed("read", error)
    }
  }

  func write(name: String, secret: Data) throws {
    do throws(VaultError) {
      try vault.write(name: name, secret: secret)
    } catch {
      throw failed("write", error)
    }
  }

  private func failed(_ call: String, _ error: VaultError) -> SnapbackFFI.VaultError {
    Snapback.record(.warning, "vault", [("call", call), ("error", "\(error)")])
    return error.core
  }
}

extension VaultError {
  fileprivate var core: SnapbackFFI.VaultError {
    switch kind {
    case .locked: .Locked
    case .broken: .Broken
    }
  }
}
