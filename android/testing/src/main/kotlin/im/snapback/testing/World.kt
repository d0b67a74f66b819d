package im.snapback.testing

import im.snapback.Contact
import im.snapback.Jid
import im.snapback.ReceivedMessage
import im.snapback.ReceivedPresence
import im.snapback.SnapbackException
import im.snapback.ffi.ConnectionState
import im.snapback.ffi.ConnectionStep
import im.snapback.ffi.DialReport
import im.snapback.ffi.EndReason
import im.snapback.ffi.Ending
import im.snapback.ffi.Event
import im.snapback.ffi.FailureReason
import im.snapback.ffi.InboundRequest
import im.snapback.ffi.NoSessionProblem
import im.snapback.ffi.OfflineReason
import im.snapback.ffi.RoomEvent
import im.snapback.ffi.SessionOutcome
import im.snapback.ffi.Stage
import im.snapback.ffi.Timeline
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull

/** What of an outbound stanza survives the loss of a session. */
internal enum class Lasting { MESSAGE, PRESENCE, CHAT_STATE }

/** A stanza that the app has given to the client. */
internal class Outbound(
    val id: String,
    val lasting: Lasting,
    /** Called when it leaves. */
    val leave: () -> Unit,
) {
    var isSent = false

    /** Whether it was answered with an error. The server acknowledges it nevertheless. */
    var isRefused = false
}

