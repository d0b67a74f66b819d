import SnapbackFFI

// Types that are the same in every language are those of the binding.

/// What an occupant of a room may do, until it leaves the room (XEP-0045 section 5.1).
public typealias RoomRole = SnapbackFFI.RoomRole
/// The lasting relation of a user to a room (XEP-0045 section 5.2).
public typealias RoomAffiliation = SnapbackFFI.RoomAffiliation
/// Whether the user is in a room.
public typealias RoomMembership = SnapbackFFI.RoomMembership
/// What happens if a room that is joined does not exist yet (XEP-0045 section 10.1).
public typealias RoomCreation = SnapbackFFI.RoomCreation
/// Which earlier messages a join asks for (XEP-0045 section 7.2.14). The room may send fewer.
public typealias RoomHistory = SnapbackFFI.RoomHistory
/// Why a room did not let the user in, or not with this nickname.
public typealias RoomProblem = SnapbackFFI.RoomProblem
/// A field of a room's configuration (XEP-0004).
public typealias RoomField = SnapbackFFI.RoomField
/// What is different in a room's configuration.
public typealias RoomChange = SnapbackFFI.RoomConfigChange

/// An occupant of a room.
public struct RoomOccupant: Sendable, Hashable {
  /// The nickname.
  public let nick: String
  /// What the occupant may do.
  public let role: RoomRole
  /// The relation of the occupant's account to the room.
  public let affiliation: RoomAffiliation
  /// The occupant's own address, where the room shows it to the user.
  public let jid: Jid?
  /// The occupant's stable id (XEP-0421). Trust it only if the room's features contain occupant ids.
  public let occupantId: String?
  /// `away`, `chat`, `dnd` or `xa`; `nil` if available.
  public let show: String?

  /// Creates an occupant, such as for a test or a preview.
  public init(
    nick: String, role: RoomRole = .participant, affiliation: RoomAffiliation = .none, jid: Jid? = nil,
    occupantId: String? = nil, show: String? = nil
  ) {
    self.nick = nick
    self.role = role
    self.affiliation = affiliation
    self.jid = jid
    self.occupantId = occupantId
    self.show = show
  }

  init(_ occupant: SnapbackFFI.RoomOccupant) {
    nick = occupant.nick
    role = occupant.role
    affiliation = occupant.affiliation
    jid = occupant.jid.map { Jid($0) }
    occupantId = occupant.occupantId
    show = occupant.show
  }
}

/// What is known of a room that the app has joined.
public struct RoomInfo: Sendable, Hashable {
  /// The address.
  public let room: Jid
  /// The user's nickname there, or the one that is asked for.
  public let nick: String
  /// Whether the user is in it.
  public let membership: RoomMembership
  /// The subject, on one line; `nil` if there is none.
  public let subject: String?
  /// The nickname of the occupant who set the subject.
  public let subjectBy: String?
  /// The occupants, the user among them, ordered by nickname.
  public let occupants: [RoomOccupant]
  /// How many occupants are not listed, since there are too many.
  public let unlisted: Int
  /// What the room announces; nothing until it has answered.
  public let features: RoomFeatures
  /// Whether the room announces an archive (XEP-0313).
  public let hasArchive: Bool
  /// The id of a message in the room's archive (XEP-0359) up to which the app was given all. An app that keeps it passes
  /// it to the next process's join as the message to begin after, and misses nothing; what it has received after that
  /// message may come again, with the same id in the archive. `nil` as long as no message with such an id has arrived.
  public let caughtUpTo: String?

  /// Creates a description of a room, such as for a test or a preview.
  public init(
    room: Jid, nick: String, membership: RoomMembership = .joined, subject: String? = nil, subjectBy: String? = nil,
    occupants: [RoomOccupant] = [], unlisted: Int = 0, features: RoomFeatures = RoomFeatures(),
    hasArchive: Bool = false, caughtUpTo: String? = nil
  ) {
    self.room = room
    self.nick = nick
    self.membership = membership
    self.subject = subject
    self.subjectBy = subjectBy
    self.occupants = occupants
    self.unlisted = unlisted
    self.features = features
    self.hasArchive = hasArchive
    self.caughtUpTo = caughtUpTo
  }

  init(_ info: SnapbackFFI.RoomInfo) {
    room = Jid(info.room)
    nick = info.nick
    membership = info.membership
    subject = info.subject
    subjectBy = info.subjectBy
    occupants = info.occupants.map { RoomOccupant($0) }
    unlisted = Int(info.unlisted)
    features = info.features
    hasArchive = info.hasArchive
    caughtUpTo = info.caughtUpTo
  }
}

