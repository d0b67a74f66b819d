package im.snapback

import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.RoomChange
import im.snapback.ffi.RoomException
import im.snapback.ffi.RoomMessage
import im.snapback.ffi.RoomOptions
import kotlinx.coroutines.flow.Flow
import im.snapback.ffi.RoomHistory as CoreHistory

/**
 * The rooms of an account (XEP-0045), from [SnapbackClient.rooms].
 *
 * A room is joined until the app leaves it, or the room ends it. The client keeps it joined across every reconnect: after a
 * resumed session it is still joined, and checked now and then (XEP-0410); after a new one all rooms are joined again at once,
 * and what was missed is fetched from the room's archive (XEP-0313) or its history. The process remembers the rooms; a new
 * process joins them again.
 *
 * ```
 * val room = client.rooms.join(Jid.parse("coven@chat.shakespeare.lit"), "thirdwitch")
 * room.send("Hail")
 * ```
 *
 * Messages of rooms are delivered as all others are, as [Event.Message], and so is presence. [events] say what they mean.
 */
public class Rooms internal constructor(
    private val client: SnapbackClient,
    private val calls: Calls,
) {
    private val queue = EventQueue<RoomEvent>(SnapbackClient.EVENTS_HELD)

    /**
     * The events of all rooms, in order. The flow ends when the client is closed. Only one collector at a time is allowed. An app
     * without rooms need not collect them. If too many events wait, the rest is left out, and [RoomEvent.Missed] says so.
     */
    public val events: Flow<RoomEvent> = queue.events

    /**
     * Joins a room. Suspends until the user is in it, which takes as long as there is no session. If the coroutine is cancelled, the
     * room is joined nevertheless: call [Room.leave]. A room that is joined already is returned at once.
     *
     * @param room the address of the room.
     * @param nick the nickname to ask for. The room may assign another one, as [RoomInfo.nick] shows.
     * @param password the password of a protected room.
     * @param history which earlier messages to ask for; `null` (default) for what the room sends by itself. A later join, after a
     *   lost session, asks for what was missed.
     * @param creation what happens if the room does not exist yet; by default, it is created with the configuration of its service.
     * @throws SnapbackException.NotJoined if the room refuses, or does not answer within 60 seconds of a session.
     */
    public suspend fun join(
        room: Jid,
        nick: String,
        password: String? = null,
        history: RoomHistory? = null,
        creation: RoomCreation = RoomCreation.INSTANT,
    ): Room {
        val options = RoomOptions(nick, history?.toCore(), creation)
        ask { joinRoom(room.toString(), options, password, null) }
        return get(room)
    }

    /** Returns a room by its address, joined or not. */
    public fun get(room: Jid): Room = Room(client, this, room.bare)

    /** Returns what is known of the rooms that the app has joined, ordered by address. */
    public suspend fun list(): List<RoomInfo> = ask { rooms().map { it.toInfo() } }

    internal suspend fun <T> ask(what: suspend CoreClientInterface.() -> T): T =
        try {
            calls.call(what)
        } catch (error: RoomException) {
            throw error.toSnapbackException()
        }

    /** Moves events from the core to the queue, until the core ends it. */
    internal suspend fun pump(core: CoreClientInterface) {
        try {
            while (true) {
                val event = core.nextRoomEvent() ?: break
                queue.put(listOf(event.toEvent()))
            }
        } finally {
            queue.end()
        }
    }

    internal fun end(): Unit = queue.end()
}

