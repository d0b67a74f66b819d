package im.snapback

import im.snapback.ffi.RoomConfigChange as CoreChange
import im.snapback.ffi.RoomEvent as CoreEvent
import im.snapback.ffi.RoomExit as CoreExit
import im.snapback.ffi.RoomInfo as CoreInfo
import im.snapback.ffi.RoomLoss as CoreLoss
import im.snapback.ffi.RoomOccupant as CoreOccupant
import im.snapback.ffi.RoomRefusal as CoreRefusal

/** What an occupant of a room may do, until it leaves the room (XEP-0045 section 5.1). */
public typealias RoomRole = im.snapback.ffi.RoomRole

/** The lasting relation of a user to a room (XEP-0045 section 5.2). */
public typealias RoomAffiliation = im.snapback.ffi.RoomAffiliation

/** Whether the user is in a room. */
public typealias RoomMembership = im.snapback.ffi.RoomMembership

/** What happens if a room that is joined does not exist yet (XEP-0045 section 10.1). */
public typealias RoomCreation = im.snapback.ffi.RoomCreation

/** Why a room did not let the user in, or not with this nickname. */
public typealias RoomProblem = im.snapback.ffi.RoomProblem

/** A field of a room's configuration (XEP-0004). */
public typealias RoomField = im.snapback.ffi.RoomField

/** An occupant of a room. */
public data class RoomOccupant(
    /** The nickname. */
    val nick: String,
    /** What the occupant may do. */
    val role: RoomRole,
    /** The relation of the occupant's account to the room. */
    val affiliation: RoomAffiliation,
    /** The occupant's own address, where the room shows it to the user. */
    val jid: Jid?,
    /** The occupant's stable id (XEP-0421). Trust it only if [RoomFeatures.occupantIds] is set. */
    val occupantId: String?,
    /** `away`, `chat`, `dnd` or `xa`; `null` if available. */
    val show: String?,
)

/** What is known of a room that the app has joined. */
public data class RoomInfo(
    /** The address. */
    val room: Jid,
    /** The user's nickname there, or the one that is asked for. */
    val nick: String,
    /** Whether the user is in it. */
    val membership: RoomMembership,
    /** The subject, on one line; `null` if there is none. */
    val subject: String?,
    /** The nickname of the occupant who set the subject. */
    val subjectBy: String?,
    /** The occupants, the user among them, ordered by nickname. */
    val occupants: List<RoomOccupant>,
    /** How many occupants are not listed, since there are too many. */
    val unlisted: Int,
    /** What the room announces; nothing until it has answered. */
    val features: RoomFeatures,
    /** Whether the room announces an archive (XEP-0313). */
    val hasArchive: Boolean,
    /**
     * The id of a message in the room's archive (XEP-0359) up to which the app was given all. An app that keeps it passes it to the
     * next process's join, as [RoomHistory.After], and misses nothing; what it has received after that message may come again, with
     * the same id in the archive. `null` as long as no message with such an id has arrived.
     */
    val caughtUpTo: String?,
)

/** A user who has an affiliation with a room. */
public data class RoomMember(
    val jid: Jid,
    val affiliation: RoomAffiliation,
    /** The registered nickname, or that of the occupant. */
    val nick: String?,
    /** The reason that was given. */
    val reason: String?,
)

/** Why a room did not let the user in, with what belongs to it. */
public data class RoomRefusal(
    val problem: RoomProblem,
    /** Whether the same request may succeed later. */
    val retryable: Boolean,
    /** The address of a room that replaces one that is [RoomProblem.GONE]. */
    val alternative: Jid?,
    /** The condition of another error ([RoomProblem.REFUSED]), such as `resource-constraint`. */
    val condition: String?,
    /** The room's own text about another error: not safe to log. */
    val text: String?,
)

/** An invitation to a room. The sender is not known to be honest: joining is the user's decision. */
public class RoomInvitation(
    public val room: Jid,
    /** Who invites; of an invitation through the room, who the room says it is. */
    public val by: Jid?,
    /** Whether the contact sent it directly (XEP-0249), and not through the room. */
    public val direct: Boolean,
    /** The given reason. */
    public val reason: String?,
    /** The room's password. */
    public val password: String?,
)

