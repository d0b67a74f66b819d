package im.snapback

import im.snapback.ffi.CoreClient
import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.DnsAnswer
import im.snapback.ffi.DnsRequest
import im.snapback.ffi.Event as CoreEvent
import im.snapback.ffi.IqRequest
import im.snapback.ffi.OpenException
import im.snapback.ffi.OutgoingPresence
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlin.coroutines.CoroutineContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The client of one account. It stays connected, reconnects after each interruption, and resumes the session (XEP-0198).
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
 * All functions may be called on any thread, including the main thread: none of them blocks. A coroutine that is suspended here
 * may be cancelled at any time; the client continues.
 *
 * After [close], the suspending functions other than [shutdown] throw [SnapbackException.Closed], and the other functions do
 * nothing. Functions that read or write the store may throw [SnapbackException.Storage].
 */
public class SnapbackClient internal constructor(
    private val core: CoreClientInterface,
    context: CoroutineContext = Dispatchers.Default,
) : AutoCloseable {
    internal val calls = Calls(core)
    private val tracker = Tracker()
    internal val queue = EventQueue<Event>(EVENTS_HELD, EVENTS_HELD_FOR_STAGES)
    private val scope = CoroutineScope(SupervisorJob() + context)
    private val currentState = MutableStateFlow(core.state().toState())
    private val pumps: List<Job>
    private val syncs = BackgroundSyncs(calls, queue)
    private val requests = RequestHandlers(core, scope)

    /** What the platform adds to the client, such as a network monitor; closed with the client. */
    internal val companions: MutableList<AutoCloseable> = mutableListOf()

    /** The state of the connection. It is current even if [events] are not collected. */
    public val state: StateFlow<ConnectionState> = currentState.asStateFlow()

    /**
     * The events of the client, in order. The flow ends when the client is closed.
     *
     * Only one collector at a time is allowed; a second one fails with [IllegalStateException]. An event counts as collected
     * when the collector's block returns. If the collector is cancelled or throws before that, the next collector receives the
     * event again. After about a thousand uncollected events the client stops reading from the server, so collect for as long
     * as the client is connected.
     */
    public val events: Flow<Event> = queue.events

    /** The keys that the server may show, for servers without a certificate of an authority. */
    public val serverKeys: ServerKeys = ServerKeys { change -> calls.call { change() } }

    /** What was wrong with the store when it was opened, and which data was lost. Usually empty. */
    public val openReport: OpenReport = core.openReport()

    /** Where the server publishes push notifications (XEP-0357). */
    public val push: PushNotifications = PushNotifications(calls)

    /** What the last connections did, and how good the connection is. */
    public val recorder: FlightRecorder = FlightRecorder(calls)

    /** The block list (XEP-0191). */
    public val blocking: Blocking get() = Blocking(this)

    /** Where files may be uploaded (XEP-0363). */
    public val uploads: Uploads get() = Uploads(this)

    /** Publish-subscribe, on the account or on a service (XEP-0060, XEP-0163). */
    public val nodes: Nodes get() = Nodes(this)

    /** What users show of themselves: avatars, nicknames, vCards. */
    public val profiles: Profiles get() = Profiles(this)

    /** What other entities support (XEP-0030). */
    public val discovery: Discovery get() = Discovery(this)

    /** Subscriptions to presence (RFC 6121 section 3). */
    public val subscriptions: Subscriptions get() = Subscriptions(this)

    /** Changes of the account at its server (XEP-0077). */
    public val account: Account get() = Account(this)

    /** The rooms that the user keeps (XEP-0402). */
    public val bookmarks: Bookmarks get() = Bookmarks(this)

    /** The rooms of the account (XEP-0045), which stay joined across every reconnect. */
    public val rooms: Rooms = Rooms(this, calls)

    init {
        val ofRooms = scope.launch { rooms.pump(core) }
        pumps = listOf(scope.launch { pumpEvents() }, scope.launch { pumpStates() }, scope.launch { requests.pump() }, ofRooms)
        scope.launch {
            pumps.joinAll()
            // Also if the core has ended by itself.
            close()
            (core as? AutoCloseable)?.close()
        }
    }

    /**
     * Connects, and stays connected: the client reconnects by itself after each interruption. If a retry is scheduled, another
     * call makes it at once. A [paused][pause] client resumes. Returns immediately; [state] shows the progress.
     */
    public fun connect(): Unit = calls.tell { connect() }

    /**
     * Ends the session and closes the stream (RFC 6120 section 4.4). Suspends until that is done. The client stays offline
     * until [connect].
     */
    public suspend fun disconnect(): Unit = calls.call { disconnect() }

    /**
     * Logs the user out: ends the session, invalidates the FAST token (XEP-0484), and deletes the stored credentials.
     * [connect], called meanwhile, is carried out afterwards. Until it is called, background syncs find no session.
     */
    public suspend fun logOut(): Unit = calls.call { logOut() }

    /**
     * Sends a chat message. Suspends until the message is stored, not until it is sent. The client then sends it, again after
     * each reconnect if need be, until the server has acknowledged it (XEP-0198).
     *
     * @throws SnapbackException.QueueFull if the queue of outbound stanzas is full.
     * @throws SnapbackException.TooBig if the message is larger than the limit.
     */
    public suspend fun send(
        to: Jid,
        body: String,
    ): SentStanza = send(to) { this.body = body }

    /**
     * Sends a chat message to a JID that is given as text.
     *
     * @throws SnapbackException.InvalidJid if [to] is not a JID.
     */
    public suspend fun send(
        to: String,
        body: String,
    ): SentStanza = send(Jid.parse(to), body)

    /**
     * Sends a message of any type, as built by [block].
     *
     * @throws SnapbackException.BadXml if an extension is not exactly one well-formed XML element.
     * @throws SnapbackException.BadContent if a specification forbids what the message contains.
     */
    public suspend fun send(
        to: Jid,
        block: MessageBuilder.() -> Unit,
    ): SentStanza {
        val message = MessageBuilder().apply(block)
        return tracked(message.id ?: calls.call { newId() }) { id ->
            core.sendMessage(message.build(to, id))
        }
    }

    /**
     * Sends presence (RFC 6121 section 4). Suspends until the stanza is stored. The last presence without [to] is sent again at
     * the beginning of each new session, until the process ends.
     *
     * @param to the recipient; `null` (default) sends it to all entities that are subscribed to the user's presence.
     * @param type the attribute `type`, such as `unavailable` or `subscribe`; `null` (default) means available.
     * @param show `away`, `chat`, `dnd` or `xa`; `null` (default) means available without a further state.
     * @param status a text for people.
     * @param priority from -128 to 127; a server delivers messages to the highest (RFC 6121 section 4.7.2.3).
     * @param extensions further children, one XML element each. A client joins a room by sending
     *   `<x xmlns='http://jabber.org/protocol/muc'/>` to the room's JID with a nickname as resource (XEP-0045).
     * @param children the same as elements.
     */
    public suspend fun sendPresence(
        to: Jid? = null,
        type: String? = null,
        show: String? = null,
        status: String? = null,
        priority: Byte? = null,
        extensions: List<String> = emptyList(),
        children: List<Element> = emptyList(),
    ): SentStanza =
        tracked(calls.call { newId() }) { id ->
            core.sendPresence(
                OutgoingPresence(
                    to = to?.toString(),
                    kind = type,
                    id = id,
                    show = show,
                    status = status,
                    priority = priority,
                    extensions = extensions + children.map { it.toXml() },
                ),
            )
        }

    /**
     * Sends an IQ request and waits for its answer (RFC 6120 section 8.2.3). It continues to wait across reconnects if the
     * session is resumed.
     *
     * @param payload one XML element, such as `<query xmlns='jabber:iq:version'/>`.
     * @param to the recipient; `null` (default) means the user's own account.
     * @param timeout how long to wait for the answer. Default 60 s, which leaves time for a reconnect.
     * @throws SnapbackException.Refused if the answer is an error (RFC 6120 section 8.3).
     * @throws SnapbackException.TimedOut if no answer arrives in time. The request may have been carried out.
     * @throws SnapbackException.SessionLost if the session is lost before the answer. The request may have been carried out.
     * @throws SnapbackException.BadXml if [payload] is not exactly one well-formed XML element.
     */
    public suspend fun iq(
        type: IqType,
        payload: String,
        to: Jid? = null,
        timeout: Duration = 60.seconds,
    ): IqAnswer =
        calls.call {
            val answer = iq(IqRequest(type, to?.toString(), payload, timeout.inWholeMilliseconds.coerceAtLeast(0).toULong()))
            IqAnswer(answer.from?.let(Jid::parseOrNull), answer.payload)
        }

    /** Sends an IQ request whose payload is an element. */
    public suspend fun iq(
        type: IqType,
        payload: Element,
        to: Jid? = null,
        timeout: Duration = 60.seconds,
    ): IqAnswer = iq(type, payload.toXml(), to, timeout)

    /**
     * Answers the requests of other entities whose payload has this namespace, from now on. Those of one namespace are handled one
     * after the other. A handler has 30 seconds; after that, or if it throws, an error is sent. Set the handlers before [connect]:
     * a request without one is refused. Another handler for the same namespace replaces the first.
     *
     * Only entities that see this client's presence reach a handler; all others get the error of an absent client.
     *
     * @throws SnapbackException.Configuration if [Configuration.Identity.requests] does not name the namespace.
     */
    public fun onRequest(
        namespace: String,
        handler: suspend (InboundRequest) -> RequestAnswer,
    ): Unit = calls.tell { requests.handle(namespace, handler) }

    /**
     * Returns a page of the account's history (XEP-0313), from the newest message backwards: of the conversation [with] an address, or
     * all, [before] the [HistoryPage.next] of another page, at most [limit] messages (1 to 100; Prosody returns 50). Waits for a
     * session, at most 60 s.
     *
     * @throws SnapbackException.Refused `item-not-found` if [before] is no longer there, `service-unavailable` without an archive.
     */
    public suspend fun history(with: Jid? = null, before: String? = null, limit: Int = 50): HistoryPage =
        historyPage(null, with, before, limit)

    internal fun bookmarkChange(message: ReceivedMessage): BookmarkChange? =
        if (calls.isClosed) null else core.bookmarkChange(message.xml)?.toChange()

    /** Returns what happened on a node, if this message is about that (XEP-0060); `null` otherwise. */
    public fun nodeEvent(message: ReceivedMessage): NodeEvent? =
        if (calls.isClosed) null else core.nodeEvent(message.xml)?.toEvent()

    /** Returns the stored roster, online or offline (RFC 6121 section 2). */
    public suspend fun roster(): Roster =
        calls.call {
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

    /** Adds a contact to the roster, or changes it (RFC 6121 section 2.3). Throws the same exceptions as [iq]. */
    public suspend fun setContact(
        jid: Jid,
        name: String? = null,
        groups: List<String> = emptyList(),
    ) {
        calls.call { setContact(jid.toString(), name, groups, null) }
    }

    /**
     * Removes a contact from the roster, which also cancels the presence subscriptions in both directions (RFC 6121 section
     * 2.5). Throws the same exceptions as [iq].
     */
    public suspend fun removeContact(jid: Jid) {
        calls.call { removeContact(jid.toString(), null) }
    }

    /**
     * Informs the client that the network appeared, disappeared or changed. The client probes its connection, or reconnects, at
     * once. `SnapbackAndroid.open` sets up a monitor that calls this.
     */
    public fun networkChanged(network: NetworkState): Unit = calls.tell { networkChanged(network.toCore()) }

    /**
     * Informs the client that the app moved to the foreground (`true`) or the background (`false`); the client informs the
     * server (XEP-0352). In the foreground, a [paused][pause] client resumes.
     */
    public fun setForeground(foreground: Boolean): Unit = calls.tell { setForeground(foreground) }

    /**
     * Closes the connection and the store, before the system suspends the process. Suspends until both are closed. The server
     * keeps the session for as long as it allows, and [resume] or [connect] resume it.
     */
    public suspend fun pause(): Unit = calls.call { suspend() }

    /** Resumes a client after [pause]: opens the store again, and connects if the client was connected. */
    public fun resume(): Unit = calls.tell { resume() }

    /**
     * Does a background sync, such as after a push notification: resumes the interrupted session (XEP-0198) and suspends until
     * the app has collected from [events] everything that the server held, or until [timeout] has passed. If the client was
     * paused before the call, it is [paused][pause] again when this returns. A client that the app uses, or starts to use
     * meanwhile, stays connected.
     *
     * With [mayBind], a session that has expired or that the server refuses to resume is replaced, on the same connection, by one
     * without presence: it reads the archive (XEP-0313) and sends nothing of the app; the next [connect] completes it. Without
     * [mayBind], the outcome is [DrainOutcome.Offline] with [OfflineReason.NO_SESSION] then. No message is lost in either case.
     */
    public suspend fun drain(
        timeout: Duration,
        mayBind: Boolean = false,
    ): DrainReport = syncs.drain(timeout, mayBind)

    /**
     * Allows later logins to be weaker than earlier ones: with a weaker mechanism, or without channel binding. Ask the user
     * first: an attacker between client and server causes the same symptom, [NoLoginProblem.BELOW_FLOOR].
     */
    public fun forgetLoginFloor(): Unit = calls.tell { forgetLoginFloor() }

    /**
     * Sets the password that the next login uses, such as after the user has changed it. An existing session continues. A
     * client that is offline because credentials were refused or missing reconnects. The password is not stored.
     */
    public fun setPassword(password: String): Unit = calls.tell { setPassword(password) }

    /**
     * Closes the client at once: suspended calls fail with [SnapbackException.Closed], and [events] end. The connection is
     * dropped without closing the stream (RFC 6120 section 4.4), so that the session can be resumed. A second call does
     * nothing. The file is closed shortly after this returns; use [shutdown] to wait for that.
     */
    override fun close() {
        if (calls.close()) {
            companions.forEach { it.close() }
            core.end()
            // Without this, the pump would wait for a collector, and `shutdown` for the pump.
            queue.end()
            rooms.end()
        }
    }

    /** Pauses and closes the client: does what [pause] and [close] do. Suspends until connection and file are closed. */
    public suspend fun shutdown() {
        try {
            pause()
        } catch (_: SnapbackException.Closed) {
            // A closed client has nothing to pause.
        }
        close()
        pumps.joinAll()
    }

    /** Informs the client that the name servers or Private DNS of the network changed, and nothing else of it. */
    internal fun nameSettingsChanged(network: NetworkState): Unit = calls.tell { nameSettingsChanged(network.toCore()) }

    /** Waits for the next request to the system's resolver; returns `null` once the client is closed. */
    internal suspend fun nextDnsRequest(): DnsRequest? = calls.next { nextDnsRequest() }

    internal fun answerDns(
        id: ULong,
        answer: DnsAnswer,
    ): Unit = calls.tell { answerDns(id, answer) }

    /** Probes the connection, or makes a scheduled retry at once. Does nothing to a paused client, or in a background sync. */
    internal fun probe(): Unit =
        calls.tell {
            val state = state().toState()
            val waits = state is ConnectionState.Offline && state.retryIn != null
            if (!syncs.areInProgress && (waits || state is ConnectionState.Online)) resume()
        }

    internal val pumpScope: CoroutineScope get() = scope

    /** The client as [ForegroundTracker] uses it: [pause] waits for the end of background syncs. */
    internal val asTracked: ForegroundTracker.Client =
        object : ForegroundTracker.Client {
            override fun setForeground(foreground: Boolean) = this@SnapbackClient.setForeground(foreground)

            override suspend fun pause() {
                syncs.awaitEnd()
                try {
                    this@SnapbackClient.pause()
                } catch (_: SnapbackException.Closed) {
                    // A closed client has nothing open.
                }
            }

            override fun resume() = this@SnapbackClient.resume()
        }

    /**
     * Moves events from the core to [queue]. It is never cancelled, only ended by the core: a cancelled call would lose events.
     */
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

    private fun confirm(deliveryId: String): Unit = calls.tell { confirm(deliveryId) }

    private suspend fun tracked(
        id: String,
        send: suspend (String) -> String,
    ): SentStanza {
        val track = tracker.track(id)
        try {
            calls.call { send(id) }
        } catch (error: SnapbackException) {
            tracker.forget(id)
            throw error
        }
        return SentStanza(id, track, queue)
    }

    public companion object {
        /** The maximum number of events that wait in Kotlin; more wait in the core. */
        internal const val EVENTS_HELD = 64

        /** The same while the stages of a stanza are collected: as many as the core holds before it stops reading. */
        internal const val EVENTS_HELD_FOR_STAGES = 1024

        /** The maximum number of events that one call fetches from the core. */
        private const val EVENTS_AT_ONCE = 64u

        /**
         * Opens a client, without connecting it. On Android, use `SnapbackAndroid.open`, which keeps the state in a file and
         * follows the network.
         *
         * @param account the bare JID to log in as, such as `juliet@example.org`.
         * @param password the password; `null` to log in with a FAST token or SCRAM keys from the store.
         * @param block sets the configuration.
         * @throws SnapbackException.InvalidJid if [account] is not a JID.
         * @throws SnapbackException.AccountWithoutLocalpart if [account] is the JID of a server.
         * @throws SnapbackException.Storage if the store cannot be used, such as while another process has it open.
         * @throws SnapbackException.Configuration if a setting cannot be used.
         * @throws SnapbackException.NativeLibrary if the native library cannot be loaded.
         */
        @JvmStatic
        public suspend fun open(
            account: String,
            password: String?,
            block: Configuration.() -> Unit = {},
        ): SnapbackClient = open(account, password, Configuration().apply(block))

        /**
         * The same with credentials other than a password: a bearer token, a client certificate, or none.
         *
         * @throws SnapbackException.Configuration if the certificate or a setting cannot be used.
         */
        @JvmStatic
        public suspend fun open(
            account: String,
            credentials: Credentials,
            block: Configuration.() -> Unit = {},
        ): SnapbackClient = open(account, credentials, Configuration().apply(block))

        internal suspend fun open(
            account: String,
            credentials: Credentials,
            configuration: Configuration,
        ): SnapbackClient =
            try {
                NativeLibrary.awaitLoaded()
                val config = configuration.toCore(account)
                val core = credentials.toCore().use { CoreClient.openWith(config, it, configuration.proxy?.password) }
                val client = SnapbackClient(core)
                credentials.provider?.let { provider -> client.scope.launch { pumpTokens(client, provider) } }
                configuration.connector?.let { client.scope.launch(Dispatchers.IO) { pumpConnections(client, it) } }
                client
            } catch (error: OpenException) {
                throw SnapbackException.of(error)
            }

        internal suspend fun open(
            account: String,
            password: String?,
            configuration: Configuration,
        ): SnapbackClient = open(account, password?.let(Credentials::password) ?: Credentials.stored(), configuration)
    }
}