/// A user who has an affiliation with a room.
public struct RoomMember: Sendable, Hashable {
  /// The user's address.
  public let jid: Jid
  /// The affiliation.
  public let affiliation: RoomAffiliation
  /// The registered nickname, or that of the occupant.
  public let nick: String?
  /// The reason that was given.
  public let reason: String?

  /// Creates a member, such as for a test or a preview.
  public init(jid: Jid, affiliation: RoomAffiliation, nick: String? = nil, reason: String? = nil) {
    self.jid = jid
    self.affiliation = affiliation
    self.nick = nick
    self.reason = reason
  }

  init(_ member: SnapbackFFI.RoomMember) {
    jid = Jid(member.jid)
    affiliation = member.affiliation
    nick = member.nick
    reason = member.reason
  }
}

/// Why a room did not let the user in, with what belongs to it.
public struct RoomRefusal: Sendable, Hashable {
  /// The reason.
  public let problem: RoomProblem
  /// Whether the same request may succeed later.
  public let retryable: Bool
  /// The address of a room that replaces one that is gone.
  public let alternative: Jid?
  /// The condition of another error, such as `resource-constraint`.
  public let condition: String?
  /// The room's own text about another error: not safe to log.
  public let text: String?

  /// Creates a refusal, such as for a test or a preview.
  public init(
    problem: RoomProblem, retryable: Bool = false, alternative: Jid? = nil, condition: String? = nil,
    text: String? = nil
  ) {
    self.problem = problem
    self.retryable = retryable
    self.alternative = alternative
    self.condition = condition
    self.text = text
  }

  init(_ refusal: SnapbackFFI.RoomRefusal) {
    problem = refusal.problem
    retryable = refusal.retryable
    alternative = refusal.alternative.map { Jid($0) }
    condition = refusal.condition
    text = refusal.text
  }
}

/// An invitation to a room. The sender is not known to be honest: joining is the user's decision.
public struct RoomInvitation: Sendable, Hashable, CustomStringConvertible {
  /// The room.
  public let room: Jid
  /// Who invites; of an invitation through the room, who the room says it is.
  public let by: Jid?
  /// Whether the contact sent it directly (XEP-0249), and not through the room.
  public let direct: Bool
  /// The given reason.
  public let reason: String?
  /// The room's password.
  public let password: String?

  /// Creates an invitation, such as for a test or a preview.
  public init(room: Jid, by: Jid? = nil, direct: Bool = false, reason: String? = nil, password: String? = nil) {
    self.room = room
    self.by = by
    self.direct = direct
    self.reason = reason
    self.password = password
  }

  /// The room, without the password.
  public var description: String { "invitation to \(room)" }

  init(_ invitation: SnapbackFFI.RoomInvitation) {
    room = Jid(invitation.room)
    by = invitation.by.map { Jid($0) }
    direct = invitation.direct
    reason = invitation.reason
    password = invitation.password
  }
}

/// An event of a room, from ``Rooms/events``. Each can be lost without harm to what follows: ``Room/info()`` has the
/// present state.
public enum RoomEvent: Sendable, Hashable {
  /// The room was joined, at first or `again`. `created` says whether it was created by this.
  case joined(room: Jid, nick: String, created: Bool, again: Bool)
  /// The first join has failed, and is not tried again.
  case joinFailed(room: Jid, refusal: RoomRefusal)
  /// The user is not in the room at the moment, and it is joined again.
  case lost(room: Jid, loss: RoomLoss)
  /// The user is not in the room any more.
  case left(room: Jid, exit: RoomExit)
  /// What was missed, or asked for, is received. `complete` says whether nothing is missing: without an archive this is
  /// certain only if the room's history has reached back to a known message.
  case caughtUp(room: Jid, complete: Bool)
  /// The user's nickname in the room has changed.
  case nickChanged(room: Jid, nick: String)
  /// The room refused another nickname; the user keeps the old one.
  case nickRefused(room: Jid, refusal: RoomRefusal)
  /// Another occupant has entered.
  case entered(room: Jid, occupant: RoomOccupant)
  /// Another occupant has left.
  case exited(room: Jid, occupant: RoomOccupant, exit: RoomExit)
  /// The presence, role or affiliation of an occupant has changed; the user may be that occupant.
  case occupantChanged(room: Jid, occupant: RoomOccupant)
  /// Another occupant has changed the nickname.
  case renamed(room: Jid, from: String, to: String)
  /// The subject was set, or removed (`nil`). It is also reported after each join.
  case subjectChanged(room: Jid, subject: String?, by: String?)
  /// The configuration has changed (XEP-0045 section 10.2.1).
  case reconfigured(room: Jid, change: RoomChange)
  /// The user was invited to a room.
  case invited(RoomInvitation)
  /// A contact has declined an invitation of the user.
  case invitationDeclined(room: Jid, by: Jid?, reason: String?)
  /// A stanza of a room, or in its name, was not followed. `what` is safe to log.
  case fault(room: Jid, what: String)
  /// Events were left out, because the app took them too slowly. What ``Rooms/list()`` returns holds.
  case missed

