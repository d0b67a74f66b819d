package im.snapback.testing

import im.snapback.CarbonDirection
import im.snapback.ChatState
import im.snapback.Contact
import im.snapback.Element
import im.snapback.ErrorType
import im.snapback.Event
import im.snapback.Jid
import im.snapback.MessageBuilder
import im.snapback.ReceivedMessage
import im.snapback.ReceivedPresence
import im.snapback.RequestAnswer
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.ffi.FailureReason
import im.snapback.ffi.HistoryMessage
import im.snapback.ffi.OutgoingPresence
import im.snapback.ffi.StanzaId
import kotlinx.coroutines.Dispatchers
import kotlin.coroutines.CoroutineContext
import im.snapback.ffi.Event as CoreEvent

/**
 * A client for the tests of an app, and for previews: [client] is a [SnapbackClient] as the app uses it, above a server that does
 * what the test says. It opens no connection and no file, and needs no native library.
 *
 * ```
 * @Test
 * fun `a message is shown, and again after a reconnect`() = runTest {
 *     FakeSnapback("juliet@example.org", UnconfinedTestDispatcher(testScheduler)).use { fake ->
 *         val chat = ChatViewModel(fake.client, backgroundScope)
 *         fake.client.connect()
 *         fake.goOnline()
 *         fake.receive("romeo@example.net", "Wherefore art thou?")
 *         assertEquals(listOf("Wherefore art thou?"), chat.texts.value)
 *         fake.cut()
 *         chat.write("Here.")
 *         assertEquals(emptyList<String>(), fake.sent.map { it.body })
 *         fake.resume()
 *         assertEquals(listOf("Here."), fake.sent.map { it.body })
 *     }
 * }
 * ```
 *
 * Only the native core is replaced: the events, their confirmation, the state, and the stages of sent stanzas pass through the code
 * that the app ships. The client sees the changes of one function of this class in order. With [Dispatchers.Default] it sees them
 * later, on other threads, so that a test has to wait for the effect; with a test's dispatcher it sees them as the test's own
 * coroutines do. Functions may be called on any thread. A function throws [IllegalStateException] if what it is to do is impossible
 * in the present state, such as to resume without a session.
 *
 * **Without the native library**, which is loaded only if the test loads it, [Jid.parse] reads ASCII as the library does; other
 * characters throw [SnapbackException.NativeLibrary]. [Element.parse] uses the XML parser of the platform, and does not enforce the
 * library's limits of size and depth. What only the library does throws an error: `MessageKey.refersTo`, `ServerKey.fingerprint`,
 * `RefusedCertificate.explanation`, `vcardAvatar` and `avatars`. To test with these, add the native library for the machine that runs
 * the tests, which `snapback-jvm` contains, and call `Snapback.preload` first.
 *
 * **What it does not do**: it sends no receipts, answers no request that no [answer] is set for, and has no profiles, discovery or
 * upload service: these are refused with `service-unavailable`. Presence of rooms arrives as [im.snapback.RoomEvent] only.
 *
 * @param account the bare JID of the account.
 * @param context what the client runs in, such as the dispatcher of a test. Default [Dispatchers.Default], as a real client.
 */
