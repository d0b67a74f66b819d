package im.snapback

import im.snapback.ffi.CallException
import im.snapback.ffi.CoreClient
import im.snapback.ffi.CoreVisit
import im.snapback.ffi.Event as CoreEvent
import im.snapback.ffi.IqException
import im.snapback.ffi.IqRequest
import im.snapback.ffi.OpenException
import im.snapback.ffi.OutgoingMessage
import im.snapback.ffi.OutgoingPresence
import im.snapback.ffi.SendException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/**
 * An account that is kept online.
 *
 * ```
 * val client = SnapbackClient.open("juliet@example.org", "password")
 * client.connect()
 * client.send("romeo@example.net", "Wherefore art thou?")
 * client.events.collect { event ->
 *     if (event is Event.Online) println("${event.outcome} after ${event.timeline.roundTrips} round trips")
 *     if (event is Event.Delivery) event.confirm() // or it comes again
 * }
 * ```
 *
 * All functions may be called from any thread, the main one included: none of them blocks. Cancelling a coroutine that
 * waits here ends the waiting and does the client no harm.
 */
public class SnapbackClient private constructor(
    private val core: CoreClient,
) : AutoCloseable {
    private val closed = AtomicBoolean(false)
    private val tracker = Tracker()
    internal val queue = EventQueue<Event>(EVENTS_HELD, EVENTS_HELD_FOR_STAGES)
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val currentState = MutableStateFlow(core.state().toState())
    private val pumps: List<Job>
    private val visits = MutableStateFlow(0)

    /** Ends with the client; what the platform adds to it lives here. */
    internal val companions: MutableList<AutoCloseable> = mutableListOf()

    /** Where the connection stands. True whether or not anybody collects [events]. */
    public val state: StateFlow<ConnectionState> = currentState.asStateFlow()

    /**
     * What happens, in order. Ends when the client is closed.
     *
     * One collector at a time. An event is taken when the collector's block comes back from it; if the collector is
     * cancelled or throws in between, the next collector gets the event again. What is not collected holds the server
     * back after a thousand events, so collect as long as the client is connected.
     */
    public val events: Flow<Event> = queue.events

    /** What was found in the store when it was opened: nothing to speak of, as a rule. */
    public val openReport: OpenReport = core.openReport()

    init {
        pumps = listOf(scope.launch { pumpEvents() }, scope.launch { pumpStates() })
        scope.launch {
            pumps.joinAll()
            // Where the core ended by itself, too.
            close()
            core.destroy()
        }
    }

    /**
     * Connects, and stays connected: after each break the client reconnects by itself. Again, it means: now, please. A client
     * that was [paused][pause] goes on.
     */
    public fun connect(): Unit = tell { connect() }

    /** Ends the session and the stream cleanly; comes back when that is done. */
    public suspend fun disconnect(): Unit = call { disconnect() }

    /** Logs the user out: ends the session, turns the FAST token in and forgets what could log in again. */
    public suspend fun logOut(): Unit = call { logOut() }

    /**
     * Sends a chat message; comes back when it is stored. It is sent, and sent again, until the server has it.
     *
     * @throws SnapbackException.QueueFull if too many wait already.
     */
    public suspend fun send(
        to: Jid,
        body: String,
    ): SentStanza = send(to) { this.body = body }

    /** The same to an address that is still a text. */
    public suspend fun send(
        to: String,
        body: String,
    ): SentStanza = send(Jid.parse(to), body)

    /** Sends a message of any kind. */
    public suspend fun send(
        to: Jid,
        block: MessageBuilder.() -> Unit,
    ): SentStanza {
        val message = MessageBuilder().apply(block)
        return tracked(message.id ?: call { newId() }) { id ->
            core.sendMessage(
                OutgoingMessage(
                    to = to.toString(),
                    body = message.body,
                    kind = message.type,
                    id = id,
                    thread = message.thread,
                    extensions = message.extensions.toList(),
                ),
            )
        }
    }

    /**
     * Tells our presence, to everybody who may see it or to [to] alone. [extensions] are further children, one XML element
     * each: a room is joined with `<x xmlns='http://jabber.org/protocol/muc'/>` to its address with a nick (XEP-0045).
     * What everybody was told last is told again at the beginning of each new session, for as long as the process lives.
     */
    public suspend fun sendPresence(
        to: Jid? = null,
        type: String? = null,
        show: String? = null,
        status: String? = null,
        priority: Byte? = null,
        extensions: List<String> = emptyList(),
    ): SentStanza =
        tracked(call { newId() }) { id ->
            core.sendPresence(
                OutgoingPresence(
                    to = to?.toString(),
                    kind = type,
                    id = id,
                    show = show,
                    status = status,
                    priority = priority,
                    extensions = extensions,
                ),
            )
        }

    /**
     * Sends a request and waits for its answer, across reconnects as long as the session is resumed.
     *
     * @param payload one XML element, such as `<query xmlns='jabber:iq:version'/>`.
     * @param to whom it is for; `null` means our own account.
     * @throws SnapbackException.Refused if the other side refuses.
     */
    public suspend fun iq(
        type: IqType,
        payload: String,
        to: Jid? = null,
        timeout: Duration = 60.seconds,
    ): IqAnswer =
        call {
            val answer = iq(IqRequest(type, to?.toString(), payload, timeout.inWholeMilliseconds.coerceAtLeast(0).toULong()))
            IqAnswer(answer.from?.let(Jid::parseOrNull), answer.payload)
        }

    /** The roster as it is stored, online or not. */
    public suspend fun roster(): Roster =
        call {
            val roster = roster()
            Roster(
                roster.version,
                roster.contacts.mapNotNull { contact ->
                    Jid.parseOrNull(contact.jid)?.let {
                        Contact(it, contact.name, contact.subscription, contact.asked, contact.groups)
                    }
                },
            )
        }

    /** Adds a contact to the roster, or changes one. */
    public suspend fun setContact(
        jid: Jid,
        name: String? = null,
        groups: List<String> = emptyList(),
    ) {
        call { setContact(jid.toString(), name, groups, null) }
    }

    /** Removes a contact from the roster, and ends that each sees the other. */
    public suspend fun removeContact(jid: Jid) {
        call { removeContact(jid.toString(), null) }
    }

    /** The network came, went or changed; the client looks after its connection at once. */
    public fun networkChanged(network: NetworkState): Unit = tell { networkChanged(network) }

    /** The app moved to the foreground or the background (XEP-0352). In the foreground a [paused][pause] client goes on. */
    public fun setForeground(foreground: Boolean): Unit = tell { setForeground(foreground) }

    /**
     * Lets go of everything, the file included, before the process is frozen; comes back when nothing is held any more.
     * The session stays alive on the server, and [resume] or [connect] go on with it.
     */
    public suspend fun pause(): Unit = call { suspend() }

    /** Goes on after [pause]. */
    public fun resume(): Unit = tell { resume() }

    /**
     * A short visit, as after a push: resumes the interrupted session, and comes back when all that the server had for us was
     * collected from [events] or [timeout] is over. A client that was woken for it is [paused][pause] again by then; one that
     * the app uses, or comes to use meanwhile, stays as it is.
     *
     * It never makes a new session, which takes more time than a push gives. Where there is none to resume, it comes back with
     * [DrainOutcome.Offline] and [OfflineReason.NO_SESSION], and the next [connect] makes one and loses nothing.
     */
    public suspend fun drain(timeout: Duration): DrainOutcome {
        val start = TimeSource.Monotonic.markNow()
        return visiting { visit ->
            val outcome = call { visit.drain(timeout.inWholeMilliseconds.coerceAtLeast(0).toULong()) }.toOutcome()
            val isCollected = outcome !is DrainOutcome.Complete || isCollected(timeout - start.elapsedNow())
            if (isCollected) outcome else DrainOutcome.TimedOut
        }
    }

    /** Whatever comes of the visit, it is over behind this, and holds nothing. */
    private suspend fun <T> visiting(work: suspend (CoreVisit) -> T): T =
        call { visit() }.use { visit ->
            visits.update { it + 1 }
            try {
                work(visit)
            } finally {
                visits.update { it - 1 }
                withContext(NonCancellable) {
                    try {
                        call { visit.end() }
                    } catch (_: SnapbackException.Closed) {
                        // Then there is nothing to let go of.
                    }
                }
            }
        }

    /** What was received has passed the core; the app may still be at it. */
    private suspend fun isCollected(timeout: Duration): Boolean =
        withTimeoutOrNull(timeout) {
            queue.awaitEmpty()
            true
        } ?: false

    /**
     * Allows the next logins to be weaker than those before. Ask the user first: this is what somebody in between would
     * want.
     */
    public fun forgetLoginFloor(): Unit = tell { forgetLoginFloor() }

    /**
     * The account's password has changed: the next login uses this one. A session that is there stays. A client that is offline
     * because credentials were refused or missing connects again. The password is not stored.
     */
    public fun setPassword(password: String): Unit = tell { setPassword(password) }

    /**
     * Ends the client, at once: what waits for it gets [SnapbackException.Closed], [events] end, and the connection is
     * dropped without a goodbye, so that the session can be resumed. Harmless the second time. The file is let go of
     * shortly after; where that matters, use [shutdown].
     */
    override fun close() {
        if (closed.compareAndSet(false, true)) {
            companions.forEach { it.close() }
            core.end()
            // Else the pump would wait for somebody who collects, and with it all that waits for the pump.
            queue.end()
        }
    }

    /** [pause] and [close]: when it comes back, nothing is held any more. */
    public suspend fun shutdown() {
        try {
            pause()
        } catch (_: SnapbackException.Closed) {
            // Then there is nothing to pause.
        }
        close()
        pumps.joinAll()
    }

    internal suspend fun nextSrvQuery(): im.snapback.ffi.SrvQuery? = if (closed.get()) null else core.nextSrvQuery()

    /** With a message of the DNS, as it came; `null` if there is none. */
    internal fun answerSrv(
        id: ULong,
        message: ByteArray?,
    ): Unit = tell { answerSrvMessage(id, message) }

    internal val pumpScope: CoroutineScope get() = scope

    /** Led through the life of the app: not put to sleep in the middle of a visit. */
    internal val asTracked: ForegroundTracker.Client =
        object : ForegroundTracker.Client {
            override fun setForeground(foreground: Boolean) = this@SnapbackClient.setForeground(foreground)

            override suspend fun pause() {
                visits.first { it == 0 }
                try {
                    this@SnapbackClient.pause()
                } catch (_: SnapbackException.Closed) {
                    // Nothing is left to let go of.
                }
            }

            override fun resume() = this@SnapbackClient.resume()
        }

    /** Never cancelled, only ended by the core: a call that is cancelled in the middle would lose what it holds. */
    private suspend fun pumpEvents() {
        try {
            while (true) {
                val events = core.nextEvents(EVENTS_AT_ONCE)
                if (events.isEmpty()) break
                events.forEach { if (it is CoreEvent.StanzaStage) tracker.reached(it.id, it.stage.toStage()) }
                queue.put(events.mapNotNull { it.toEvent(::confirm) })
            }
        } finally {
            queue.end()
            tracker.end()
        }
    }

    private suspend fun pumpStates() {
        var seen = core.state()
        while (true) {
            currentState.value = seen.toState()
            seen = core.nextState(seen) ?: break
        }
        currentState.value = ConnectionState.Offline(OfflineReason.NOT_WANTED, null)
    }

    private fun confirm(deliveryId: String): Unit = tell { confirm(deliveryId) }

    private suspend fun tracked(
        id: String,
        send: suspend (String) -> String,
    ): SentStanza {
        val track = tracker.track(id)
        try {
            call { send(id) }
        } catch (error: SnapbackException) {
            tracker.forget(id)
            throw error
        }
        return SentStanza(id, track, queue)
    }

    /** Says something that has no answer; after the end, nobody hears it. */
    private inline fun tell(what: CoreClient.() -> Unit) {
        if (closed.get()) return
        try {
            core.what()
        } catch (error: IllegalStateException) {
            if (!closed.get()) throw error
        }
    }

    /** Asks the core, and turns what it throws into exceptions of this package. */
    private suspend inline fun <T> call(crossinline what: suspend CoreClient.() -> T): T {
        if (closed.get()) throw SnapbackException.Closed()
        try {
            return core.what()
        } catch (error: CancellationException) {
            throw error
        } catch (error: IllegalStateException) {
            // The object was destroyed between the question above and the call.
            if (closed.get()) throw SnapbackException.Closed()
            throw error
        } catch (error: CallException) {
            throw SnapbackException.of(error)
        } catch (error: SendException) {
            throw SnapbackException.of(error)
        } catch (error: IqException) {
            throw SnapbackException.of(error)
        }
    }

    public companion object {
        /** So many events wait in Kotlin; more wait in the core. */
        internal const val EVENTS_HELD = 64

        /** While somebody waits for a stage of a stanza: as many as the core holds before it stops reading. */
        internal const val EVENTS_HELD_FOR_STAGES = 1024

        /** So many cross the border at once. */
        private const val EVENTS_AT_ONCE = 64u

        /**
         * Opens a client. Nothing is connected yet. On Android, use `SnapbackAndroid.open`, which keeps things in a file
         * and follows the network.
         *
         * @param password `null` if a token in the store has to do.
         * @throws SnapbackException that says what cannot be used.
         */
        @JvmStatic
        public suspend fun open(
            account: String,
            password: String?,
            block: Configuration.() -> Unit = {},
        ): SnapbackClient = open(account, password, Configuration().apply(block))

        internal suspend fun open(
            account: String,
            password: String?,
            configuration: Configuration,
        ): SnapbackClient =
            try {
                val core = configuration.toCore(account)
                SnapbackClient(password?.let { CoreClient.open(core, it) } ?: CoreClient.openWithoutPassword(core))
            } catch (error: OpenException) {
                throw SnapbackException.of(error)
            }
    }
}



/** A message to be sent. */
@SnapbackDsl
public class MessageBuilder internal constructor() {
    /** The text. */
    public var body: String? = null

    /** The attribute `type`. */
    public var type: String = "chat"

    /** Its id; one is made if there is none. */
    public var id: String? = null

    /** The conversation that it belongs to. */
    public var thread: String? = null

    internal val extensions = mutableListOf<String>()

    /** Adds a child: one XML element, such as `<request xmlns='urn:xmpp:receipts'/>`. */
    public fun extension(xml: String) {
        extensions += xml
    }
}
