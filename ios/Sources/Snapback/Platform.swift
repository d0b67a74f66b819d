import Foundation
import SnapbackFFI

/// Answers queries for names, before any other source is asked.
public protocol NameResolver: Sendable {
  /// Returns the records of one type of a name: the SRV records (RFC 2782) of a service such as
  /// `_xmpps-client._tcp.example.org`, or the IPv6 or IPv4 addresses of a host.
  ///
  /// `.noRecords` means that the name has none, and no other source is asked. After `.unable`, or two seconds without an
  /// answer, the system's `getaddrinfo` is used for hosts, and a domain without an answer about its services is the host
  /// itself. If the answer is not needed any more, the task of this call is cancelled.
  func records(of name: String, type: RecordType) async -> DnsAnswer
}

/// Reports network changes.
public protocol NetworkMonitor: Sendable {
  /// Calls `changed` with the current state and then with each change, until the observation is cancelled.
  func observe(_ changed: @escaping @Sendable (NetworkState) -> Void) -> any NetworkObservation
}

/// An observation that a ``NetworkMonitor`` has started.
public protocol NetworkObservation: Sendable {
  /// Ends the observation: no more changes are reported.
  func cancel()
}

/// A key store for the keys that encrypt the client's database. It holds a few small secrets under names that the store
/// chooses, and must keep them out of backups.
///
/// Snapback calls it on one of its own threads, a few times: when a store is opened, changed for the first time, and
/// closed. The calls may block, and must not call a client.
public protocol KeyVault: Sendable {
  /// Returns the secret of that name, or `nil` if there is none. After `nil`, the data that was encrypted with it is
  /// discarded as lost: a vault that cannot answer now must throw ``VaultError/locked`` instead.
  func read(name: String) throws(VaultError) -> Data?
  /// Stores a secret under that name and replaces an older one. The secret must be on the disk when this returns.
  func write(name: String, secret: Data) throws(VaultError)
}

/// Why a vault could not read or write a secret: `throw .locked`, `throw .broken`, or the same with the status of the
/// system.
public struct VaultError: Error, Sendable, Hashable {
  /// Whether the same call may succeed later.
  public enum Kind: String, Sendable, Hashable {
    /// A temporary failure: the device is locked, the user has to agree first, or the key store is busy. Snapback tries
    /// again later.
    case locked
    /// A permanent failure: the vault cannot be read or written.
    case broken
    /// The app may not use the access group of the Keychain that it names, or none at all: a mistake in its entitlements.
    /// A permanent failure.
    case accessGroup
  }

  /// Whether the same call may succeed later.
  public let kind: Kind
  /// The status of the system's key store (`OSStatus`); `nil` if the error has another cause. It is also logged under the
  /// name `vault` (``SnapbackLog``).
  public let status: Int32?

  /// Creates an error with the status of the system's key store.
  public init(_ kind: Kind, status: Int32? = nil) {
    self.kind = kind
    self.status = status
  }

  /// A temporary failure, without a status.
  public static let locked = VaultError(.locked)
  /// A permanent failure, without a status.
  public static let broken = VaultError(.broken)
}

extension VaultError: LocalizedError, CustomStringConvertible {
  /// The error in English, safe to log.
  public var description: String {
    let what =
      switch kind {
      case .locked, .broken: "the vault is \(kind)"
      case .accessGroup: "the app has no entitlement for the vault's access group"
      }
    return what + (status.map { " (status \($0))" } ?? "")
  }

  /// The same as `description`.
  public var errorDescription: String? { description }
}

/// Adapts the app's vault to the core's interface.
final class VaultAdapter: SnapbackFFI.KeyVault {
  private let vault: any KeyVault
  private let last = Locked<VaultError?>(nil)

  /// The last error; the core passes on only its kind.
  var lastError: VaultError? { last.withLock { $0 } }

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
    last.withLock { $0 = error }
    SnapbackLog.record(.warning, "vault", [("call", call), ("error", "\(error)")])
    return error.core
  }
}

extension Storage {
  /// - Parameter vault: the adapter of ``inFile(_:vault:)``.
  func core(_ vault: VaultAdapter?) -> SnapbackFFI.Storage {
    switch (self, vault) {
    case (.inFile(let file, _), let vault?): .file(path: file.path, vault: vault)
    case (.inFileWithKeys(let file, let keys), _): .fileWithKeysInFolder(path: file.path, keys: keys.path)
    case (.automatic, _), (.memory, _), (.inFile, nil): .memory
    }
  }
}

extension VaultError {
  fileprivate var core: SnapbackFFI.VaultError {
    switch kind {
    case .locked: .Locked
    case .broken, .accessGroup: .Broken
    }
  }
}