public class FakeSnapback
    @JvmOverloads
    constructor(
        account: String = "juliet@example.org",
        private val context: CoroutineContext = Dispatchers.Default,
    ) : AutoCloseable {
        /** What the app has told [im.snapback.PushNotifications.enable]. */
        public data class Push(
            val service: Jid,
            val node: String?,
            val options: Map<String, String>,
        )

        private val world: World

        init {
            install()
            world = World(Jid.parse(account).bare)
        }

        /** The client. After [restart], another one. */
        public var client: SnapbackClient = SnapbackClient(FakeCore(world), context)
            private set

        /** What happens in rooms. */
        public val rooms: FakeRoomScript = FakeRoomScript(world)

        // The connection.

        /**
         * Lets the server accept connections: a client whose app has called `connect`, or calls it later, gets its session at once,
         * and everything that the server holds. A session that was interrupted is resumed.
         */
        public fun goOnline(): Unit = world.reachable()

        /** Cuts the connection. The session can be resumed; until then the server holds what is received. */
        public fun cut(): Unit = world.cut()

        /** The client reconnects and resumes its session. */
        public fun resume(): Unit = world.resumed()

        /**
         * The client reconnects and gets a new session. Messages that were not acknowledged are sent again; other stanzas fail with
         * [im.snapback.SendFailure.SessionLost]. Rooms are joined again.
         */
        public fun newSession(): Unit = world.newSession()

        /** The server refuses the credentials: the client is offline until `setPassword` and [goOnline]. */
        public fun refuseLogin(): Unit = world.refuseLogin()

        // What the account receives. Without a connection, the server holds it.

        /** A contact sends a text. Returns the id of the message. */
        public fun receive(
            from: String,
            body: String,
        ): String = receive(from) { this.body = body }

        /** A contact sends a message as [block] builds it, such as a [ChatState] or a reaction. Returns the id of the message. */
        public fun receive(
            from: String,
            block: MessageBuilder.() -> Unit,
        ): String {
            val message = messageOf(Jid.parse(from), world.full, world.newId(), block = block)
            world.receive { delivery -> CoreEvent.Message(delivery, message.stanza, message.content, null) }
            return checkNotNull(message.stanza.id)
        }

        /** Another client of the account sends a text, and the server copies it (XEP-0280). Returns the id of the message. */
        public fun carbon(
            to: String,
            body: String,
        ): String {
            val message = messageOf(Jid.parse("${world.account}/other"), Jid.parse(to), world.newId()) { this.body = body }
            world.receive { delivery -> CoreEvent.Carbon(delivery, CarbonDirection.SENT, message.stanza, message.content, null) }
            return checkNotNull(message.stanza.id)
        }

        /** A contact sends presence; [type] `null` means available. */
        @JvmOverloads
        public fun presence(
            from: String,
            type: String? = null,
            show: String? = null,
            status: String? = null,
        ) {
            val stanza = received(Jid.parse(from), world.full, OutgoingPresence(kind = type, show = show, status = status))
            world.receive { delivery -> CoreEvent.Presence(delivery, stanza) }
        }

        /** Another entity sends a request; returns what the app answers (see [SnapbackClient.onRequest]). */
        public suspend fun request(
            from: String,
            payload: Element,
            isSet: Boolean = false,
        ): RequestAnswer = world.requests.receive(Jid.parse(from), payload, isSet)

        // What the app has sent.

        /** The messages that have left the client, each as its recipient receives it. Those that wait are not among them. */
        public val sent: List<ReceivedMessage> get() = world.change { world.sent.toList() }

        /** The presence that has left the client, with requests for subscriptions. That to all has the account as its recipient. */
        public val sentPresences: List<ReceivedPresence> get() = world.change { world.sentPresences.toList() }

        /** The requests of [SnapbackClient.iq] that have left the client. */
        public val requests: List<SentRequest> get() = world.change { world.requests.sent.toList() }

        /** The ids of the deliveries that the app has confirmed. */
        public val confirmed: List<String> get() = world.change { world.confirmed.toList() }

        /** Where the app wants push notifications; `null` if nowhere. */
        public val push: Push? get() = world.change { world.push }

        /** What the app has told `setForeground`; `null` before. */
        public val isForeground: Boolean? get() = world.change { world.isForeground }

        /** Whether the app has logged out, or deleted the account. */
        public val isLoggedOut: Boolean get() = world.change { world.isLoggedOut }

        // What becomes of it.

        /** Whether the server acknowledges stanzas at once. Default `true`; see [acknowledge]. */
        public var acknowledges: Boolean
            get() = world.change { world.acknowledges }
            set(value) = world.change { world.acknowledges = value }

        /** Acknowledges all stanzas that were sent. */
        public fun acknowledge(): Unit = world.acknowledge()

        /**
         * Answers the stanza [id] with an error (RFC 6120 section 8.3): it reaches [im.snapback.Stage.Failed]. Set [acknowledges]
         * to `false` before it is sent: [im.snapback.SentStanza.stages] end once it is acknowledged.
         */
        @JvmOverloads
        public fun fail(
            id: String,
            condition: String,
            type: ErrorType = ErrorType.CANCEL,
            text: String? = null,
        ) {
            val kind = type.name.lowercase()
            world.refuse(id, FailureReason.Refused(kind, condition, text, errorXml(kind, condition, text)))
        }

        /** Lets the next call of the app that suspends throw this. Errors of several calls are thrown one after the other. */
        public fun failNext(error: SnapbackException): Unit = world.failNext(error)

        /**
         * Answers the app's requests whose payload has this namespace. `null` leaves a request without an answer, until its timeout or
         * [newSession]. Requests of a namespace without a handler are refused with `service-unavailable`.
         */
        public fun answer(
            namespace: String,
            handler: (SentRequest) -> RequestAnswer?,
        ): Unit = world.requests.handle(namespace, handler)

        // What the server keeps.

        /** The roster. A change is reported as [Event.RosterChanged]. */
        public var roster: List<Contact>
            get() = world.change { world.contacts }
            set(value) =
                world.change {
                    world.contacts = value.sortedBy { it.jid.toString() }
                    world.say(CoreEvent.RosterChanged)
                }

        /**
         * Adds a message to the archive of the account, as the newest one; returns its id there. [at] is in milliseconds since 1970.
         * What is received or sent is not added by itself.
         */
        @JvmOverloads
        public fun archive(
            from: String,
            body: String,
            at: Long? = null,
            to: String = world.account.toString(),
        ): String =
            world.change {
                val (sender, recipient) = Jid.parse(from) to Jid.parse(to)
                val id = world.newId()
                val message = messageOf(sender, recipient, world.newId(), StanzaId(id, "${world.account}")) { this.body = body }
                val with = if (sender.bare == world.account) recipient.bare else sender.bare
                world.archive += World.Archived(null, with, HistoryMessage(id, at, message.stanza, message.content))
                id
            }

        /**
         * Closes the client and opens another one on the same account, as when the process is started again: deliveries that were not
         * confirmed are repeated, and messages that were not acknowledged are sent, once the app has called `connect`.
         */
        public fun restart(): SnapbackClient {
            client.close()
            world.restarted()
            client = SnapbackClient(FakeCore(world), context)
            return client
        }

        /** Closes the client. */
        override fun close(): Unit = client.close()

        public companion object {
            /**
             * Lets [Jid] and [Element] work without the native library from now on. A [FakeSnapback] and [Received] do this
             * themselves: it is needed only for what a test or a preview makes before.
             */
            @JvmStatic
            public fun install(): Unit = StandIn.install()
        }
    }
