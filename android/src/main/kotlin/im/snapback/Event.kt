package im.snapback

/** An event of a client, from [SnapbackClient.events]. */
public sealed interface Event {
    /** A session is established: a new one, or the interrupted one that was resumed. */
    public data class Online(
        val outcome: SessionOutcome,
        /** The full JID of this client. */
        val jid: Jid,
        /** The plan of flights that this connection followed, as a sentence for logs. */
        val plan: String,
        val timeline: Timeline,
        /** How the server was found and reached. */
        val dial: DialReport,
    ) : Event

    /** A connection, or an attempt at one, ended. If a retry may help, the client reconnects by itself. */
    public data class Ended(
        val reason: EndReason,
        /**
         * Whether the client retries by itself, once there is a network and the app is awake. Otherwise it stays offline until
         * [SnapbackClient.connect].
         */
        val retryable: Boolean,
        /**
         * Whether the user has to enter credentials; then call [SnapbackClient.setPassword]. Until then, the client does not
         * retry.
         */
        val needsCredentials: Boolean,
        /** The reason as a sentence in English, safe to log. */
        val description: String,
        /** The plan of flights that the connection followed; `null` if it ended before it had one. */
        val plan: String?,
        /** What each flight carried, and how long it took; `null` if no address was reached. */
        val timeline: Timeline?,
        /** How the server was looked for: what was asked, and what became of each address. */
        val dial: DialReport,
    ) : Event

    /**
     * The server's certificate was refused, and nothing was sent over that connection. Follows each attempt that ends so; the
     * client retries by itself. [ServerKeys.trust] accepts the key.
     */
    public data class CertificateRefused(val certificate: RefusedCertificate) : Event

    /**
     * An inbound stanza. The client stores it until the app calls [confirm]. After a restart, unconfirmed deliveries are
     * repeated with the same [deliveryId].
     */
    public sealed interface Delivery : Event {
        /** A unique random id. It stays the same when the delivery is repeated. */
        public val deliveryId: String

        /** Confirms that the app has processed the delivery; it is not repeated after that. */
        public fun confirm()
    }

    /** An inbound message. */
    public class Message(
        override val deliveryId: String,
        public val message: ReceivedMessage,
        /**
         * Set if an earlier message of the same sender had the same id but different content, so that this one may be a
         * duplicate of it. Holds the [deliveryId] of the earlier one, or the id of a stanza that this device sent. `null` if no
         * such message is known.
         */
        public val possibleDuplicateOf: String?,
        private val confirmation: (String) -> Unit = {},
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Message(deliveryId=$deliveryId)"
    }

    /** A copy of a message that another client of this account sent or received (XEP-0280). */
    public class Carbon(
        override val deliveryId: String,
        public val direction: CarbonDirection,
        public val message: ReceivedMessage,
        /** The message that this one may duplicate, as in [Message.possibleDuplicateOf]. */
        public val possibleDuplicateOf: String?,
        private val confirmation: (String) -> Unit = {},
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Carbon(deliveryId=$deliveryId, direction=$direction)"
    }

    /** An inbound presence stanza. */
    public class Presence(
        override val deliveryId: String,
        public val presence: ReceivedPresence,
        private val confirmation: (String) -> Unit = {},
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Presence(deliveryId=$deliveryId)"
    }

    /** A stanza that this client sends reached another stage; see also [SentStanza.stages]. */
    public data class StageReached(val id: String, val stage: Stage) : Event

    /** The features of the server, by their namespaces (XEP-0030). */
    public data class ServerFeatures(val features: List<String>) : Event

    /** The stored roster changed; [SnapbackClient.roster] returns it. */
    public data object RosterChanged : Event

    /** The server publishes push notifications for this session, as [PushNotifications] asked it to. Told in each new session. */
    public data object PushEnabled : Event

    /**
     * The server has refused to publish push notifications for this session, with this [condition] (RFC 6120 section 8.3.3):
     * `service-unavailable` where it does not support them. Each new session asks again. [text] is the server's own, and not safe
     * to log.
     */
    public class PushRefused(
        public val condition: String,
        public val text: String?,
    ) : Event {
        override fun toString(): String = "PushRefused(condition=$condition)"
    }

    /** The block list was changed, by any client of the account; see [Blocking.list]. */
    public data class BlockListChanged(val change: BlockListChange) : Event

    /**
     * An inbound stanza was skipped: it exceeded a limit, or its XML had a fault that its sender caused. [limit] names the
     * limit or the fault; [bytes] is the size of the stanza in bytes.
     */
    public data class StanzaRefused(val limit: String, val bytes: Long) : Event

    /** Inbound messages may be missing; the server's archive may have them (XEP-0313). */
    public data object PossibleGap : Event

    /**
     * The client has caught up: everything that the server held when this connection began is among the earlier events, or lies in a
     * gap that was reported. It comes once for each connection; messages after it are live. [ConnectionState.Online.isCaughtUp] is the
     * same as a state.
     */
    public data object CaughtUp : Event

    /**
     * The server violated the protocol and the connection continues, or something failed so often that the client gives
     * it up for a while. [what] says which, and is safe to log.
     */
    public data class PeerFault(val what: String) : Event

    /** A bug in Snapback has stopped the client. Close it and open another one. */
    public data object InternalFault : Event
}

/** An inbound presence stanza (RFC 6121 section 4). */
public class ReceivedPresence(
    /** The entity whose presence this is. */
    public val from: StanzaAddress,
    /** The attribute `type`: `null` means available; others are `unavailable`, `subscribe`, ... */
    public val type: String?,
    /** The element `<show/>`: `away`, `chat`, `dnd` or `xa`; `null` means available without a further state. */
    public val show: String?,
    /** The element `<status/>`: a text for people. */
    public val status: String?,
    /** The whole stanza as XML. */
    public val xml: String,
) {
    /** The whole stanza. It is parsed when it is first used. */
    public val element: Element by lazy { Element.received(xml) }
}