/** An event of a room, from [Rooms.events]. Each can be lost without harm to what follows: [Room.info] has the present state. */
public sealed interface RoomEvent {
    /** The room was joined, at first or [again]. [created] says whether it was created by this. */
    public data class Joined(val room: Jid, val nick: String, val created: Boolean, val again: Boolean) : RoomEvent

    /** The first join has failed, and is not tried again. */
    public data class JoinFailed(val room: Jid, val refusal: RoomRefusal) : RoomEvent

    /** The user is not in the room at the moment, and it is joined again. */
    public data class Lost(val room: Jid, val loss: RoomLoss) : RoomEvent

    /** The user is not in the room any more. */
    public data class Left(val room: Jid, val exit: RoomExit) : RoomEvent

    /**
     * What was missed, or asked for, is received. [complete] says whether nothing is missing: without an archive this is certain only
     * if the room's history has reached back to a known message.
     */
    public data class CaughtUp(val room: Jid, val complete: Boolean) : RoomEvent

    /** The user's nickname in the room has changed. */
    public data class NickChanged(val room: Jid, val nick: String) : RoomEvent

    /** The room refused another nickname; the user keeps the old one. */
    public data class NickRefused(val room: Jid, val refusal: RoomRefusal) : RoomEvent

    /** Another occupant has entered. */
    public data class Entered(val room: Jid, val occupant: RoomOccupant) : RoomEvent

    /** Another occupant has left. */
    public data class Exited(val room: Jid, val occupant: RoomOccupant, val exit: RoomExit) : RoomEvent

    /** The presence, role or affiliation of an occupant has changed; the user may be that occupant. */
    public data class OccupantChanged(val room: Jid, val occupant: RoomOccupant) : RoomEvent

    /** Another occupant has changed the nickname. */
    public data class Renamed(val room: Jid, val from: String, val to: String) : RoomEvent

    /** The subject was set, or removed (`null`). It is also reported after each join. */
    public data class SubjectChanged(val room: Jid, val subject: String?, val by: String?) : RoomEvent

    /** The configuration has changed (XEP-0045 section 10.2.1). */
    public data class Reconfigured(val room: Jid, val change: RoomChange) : RoomEvent

    /** The user was invited to a room. */
    public data class Invited(val invitation: RoomInvitation) : RoomEvent

    /** A contact has declined an invitation of the user. */
    public data class InvitationDeclined(val room: Jid, val by: Jid?, val reason: String?) : RoomEvent

    /** A stanza of a room, or in its name, was not followed. [what] is safe to log. */
    public data class Fault(val room: Jid, val what: String) : RoomEvent

    /** Events were left out, because the app collected them too slowly. What [Rooms.list] returns holds. */
    public data object Missed : RoomEvent
}

/** Why the user is not in a room at the moment. */
public sealed interface RoomLoss {
    /** The room does not know this client any more: so it answered a self-ping (XEP-0410), or a message. */
    public data object NotJoined : RoomLoss

    /** The service shuts down. */
    public data object Shutdown : RoomLoss

    /** The room removed the user for technical reasons. */
    public data object Technical : RoomLoss

    /** The room removed the user and gave no reason. */
    public data object Removed : RoomLoss

    /** The attempt to join the room again has failed for now. */
    public data class NotYet(val refusal: RoomRefusal) : RoomLoss
}

/** How an occupant, or the user, left a room. */
public sealed interface RoomExit {
    /** On the occupant's own account; the user, because the app left the room. */
    public data object Left : RoomExit

    /** Removed by a moderator. */
    public data class Kicked(val actor: String?, val reason: String?) : RoomExit

    /** Banned. */
    public data class Banned(val actor: String?, val reason: String?) : RoomExit

    /** No longer a member of a members-only room. */
    public data object MembersOnly : RoomExit

    /** For technical reasons. */
    public data object Technical : RoomExit

    /** The room was destroyed; [alternative] may be joined instead. */
    public data class Destroyed(val alternative: Jid?, val reason: String?) : RoomExit

    /** The room did not let the user in again after a loss. */
    public data class Refused(val refusal: RoomRefusal) : RoomExit
}

/** What is different in a room's configuration. */
public sealed interface RoomChange {
    /** Something that has no effect on privacy. */
    public data object Configuration : RoomChange

    /** Whether the room is logged has changed. */
    public data class Logging(val enabled: Boolean) : RoomChange