/** The server and what a core keeps for its account. It outlives the clients: one after the other may use it. */
internal class World(
    val account: Jid,
) {
    private val lock = Any()
    private val outbox = ArrayDeque<() -> Unit>()
    private var depth = 0
    private var lastId = 0

    var pipe = Pipe()
    val full: Jid = Jid.parse("$account/fake")
    val online = MutableStateFlow(false)
    private var isWanted = false
    private var isReachable = false
    private var isPaused = false
    private var hasSession = false
    private var isAnnounced = false
    private var needsCredentials = false
    private val queue = mutableListOf<Outbound>()
    private val held = mutableListOf<(String) -> Event>()
    private val unconfirmed = LinkedHashMap<String, Event>()
    private val failures = ArrayDeque<SnapbackException>()

    var acknowledges = true
    var received = 0
    val sent = mutableListOf<ReceivedMessage>()
    val sentPresences = mutableListOf<ReceivedPresence>()
    val confirmed = mutableListOf<String>()
    var contacts: List<Contact> = emptyList()
    val archive = mutableListOf<Archived>()
    var push: FakeSnapback.Push? = null
    var isForeground: Boolean? = null
    var isLoggedOut = false
    val requests = Requests(this)
    val rooms = FakeRooms(this)

    /** A message of the archive of the account ([room] `null`) or of a room. */
    class Archived(
        val room: Jid?,
        val with: Jid?,
        val message: im.snapback.ffi.HistoryMessage,
    )

    /**
     * Changes this object. What the outermost change says to the client is said at its end, in order, even if the client's answer is
     * another change.
     */
    fun <T> change(block: () -> T): T =
        synchronized(lock) {
            depth += 1
            try {
                block().also { if (depth == 1) drain() }
            } finally {
                depth -= 1
            }
        }

    private fun drain() {
        while (true) (outbox.removeFirstOrNull() ?: break)()
    }

    fun say(event: Event): Unit = later { it.put(event) }

    fun say(event: RoomEvent): Unit = later { it.put(event) }

    fun say(request: InboundRequest): Unit = later { it.put(request) }

    private fun say(state: ConnectionState): Unit = later { it.state.value = state }

    private fun later(what: (Pipe) -> Unit) {
        val pipe = pipe
        outbox += { what(pipe) }
    }

    fun newId(): String = synchronized(lock) { "fake-${++lastId}" }

    fun failNext(error: SnapbackException) {
        change { failures += error }
    }

    /** Throws what the script has for the next call. */
    fun scripted() {
        change { failures.removeFirstOrNull() }?.let { throw it }
    }

    /** Waits for a session; returns whether there is one. [closed] is thrown if the client is closed meanwhile. */
    suspend fun awaitSession(
        timeout: Long,
        closed: () -> Exception,
    ): Boolean {
        val ended = pipe.hasEnded
        val found = withTimeoutOrNull(timeout) { combine(online, ended) { there, over -> there || over }.first { it } } ?: false
        if (ended.value) throw closed()
        return found
    }

    // The connection.

    fun wanted(): Unit =
        change {
            isWanted = true
            isPaused = false
            attempt()
        }

    fun reachable(): Unit =
        change {
            isReachable = true
            if (isWanted && !isPaused) attempt()
        }

    private fun attempt() {
        when {
            isConnected && isAnnounced -> Unit
            !isReachable -> say(ConnectionState.Connecting(ConnectionStep.TRANSPORT))
            hasSession && isAnnounced -> establish(SessionOutcome.RESUMED)
            else -> establish(SessionOutcome.BOUND)
        }
    }

    private fun establish(outcome: SessionOutcome) {
        hasSession = true
        session = outcome
        isAnnounced = outcome != SessionOutcome.UNANNOUNCED
        val roundTrips = 1u
        later { online.value = true }
        say(ConnectionState.Online(outcome, roundTrips, false))
        say(Event.Online(outcome, full.toString(), "fake", timeline(), DialReport(emptyList(), emptyList())))
        if (outcome != SessionOutcome.RESUMED && push != null) say(Event.PushEnabled)
        isConnected = true
        held.toList().also { held.clear() }.forEach(::deliver)
        say(Event.CaughtUp)
        say(ConnectionState.Online(outcome, roundTrips, true))
        if (isAnnounced) flush()
        if (outcome == SessionOutcome.BOUND) rooms.joinAgain()
    }

    /** How the last session was established. */
    var session: SessionOutcome? = null
        private set

    /** As [online], and current while a change is in progress. */
    var isConnected = false
        private set

    private fun dropped(
        reason: EndReason,
        description: String,
        needsCredentials: Boolean = false,
        isRetryable: Boolean = false,
    ) {
        isConnected = false
        later { online.value = false }
        val dial = DialReport(emptyList(), emptyList())
        say(Event.ConnectionEnded(Ending(reason, isRetryable, needsCredentials, description, null, null, dial)))
        queue.filter { it.lasting == Lasting.CHAT_STATE }.forEach { fail(it, FailureReason.NotOnline) }
    }

    fun cut(): Unit =
        change {
            check(isConnected) { "there is no connection to cut" }
            isReachable = false
            dropped(EndReason.TransportClosed, "the connection was lost", isRetryable = true)
            say(ConnectionState.Offline(OfflineReason.FAILED, RETRY_MILLIS))
        }

    fun resumed(): Unit =
        change {
            check(isWanted && !isPaused) { "the app has not called connect" }
            check(hasSession && !isConnected) { "there is no interrupted session to resume" }
            reachable()
        }

    fun newSession(): Unit =
        change {
            check(isWanted && !isPaused) { "the app has not called connect" }
            if (isConnected) cut()
            endSession()
            reachable()
        }

    /** What was sent and not acknowledged is sent again, or fails, as in a client whose session is lost. */
    private fun endSession() {
        hasSession = false
        queue.removeAll { it.isRefused }
        queue.filter { it.isSent && it.lasting != Lasting.MESSAGE }.forEach { fail(it, FailureReason.SessionLost) }
        queue.forEach { it.isSent = false }
        requests.sessionLost()
    }

    fun disconnected(): Unit =
        change {
            if (isConnected) dropped(EndReason.Closed, "the client closed the connection")
            endSession()
            isWanted = false
            say(ConnectionState.Offline(OfflineReason.NOT_WANTED, null))
        }

    fun loggedOut(): Unit =
        change {
            disconnected()
            push = null
            isLoggedOut = true
        }

    fun refuseLogin(): Unit =
        change {
            isReachable = false
            needsCredentials = true
            endSession()
            val reason = EndReason.LoginRefused("not-authorized", null)
            dropped(reason, "the server refused the credentials", needsCredentials = true)
            say(ConnectionState.Offline(OfflineReason.NEEDS_CREDENTIALS, null))
        }

    /** A client that waits for credentials tries again, and finds the server as the script goes on. */
    fun passwordSet(): Unit =
        change {
            if (needsCredentials && isWanted) attempt()
            needsCredentials = false
        }

    fun enablePush(push: FakeSnapback.Push): Unit =
        change {
            val isOther = this.push != push
            this.push = push
            if (isConnected && isOther) say(Event.PushEnabled)
        }

    fun paused(): Unit =
        change {
            isPaused = true
            if (isConnected) dropped(EndReason.Dropped, "the client was paused")
            say(ConnectionState.Offline(OfflineReason.SUSPENDED, null))
        }

    fun unpaused(): Unit =
        change {
            isPaused = false
            if (isWanted) attempt()
        }

    fun foreground(foreground: Boolean): Unit =
        change {
            isForeground = foreground
            if (foreground && isPaused) unpaused()
        }

    /** Begins a background sync. Returns why there is nothing to sync. */
    fun syncBegins(mayBind: Boolean): OfflineReason? =
        change {
            when {
                isConnected || !isReachable -> null
                hasSession && isAnnounced -> null.also { establish(SessionOutcome.RESUMED) }
                mayBind -> null.also { establish(SessionOutcome.UNANNOUNCED) }
                else -> {
                    dropped(EndReason.NoSession(NoSessionProblem.NOT_STORED), "there is no session to resume")
                    say(ConnectionState.Offline(OfflineReason.NO_SESSION, null))
                    OfflineReason.NO_SESSION
                }
            }
        }

    fun syncEnds(): Unit = change { if (isPaused) paused() }

    /** Another client uses the account: as after a restart of the process. */
    fun restarted(): Unit =
        change {
            pipe = Pipe()
            isConnected = false
            later { online.value = false }
            isWanted = false
            isPaused = false
            queue.removeAll { it.lasting != Lasting.MESSAGE }
            rooms.forget()
            unconfirmed.values.forEach { say(it) }
        }

    // Stanzas.

    fun receive(make: (String) -> Event): Unit = change { if (isConnected) deliver(make) else held += make }

    private fun deliver(make: (String) -> Event) {
        val event = make(newId())
        val id =
            when (event) {
                is Event.Message -> event.deliveryId
                is Event.Carbon -> event.deliveryId
                is Event.Presence -> event.deliveryId
                else -> error("no delivery")
            }
        if (event !is Event.Presence) received += 1
        unconfirmed[id] = event
        say(event)
    }

    fun confirmed(id: String): Unit = change { if (unconfirmed.remove(id) != null) confirmed += id }

    fun submit(stanza: Outbound): Unit =
        change {
            if (stanza.lasting == Lasting.CHAT_STATE && !isConnected) {
                fail(stanza, FailureReason.NotOnline)
            } else {
                say(Event.StanzaStage(stanza.id, Stage.Queued))
                queue += stanza
                if (isConnected && isAnnounced) flush()
            }
        }

    private fun flush() {
        for (stanza in queue.filter { !it.isSent }) {
            stanza.isSent = true
            say(Event.StanzaStage(stanza.id, Stage.Sent))
            stanza.leave()
        }
        if (acknowledges) acknowledge()
    }

    fun acknowledge(): Unit =
        change {
            check(isConnected) { "without a connection nothing is acknowledged" }
            val acknowledged = queue.filter { it.isSent }
            queue.removeAll(acknowledged)
            acknowledged.forEach { say(Event.StanzaStage(it.id, Stage.Acked)) }
        }

    /** Another entity answers the stanza with an error. */
    fun refuse(
        id: String,
        reason: FailureReason,
    ): Unit =
        change {
            queue.filter { it.id == id }.forEach { it.isRefused = true }
            queue.removeAll { it.id == id && !it.isSent }
            say(Event.StanzaStage(id, Stage.Failed(reason)))
        }

    private fun fail(
        stanza: Outbound,
        reason: FailureReason,
    ) {
        queue -= stanza
        say(Event.StanzaStage(stanza.id, Stage.Failed(reason)))
    }

    private fun timeline() = Timeline(emptyList(), emptyList(), null, false, 0u, 0u, 0u)

    private companion object {
        const val RETRY_MILLIS: ULong = 2000u
    }
}
