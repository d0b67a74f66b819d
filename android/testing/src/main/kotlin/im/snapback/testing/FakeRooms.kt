package im.snapback.testing

import im.snapback.Jid
import im.snapback.RoomAffiliation
import im.snapback.RoomFeatures
import im.snapback.RoomMembership
import im.snapback.RoomProblem
import im.snapback.RoomRole
import im.snapback.ffi.Event
import im.snapback.ffi.OutgoingMessage
import im.snapback.ffi.RoomChange
import im.snapback.ffi.RoomConfigChange
import im.snapback.ffi.RoomEvent
import im.snapback.ffi.RoomException
import im.snapback.ffi.RoomExit
import im.snapback.ffi.RoomInfo
import im.snapback.ffi.RoomLoss
import im.snapback.ffi.RoomMember
import im.snapback.ffi.RoomMessage
import im.snapback.ffi.RoomOccupant
import im.snapback.ffi.RoomOptions
import im.snapback.ffi.RoomRefusal

/** The rooms of a fake server. */
internal class FakeRooms(
    private val world: World,
) {
    private class Place(
        val jid: Jid,
    ) {
        /** The user's nickname; `null` if the user is not in it. */
        var nick: String? = null
        var membership = RoomMembership.JOINED
        var subject: String? = null
        var subjectBy: String? = null
        val others = sortedMapOf<String, RoomOccupant>()
        var own: RoomOccupant? = null
    }

    private val places = sortedMapOf<String, Place>()
    private val refusals = mutableMapOf<Jid, RoomProblem>()
    val nicks: Map<Jid, String> get() = joined().associate { it.jid to checkNotNull(it.nick) }

    private fun joined(): List<Place> = places.values.filter { it.nick != null }

    private fun place(room: Jid): Place = places.getOrPut(room.bare.toString()) { Place(room.bare) }

    private fun joinedPlace(room: Jid): Place {
        val place = places[room.bare.toString()]
        return checkNotNull(place?.takeIf { it.nick != null }) { "$room is not joined" }
    }

    fun refuse(
        room: Jid,
        problem: RoomProblem?,
    ): Unit =
        world.change {
            refusals.remove(room.bare)
            if (problem != null) refusals[room.bare] = problem
        }

    suspend fun join(
        room: Jid,
        options: RoomOptions,
    ) {
        world.scripted()
        if (!world.awaitSession(TIMEOUT) { RoomException.Closed() }) throw RoomException.Refused(refusal(RoomProblem.TIMED_OUT))
        world.change { joinOrRefuse(room, options.nick) }?.let { throw RoomException.Refused(it) }
    }

    private fun joinOrRefuse(
        room: Jid,
        nick: String,
    ): RoomRefusal? {
        val refusal = refusals[room.bare]?.let(::refusal)
        if (refusal == null) enter(room, nick) else world.say(RoomEvent.JoinFailed(room.toCore(), refusal))
        return refusal
    }

    /** The same without waiting. */
    fun joinNow(
        room: Jid,
        nick: String,
    ): Unit = world.change { enter(room, nick) }

    private fun enter(
        room: Jid,
        nick: String,
    ) {
        val isNew = room.bare.toString() !in places
        val place = place(room)
        if (place.nick != null) return
        place.nick = nick
        place.membership = RoomMembership.JOINED
        val affiliation = if (isNew) RoomAffiliation.OWNER else RoomAffiliation.NONE
        place.own = occupant(nick, if (isNew) RoomRole.MODERATOR else RoomRole.PARTICIPANT, affiliation, world.full)
        tell(place, created = isNew, again = false)
    }

    private fun tell(
        place: Place,
        created: Boolean,
        again: Boolean,
    ) {
        val room = place.jid.toCore()
        world.say(RoomEvent.Joined(room, checkNotNull(place.nick), created, again))
        tellSubject(place)
        world.say(RoomEvent.CaughtUp(room, true))
        if (created) {
            // The room is opened with its configuration (XEP-0045 section 10.1.2).
            deliver(messageOf(place.jid, world.full, world.newId()) { type = "groupchat" })
            world.say(RoomEvent.Reconfigured(room, RoomConfigChange.Configuration))
        }
    }

    /** A message to all, which is delivered as each other. */
    private fun tellSubject(place: Place) {
        val from = Jid.parse(place.subjectBy?.let { "${place.jid}/$it" } ?: "${place.jid}")
        deliver(messageOf(from, world.full, world.newId()) {
            type = "groupchat"
            subject = place.subject.orEmpty()
        })
        world.say(RoomEvent.SubjectChanged(place.jid.toCore(), place.subject, place.subjectBy))
    }

    private fun deliver(message: CoreMessage): Unit = world.receive { id -> Event.Message(id, message.stanza, message.content, null) }

    fun occupant(
        nick: String,
        role: RoomRole,
        affiliation: RoomAffiliation,
        jid: Jid?,
    ) = RoomOccupant(nick, role, affiliation, jid?.toCore(), null, null)

    /** In a new session all rooms are joined again. */
    fun joinAgain(): Unit = joined().forEach { tell(it, created = false, again = true) }

    /** A new process knows no rooms. */
    fun forget(): Unit = joined().forEach { it.nick = null }

    fun info(room: Jid): RoomInfo? = world.change { places[room.bare.toString()]?.takeIf { it.nick != null }?.let(::infoOf) }

    fun list(): List<RoomInfo> = world.change { joined().map(::infoOf) }

    private fun infoOf(place: Place): RoomInfo =
        RoomInfo(
            room = place.jid.toCore(),
            nick = checkNotNull(place.nick),
            membership = if (world.isConnected) place.membership else RoomMembership.OFFLINE,
            subject = place.subject,
            subjectBy = place.subjectBy,
            occupants = (place.others.values + listOfNotNull(place.own)).sortedBy { it.nick },
            unlisted = 0u,
            features = RoomFeatures(),
            hasArchive = false,
            caughtUpTo = null,
        )

    fun members(
        room: Jid,
        affiliation: RoomAffiliation,
    ): List<RoomMember> =
        info(room)?.occupants.orEmpty().filter { it.affiliation == affiliation }.mapNotNull { occupant ->
            occupant.jid?.let { RoomMember(im.snapback.ffi.Jid(it.localpart, it.domain, null), affiliation, occupant.nick, null) }
        }

    fun leave(room: Jid): Unit = world.change { left(place(room), RoomExit.Left) }

    private fun left(
        place: Place,
        exit: RoomExit,
    ) {
        if (place.nick == null) return
        place.nick = null
        place.own = null
        world.say(RoomEvent.Left(place.jid.toCore(), exit))
    }

    fun setNick(
        room: Jid,
        nick: String,
    ): Unit =
        world.change {
            val place = joinedPlace(room)
            place.nick = nick
            place.own = place.own?.let { RoomOccupant(nick, it.role, it.affiliation, it.jid, it.occupantId, it.show) }
            world.say(RoomEvent.NickChanged(place.jid.toCore(), nick))
        }

    fun change(
        room: Jid,
        change: RoomChange,
    ): Unit =
        world.change {
            val place = joinedPlace(room)
            when (change) {
                is RoomChange.Role ->
                    if (change.role == RoomRole.NONE) exited(room, change.nick, RoomExit.Kicked(place.nick, change.reason))
                is RoomChange.Destruction -> {
                    val alternative = change.alternative?.let { Jid.parse(it).toCore() }
                    left(place, RoomExit.Destroyed(alternative, change.reason))
                }
                is RoomChange.Affiliation, is RoomChange.Configuration -> Unit
            }
        }

    /** What the user sends to all comes back from the room. */
    fun sent(message: OutgoingMessage) {
        val place = joined().firstOrNull { it.jid.toString() == message.to } ?: return
        deliver(received(Jid.parse("${place.jid}/${place.nick}"), message))
    }

    fun send(
        room: Jid,
        message: RoomMessage,
    ): String {
        if (message is RoomMessage.Subject) subject(room, message.subject.ifEmpty { null }, info(room)?.nick)
        return world.newId()
    }

    // What a script does.

    fun subject(
        room: Jid,
        subject: String?,
        by: String?,
    ): Unit =
        world.change {
            val place = place(room)
            place.subject = subject
            place.subjectBy = by
            if (place.nick != null) tellSubject(place)
        }

    fun entered(
        room: Jid,
        occupant: RoomOccupant,
    ): Unit =
        world.change {
            val place = place(room)
            place.others[occupant.nick] = occupant
            if (place.nick != null) world.say(RoomEvent.Entered(place.jid.toCore(), occupant))
        }

    fun exited(
        room: Jid,
        nick: String,
        exit: RoomExit,
    ): Unit =
        world.change {
            val place = place(room)
            val occupant = checkNotNull(place.others.remove(nick)) { "$nick is not in $room" }
            if (place.nick != null) world.say(RoomEvent.Exited(place.jid.toCore(), occupant, exit))
        }

    fun removed(
        room: Jid,
        exit: (actor: String?, reason: String?) -> RoomExit,
        actor: String?,
        reason: String?,
    ): Unit = world.change { left(joinedPlace(room), exit(actor, reason)) }

    fun lost(room: Jid): Unit =
        world.change {
            val place = joinedPlace(room)
            place.membership = RoomMembership.WAITING
            world.say(RoomEvent.Lost(place.jid.toCore(), RoomLoss.Removed))
        }

    fun joinedAgain(room: Jid): Unit =
        world.change {
            val place = joinedPlace(room)
            place.membership = RoomMembership.JOINED
            tell(place, created = false, again = true)
        }

    private fun refusal(problem: RoomProblem) = RoomRefusal(problem, false, null, null, null)

    private companion object {
        /** How long a join waits for a session, in milliseconds: as long as a script may take. */
        const val TIMEOUT = Long.MAX_VALUE
    }
}
