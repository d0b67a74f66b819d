import Foundation
import SnapbackFFI

/// What users show of themselves, from ``SnapbackClient/profiles``: avatars (XEP-0084), nicknames (XEP-0172), vCards.
public struct Profiles: Sendable {
  let core: any Core

  /// Publishes an avatar, which contacts are notified of. Returns its id. Without `access`, the server decides who may
  /// see it, usually the contacts.
  ///
  /// - Throws: ``SnapbackError/preconditionNotMet`` if there are avatars with another access model already,
  ///   ``SnapbackError/tooBig(size:limit:)`` if the picture is larger than a stanza may be.
  @discardableResult
  public func publishAvatar(_ avatar: OutgoingAvatar, access: AccessModel? = nil) async throws -> String {
    try await SnapbackError.requesting { [core] in try await core.publishAvatar(avatar: avatar, access: access) }
  }

  /// Publishes that the user has no avatar.
  public func disableAvatar() async throws {
    try await SnapbackError.requesting { [core] in try await core.change(change: .disableAvatar) }
  }

  /// Returns the formats of a user's avatar; none if the user has no avatar.
  public func avatars(of jid: Jid) async throws -> [AvatarInfo] {
    try await SnapbackError.requesting { [core] in try await core.avatarMetadata(of: jid.description) }
  }

  /// Returns the data of an avatar, whose hash is verified.
  ///
  /// - Throws: ``SnapbackError/avatar(_:)`` if it is not there, cannot be read, or is another one.
  public func avatarData(of jid: Jid, id: String) async throws -> Data {
    try await SnapbackError.requesting { [core] in try await core.avatarData(of: jid.description, id: id) }
  }

  /// Publishes the name that the user wants to be called by; an empty one removes it.
  public func publishNick(_ name: String) async throws {
    try await SnapbackError.requesting { [core] in try await core.change(change: .nick(name: name)) }
  }

  /// Returns the name that a user wants to be called by; `nil` if there is none.
  public func nick(of jid: Jid) async throws -> String? {
    try await SnapbackError.requesting { [core] in try await core.nick(of: jid.description) }
  }

  /// Returns what a user says about themselves (XEP-0292, else XEP-0054).
  public func vcard(of jid: Jid) async throws -> Vcard {
    try await SnapbackError.requesting { [core] in try await core.vcard(of: jid.description) }
  }
}

/// An avatar to be published.
public typealias OutgoingAvatar = SnapbackFFI.OutgoingAvatar
/// One format of an avatar.
public typealias AvatarInfo = SnapbackFFI.AvatarInfo
/// A vCard, as far as a chat app shows it. Every value is the user's own claim.
public typealias Vcard = SnapbackFFI.Vcard
/// A picture in a vCard.
public typealias VcardPhoto = SnapbackFFI.VcardPhoto
/// What a presence says about the avatar in its sender's vCard (XEP-0153).
public typealias VcardAvatar = SnapbackFFI.VcardAvatar

extension ReceivedPresence {
  /// What this presence says about the avatar in its sender's vCard; `nil` if it says nothing.
  public var vcardAvatar: VcardAvatar? { SnapbackFFI.vcardAvatar(presence: xml) }
}

extension NodeItem {
  /// The formats of an avatar, if this is an item of the node `urn:xmpp:avatar:metadata`; an empty list means no avatar.
  public var avatars: [AvatarInfo]? {
    guard let xml = try? payload?.xml() else { return nil }
    return parseAvatarMetadata(payload: xml)
  }
}
