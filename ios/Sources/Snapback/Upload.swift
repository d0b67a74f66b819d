import Foundation
import SnapbackFFI

/// Where files may be uploaded (XEP-0363), from ``SnapbackClient/uploads``. The upload is one HTTP `PUT`, which the app
/// does with `URLSession`.
///
/// ```swift
/// guard let service = try await client.uploads.service() else { return }
/// let slot = try await client.uploads.slot(at: service, for: FileUpload(name: "cat.jpg", size: size))
/// var request = URLRequest(url: URL(string: slot.putUrl)!)
/// request.httpMethod = "PUT"
/// for header in slot.headers { request.addValue(header.value, forHTTPHeaderField: header.name) }
/// ```
public struct Uploads: Sendable {
  let core: any Core

  /// Returns the upload service of the account's server; `nil` if there is none. Ask once for each session.
  public func service() async throws -> UploadService? {
    let found = try await SnapbackError.requesting { [core] in try await core.uploadService() }
    guard let found, let jid = Jid.optional(found.jid) else { return nil }
    return UploadService(jid: jid, maxFileSize: found.maxFileSize)
  }

  /// Asks for a slot.
  ///
  /// - Throws: ``SnapbackError/fileTooLarge(limit:)`` if the file is too large for the service,
  ///   ``SnapbackError/retryLater(at:)`` if the service gives no slot now, such as over a quota,
  ///   ``SnapbackError/unreadable(detail:)`` if it names other URLs than `https`.
  public func slot(at service: UploadService, for file: FileUpload) async throws -> UploadSlot {
    let at = SnapbackFFI.UploadService(jid: service.jid.description, maxFileSize: service.maxFileSize)
    let upload = SnapbackFFI.FileUpload(
      name: file.name, size: file.size, mediaType: file.mediaType, purpose: file.purpose.core)
    let slot = try await SnapbackError.requesting { [core] in try await core.uploadSlot(service: at, file: upload) }
    return UploadSlot(slot)
  }
}

/// A service that takes files.
public struct UploadService: Sendable, Hashable {
  /// Its address.
  public let jid: Jid
  /// The maximum size of a file in bytes; `nil` if the service states none.
  public let maxFileSize: UInt64?

  /// Creates a service, such as for a test or a preview.
  public init(jid: Jid, maxFileSize: UInt64? = nil) {
    self.jid = jid
    self.maxFileSize = maxFileSize
  }
}

/// A file to be uploaded.
public struct FileUpload: Sendable, Hashable {
  /// Its name, without a path.
  public var name: String
  /// Its size in bytes: of what is uploaded, so after encryption.
  public var size: UInt64
  /// Its media type, such as `image/jpeg`. Default `nil`: none.
  public var mediaType: String?
  /// What it is for. Default: a message.
  public var purpose: UploadPurpose

  /// Creates a description of a file.
  public init(name: String, size: UInt64, mediaType: String? = nil, purpose: UploadPurpose = .message) {
    self.name = name
    self.size = size
    self.mediaType = mediaType
    self.purpose = purpose
  }
}

/// What a file is for: services keep files of different kinds for different times.
public enum UploadPurpose: Sendable, Hashable {
  /// To be sent in a message.
  case message
  /// A picture of a profile: kept longer.
  case profile
  /// Not available after this time.
  case ephemeral(expires: Date)
  /// To be kept.
  case permanent

  var core: SnapbackFFI.UploadPurpose {
    switch self {
    case .message: .message
    case .profile: .profile
    case .ephemeral(let expires): .ephemeral(expiresMs: Int64(expires.timeIntervalSince1970) * 1000)
    case .permanent: .permanent
    }
  }
}

/// Where a file may be uploaded, and where it can be downloaded then. The URLs give access to the file: its
/// description contains neither.
public struct UploadSlot: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// An HTTP header.
  public struct Header: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its value: a secret.
    public let value: String
  }

  /// The `https` URL for one HTTP `PUT`.
  public let putUrl: String
  /// The headers for it, in this order, beside `Content-Length` and `Content-Type`.
  public let headers: [Header]
  /// The `https` URL of the file.
  public let getUrl: String

  public var description: String { "UploadSlot" }
  public var customMirror: Mirror { Mirror(self, children: []) }

  init(_ slot: SnapbackFFI.UploadSlot) {
    putUrl = slot.putUrl
    headers = slot.headers.map { Header(name: $0.name, value: $0.value) }
    getUrl = slot.getUrl
  }
}
