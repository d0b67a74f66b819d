package im.snapback.testing

import im.snapback.Jid
import im.snapback.RoomAffiliation
import im.snapback.RoomProblem
import im.snapback.RoomRole
import im.snapback.ffi.Event
import im.snapback.ffi.HistoryMessage
import im.snapback.ffi.RoomExit
import im.snapback.ffi.StanzaId

/**
 * What happens in the rooms of a [FakeSnapback], from [FakeSnapback.rooms]. A join of the app succeeds at once while it is online. A
 * room exists from the first time that the script or the app names it.
 */
public class FakeRoomScript internal constructor(
    private val world: World,
) {
    /** The rooms that the app has joined, with the user's nicknames. */
    public val joined: Map<Jid, String> get() = world.change { world.rooms.nicks }

    /** An occupant sends a text to all. Returns the id of the message. */
    public fun message(
        room: String,
        nick: String,
        body: String,
    ): String {
        val message = messageOf(Jid.parse("$room/$nick"), world.full, world.newId()) {
            type = "groupchat"
            this.body = body
        }
        world.receive { delivery -> Event.Message(delivery, message.stanza, message.content, null) }
        return checkNotNull(message.stanza.id)
    }

    /** Another occupant enters, or was there before the user. */
    @JvmOverloads
    public fun enter(
        room: String,
        nick: String,
        role: RoomRole = RoomRole.PARTICIPANT,
        affiliation: RoomAffiliation = RoomAffiliation.NONE,
        jid: Jid? = null,
    ): Unit = world.rooms.entered(Jid.parse(room), world.rooms.occupant(nick, role, affiliation, jid))

    /** Another occupant leaves. */
    public fun exit(
        room: String,
        nick: String,
    ): Unit = world.rooms.exited(Jid.parse(room), nick, RoomExit.Left)

    /** Sets the subject; `null` removes it. */
    @JvmOverloads
    public fun subject(
        room: String,
        subject: String?,
        by: String? = null,
    ): Unit = world.rooms.subject(Jid.parse(room), subject, by)

    /** A moderator removes the user from the room. */
    @JvmOverloads
    public fun kick(
        room: String,
        actor: String? = null,
        reason: String? = null,
    ): Unit = world.rooms.removed(Jid.parse(room), RoomExit::Kicked, actor, reason)

    /** An admin bans the user from the room. */
    @JvmOverloads
    public fun ban(
        room: String,
        actor: String? = null,
        reason: String? = null,
    ): Unit = world.rooms.removed(Jid.parse(room), RoomExit::Banned, actor, reason)

    /** The room loses the user, as after a failure of the service; the client joins it again with [rejoin]. */
    public fun lose(room: String): Unit = world.rooms.lost(Jid.parse(room))

    /** The client has joined the room again. */
    public fun rejoin(room: String): Unit = world.rooms.joinedAgain(Jid.parse(room))

    /** Lets the room refuse the joins from now on; `null` lets it accept them again. */
    public fun refuse(
        room: String,
        problem: RoomProblem?,
    ): Unit = world.rooms.refuse(Jid.parse(room), problem)

    /** Adds a message to the archive of the room, as the newest one; returns its id there. [at] is in milliseconds since 1970. */
    @JvmOverloads
    public fun archive(
        room: String,
        nick: String,
        body: String,
        at: Long? = null,
    ): String =
        world.change {
            val place = Jid.parse(room)
            val id = world.newId()
            val message = messageOf(Jid.parse("$room/$nick"), world.full, world.newId(), StanzaId(id, room)) {
                type = "groupchat"
                this.body = body
            }
            world.archive += World.Archived(place, null, HistoryMessage(id, at, message.stanza, message.content))
            id
        }
}