    /** Whether all occupants see the addresses of the others has changed. */
    public data class Addresses(val visible: Boolean) : RoomChange
}

internal fun CoreInfo.toInfo(): RoomInfo =
    RoomInfo(
        room = Jid.of(room),
        nick = nick,
        membership = membership,
        subject = subject,
        subjectBy = subjectBy,
        occupants = occupants.map { it.toOccupant() },
        unlisted = unlisted.toInt(),
        features = features,
        hasArchive = hasArchive,
        caughtUpTo = caughtUpTo,
    )

private fun CoreOccupant.toOccupant(): RoomOccupant =
    RoomOccupant(nick, role, affiliation, jid?.let(Jid::of), occupantId, show)

internal fun CoreRefusal.toRefusal(): RoomRefusal =
    RoomRefusal(problem, retryable, alternative?.let(Jid::of), condition, text)

internal fun CoreEvent.toEvent(): RoomEvent =
    when (this) {
        is CoreEvent.Joined -> RoomEvent.Joined(Jid.of(room), nick, created, again)
        is CoreEvent.JoinFailed -> RoomEvent.JoinFailed(Jid.of(room), refusal.toRefusal())
        is CoreEvent.Lost -> RoomEvent.Lost(Jid.of(room), loss.toLoss())
        is CoreEvent.Left -> RoomEvent.Left(Jid.of(room), exit.toExit())
        is CoreEvent.CaughtUp -> RoomEvent.CaughtUp(Jid.of(room), complete)
        is CoreEvent.NickChanged -> RoomEvent.NickChanged(Jid.of(room), nick)
        is CoreEvent.NickRefused -> RoomEvent.NickRefused(Jid.of(room), refusal.toRefusal())
        is CoreEvent.Entered -> RoomEvent.Entered(Jid.of(room), occupant.toOccupant())
        is CoreEvent.Exited -> RoomEvent.Exited(Jid.of(room), occupant.toOccupant(), exit.toExit())
        is CoreEvent.OccupantChanged -> RoomEvent.OccupantChanged(Jid.of(room), occupant.toOccupant())
        is CoreEvent.Renamed -> RoomEvent.Renamed(Jid.of(room), from, to)
        is CoreEvent.SubjectChanged -> RoomEvent.SubjectChanged(Jid.of(room), subject, by)
        is CoreEvent.Reconfigured -> RoomEvent.Reconfigured(Jid.of(room), change.toChange())
        is CoreEvent.Invited ->
            RoomEvent.Invited(
                RoomInvitation(
                    Jid.of(invitation.room),
                    invitation.by?.let(Jid::of),
                    invitation.direct,
                    invitation.reason,
                    invitation.password,
                ),
            )
        is CoreEvent.InvitationDeclined -> RoomEvent.InvitationDeclined(Jid.of(room), by?.let(Jid::of), reason)
        is CoreEvent.Fault -> RoomEvent.Fault(Jid.of(room), what)
        is CoreEvent.Missed -> RoomEvent.Missed
    }

private fun CoreLoss.toLoss(): RoomLoss =
    when (this) {
        is CoreLoss.NotJoined -> RoomLoss.NotJoined
        is CoreLoss.Shutdown -> RoomLoss.Shutdown
        is CoreLoss.Technical -> RoomLoss.Technical
        is CoreLoss.Removed -> RoomLoss.Removed
        is CoreLoss.NotYet -> RoomLoss.NotYet(refusal.toRefusal())
    }

private fun CoreExit.toExit(): RoomExit =
    when (this) {
        is CoreExit.Left -> RoomExit.Left
        is CoreExit.Kicked -> RoomExit.Kicked(actor, reason)
        is CoreExit.Banned -> RoomExit.Banned(actor, reason)
        is CoreExit.MembersOnly -> RoomExit.MembersOnly
        is CoreExit.Technical -> RoomExit.Technical
        is CoreExit.Destroyed -> RoomExit.Destroyed(alternative?.let(Jid::of), reason)
        is CoreExit.Refused -> RoomExit.Refused(refusal.toRefusal())
    }

private fun CoreChange.toChange(): RoomChange =
    when (this) {
        is CoreChange.Configuration -> RoomChange.Configuration
        is CoreChange.Logging -> RoomChange.Logging(enabled)
        is CoreChange.Addresses -> RoomChange.Addresses(visible)
    }