/** A room. It is only a name: that one exists does not mean that the room is joined. */
public class Room internal constructor(
    private val client: SnapbackClient,
    private val rooms: Rooms,
    /** The address. */
    public val jid: Jid,
) {
    private val address = jid.toString()

    /** Returns what is known of the room; `null` if the app has not joined it. */
    public suspend fun info(): RoomInfo? = rooms.ask { roomInfo(address)?.toInfo() }

    /** Returns a page of the room's history, as [SnapbackClient.history] does for the account. */
    public suspend fun history(
        before: String? = null,
        limit: Int = 50,
    ): HistoryPage = client.historyPage(jid, null, before, limit)

    /** Leaves the room. Suspends until the room has confirmed it, at most 30 seconds. */
    public suspend fun leave(): Unit = rooms.ask { leaveRoom(address) }

    /**
     * Changes the user's nickname in the room. Suspends until the room has confirmed it.
     *
     * @throws SnapbackException.NotJoined if the room refuses; the user keeps the old nickname.
     */
    public suspend fun setNick(nick: String): Unit = rooms.ask { setRoomNick(address, nick) }

    /**
     * Sends a text to all occupants. Suspends until it is stored, as [SnapbackClient.send]. The room sends it back to the user as well,
     * with the same id. A message that the room refuses because it had lost the user is sent once more when the room is joined
     * again.
     */
    public suspend fun send(body: String): SentStanza = send { this.body = body }

    /** Sends a message to all occupants, as built by [block]. */
    public suspend fun send(block: MessageBuilder.() -> Unit): SentStanza =
        client.send(jid) {
            block()
            type = "groupchat"
        }

    /** Asks the room to set its subject; an empty text removes it. Returns the id of the message. */
    public suspend fun setSubject(subject: String): String = rooms.ask { sendToRoom(address, RoomMessage.Subject(subject)) }

    /**
     * Invites a contact. Returns the id of the message.
     *
     * @param throughRoom whether the room sends the invitation (XEP-0045 section 7.8.2): a members-only room may then let the contact in.
     *   By default the contact receives it directly (XEP-0249).
     */
    public suspend fun invite(
        contact: Jid,
        reason: String? = null,
        password: String? = null,
        throughRoom: Boolean = false,
    ): String = rooms.ask { sendToRoom(address, RoomMessage.Invitation(contact.toString(), reason, password, throughRoom)) }

    /** Returns the users who have this affiliation with the room, in it or not. Throws the same exceptions as [SnapbackClient.iq]. */
    public suspend fun members(affiliation: RoomAffiliation): List<RoomMember> =
        rooms.ask { roomMembers(address, affiliation).map { RoomMember(Jid.of(it.jid), it.affiliation, it.nick, it.reason) } }

    /** Gives a user another affiliation, such as [RoomAffiliation.MEMBER]; [RoomAffiliation.OUTCAST] bans. */
    public suspend fun setAffiliation(
        user: Jid,
        affiliation: RoomAffiliation,
        reason: String? = null,
    ): Unit = rooms.ask { changeRoom(address, RoomChange.Affiliation(user.toString(), affiliation, reason)) }

    /** Gives an occupant another role; [RoomRole.NONE] removes the occupant from the room. */
    public suspend fun setRole(
        nick: String,
        role: RoomRole,
        reason: String? = null,
    ): Unit = rooms.ask { changeRoom(address, RoomChange.Role(nick, role, reason)) }

    /** Returns the fields of the room's configuration (XEP-0045 section 10.2). */
    public suspend fun configuration(): List<RoomField> = rooms.ask { roomConfiguration(address) }

    /** Changes these fields of the configuration. Without fields, a new room is opened with the configuration of its service. */
    public suspend fun configure(fields: List<RoomField>): Unit = rooms.ask { changeRoom(address, RoomChange.Configuration(fields)) }

    /** Destroys the room, and names another one to join instead, if there is one. */
    public suspend fun destroy(
        alternative: Jid? = null,
        reason: String? = null,
    ): Unit = rooms.ask { changeRoom(address, RoomChange.Destruction(alternative?.toString(), reason)) }

    override fun toString(): String = address

    override fun equals(other: Any?): Boolean = other is Room && address == other.address && client === other.client

    override fun hashCode(): Int = address.hashCode()
}

/** Which earlier messages a join asks for (XEP-0045 section 7.2.14). The room may send fewer. */
public sealed interface RoomHistory {
    /** None. */
    public data object None : RoomHistory

    /** The last ones, at most this number. */
    public data class Last(val count: Int) : RoomHistory

    /** Those of the last seconds. */
    public data class Seconds(val seconds: Long) : RoomHistory

    /** Those since a time, in milliseconds since 1970. */
    public data class Since(val time: Long) : RoomHistory

    /** Those after the message with this id in the room's archive (XEP-0313), as the app has kept it from [RoomInfo.caughtUpTo]. */
    public data class After(val stanzaId: String) : RoomHistory
}

private fun RoomHistory.toCore(): CoreHistory =
    when (this) {
        is RoomHistory.None -> CoreHistory.None
        is RoomHistory.Last -> CoreHistory.Last(count.coerceAtLeast(0).toUInt())
        is RoomHistory.Seconds -> CoreHistory.Seconds(seconds.coerceAtLeast(0).toULong())
        is RoomHistory.Since -> CoreHistory.Since(time)
        is RoomHistory.After -> CoreHistory.After(stanzaId)
    }

private fun RoomException.toSnapbackException(): SnapbackException =
    when (this) {
        is RoomException.Refused -> SnapbackException.NotJoined(refusal.toRefusal())
        is RoomException.Recipient -> SnapbackException.InvalidJid(problem)
        is RoomException.Closed -> SnapbackException.Closed()
        is RoomException.Internal -> SnapbackException.Internal()
    }