  init(_ event: SnapbackFFI.RoomEvent) {
    self =
      switch event {
      case .joined(let room, let nick, let created, let again):
        .joined(room: Jid(room), nick: nick, created: created, again: again)
      case .joinFailed(let room, let refusal): .joinFailed(room: Jid(room), refusal: RoomRefusal(refusal))
      case .lost(let room, let loss): .lost(room: Jid(room), loss: RoomLoss(loss))
      case .left(let room, let exit): .left(room: Jid(room), exit: RoomExit(exit))
      case .caughtUp(let room, let complete): .caughtUp(room: Jid(room), complete: complete)
      case .nickChanged(let room, let nick): .nickChanged(room: Jid(room), nick: nick)
      case .nickRefused(let room, let refusal): .nickRefused(room: Jid(room), refusal: RoomRefusal(refusal))
      case .entered(let room, let occupant): .entered(room: Jid(room), occupant: RoomOccupant(occupant))
      case .exited(let room, let occupant, let exit):
        .exited(room: Jid(room), occupant: RoomOccupant(occupant), exit: RoomExit(exit))
      case .occupantChanged(let room, let occupant):
        .occupantChanged(room: Jid(room), occupant: RoomOccupant(occupant))
      case .renamed(let room, let from, let to): .renamed(room: Jid(room), from: from, to: to)
      case .subjectChanged(let room, let subject, let by):
        .subjectChanged(room: Jid(room), subject: subject, by: by)
      case .reconfigured(let room, let change): .reconfigured(room: Jid(room), change: change)
      case .invited(let invitation): .invited(RoomInvitation(invitation))
      case .invitationDeclined(let room, let by, let reason):
        .invitationDeclined(room: Jid(room), by: by.map { Jid($0) }, reason: reason)
      case .fault(let room, let what): .fault(room: Jid(room), what: what)
      case .missed: .missed
      }
  }
}

/// Why the user is not in a room at the moment.
public enum RoomLoss: Sendable, Hashable {
  /// The room does not know this client any more: so it answered a self-ping (XEP-0410), or a message.
  case notJoined
  /// The service shuts down.
  case shutdown
  /// The room removed the user for technical reasons.
  case technical
  /// The room removed the user and gave no reason.
  case removed
  /// The attempt to join the room again has failed for now.
  case notYet(RoomRefusal)

  init(_ loss: SnapbackFFI.RoomLoss) {
    self =
      switch loss {
      case .notJoined: .notJoined
      case .shutdown: .shutdown
      case .technical: .technical
      case .removed: .removed
      case .notYet(let refusal): .notYet(RoomRefusal(refusal))
      }
  }
}

/// How an occupant, or the user, left a room.
public enum RoomExit: Sendable, Hashable {
  /// On the occupant's own account; the user, because the app left the room.
  case left
  /// Removed by a moderator.
  case kicked(actor: String?, reason: String?)
  /// Banned.
  case banned(actor: String?, reason: String?)
  /// No longer a member of a members-only room.
  case membersOnly
  /// For technical reasons.
  case technical
  /// The room was destroyed; the alternative may be joined instead.
  case destroyed(alternative: Jid?, reason: String?)
  /// The room did not let the user in again after a loss.
  case refused(RoomRefusal)

  init(_ exit: SnapbackFFI.RoomExit) {
    self =
      switch exit {
      case .left: .left
      case .kicked(let actor, let reason): .kicked(actor: actor, reason: reason)
      case .banned(let actor, let reason): .banned(actor: actor, reason: reason)
      case .membersOnly: .membersOnly
      case .technical: .technical
      case .destroyed(let alternative, let reason):
        .destroyed(alternative: alternative.map { Jid($0) }, reason: reason)
      case .refused(let refusal): .refused(RoomRefusal(refusal))
      }
  }
}
