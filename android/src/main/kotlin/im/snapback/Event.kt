package im.snapback

/** Something that happened. */
public sealed interface Event {
    /** The session is there. */
    public data class Online(
        val outcome: SessionOutcome,
        /** Our own full address. */
        val jid: Jid,
        /** The plan that led here, as a sentence. */
        val plan: String,
        val timeline: Timeline,
    ) : Event

    /** A connection, or an attempt at one, ended. The client goes on by itself where that makes sense. */
    public data class Ended(
        val reason: EndReason,
        /**
         * The client tries again by itself, once there is a network and the app is awake. Otherwise it stays offline until
         * it is told to connect.
         */
        val retryable: Boolean,
        /** The user has to be asked for credentials. Then the client does not try again. */
        val needsCredentials: Boolean,
        /** The reason as a sentence in English, safe to log. */
        val description: String,
        /** The plan that it followed, if it came so far as to have one. */
        val plan: String?,
    ) : Event

    /**
     * Something that was delivered. It is stored, and comes again after a restart with the same [deliveryId], until it is
     * [confirmed][confirm].
     */
    public sealed interface Delivery : Event {
        /** Random, unique, and the same if it comes again. */
        public val deliveryId: String

        /** The app has taken it: it will not come again. */
        public fun confirm()
    }

    /** A message. */
    public class Message internal constructor(
        override val deliveryId: String,
        public val message: ReceivedMessage,
        /**
         * What it may repeat: its sender gave it the same id, but other content. The earlier [deliveryId], or the id of a
         * stanza that this device sent. `null` if it repeats nothing that is known.
         */
        public val possibleDuplicateOf: String?,
        private val confirmation: (String) -> Unit,
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Message(deliveryId=$deliveryId)"
    }

    /** A copy of a message that another client of this account sent or received (XEP-0280). */
    public class Carbon internal constructor(
        override val deliveryId: String,
        public val direction: CarbonDirection,
        public val message: ReceivedMessage,
        /** What it may repeat, as in [Message.possibleDuplicateOf]. */
        public val possibleDuplicateOf: String?,
        private val confirmation: (String) -> Unit,
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Carbon(deliveryId=$deliveryId, direction=$direction)"
    }

    /** Somebody's presence. */
    public class Presence internal constructor(
        override val deliveryId: String,
        public val presence: ReceivedPresence,
        private val confirmation: (String) -> Unit,
    ) : Delivery {
        override fun confirm(): Unit = confirmation(deliveryId)

        override fun toString(): String = "Presence(deliveryId=$deliveryId)"
    }

    /** A stanza of ours reached another stage; see also [SentStanza.stages]. */
    public data class StageReached(val id: String, val stage: Stage) : Event

    /** What the server can do, by the namespaces of its features (XEP-0030). */
    public data class ServerFeatures(val features: List<String>) : Event

    /** The stored roster changed: [SnapbackClient.roster] has it. */
    public data object RosterChanged : Event

    /** A stanza that came in was over a limit, or its XML had a fault of its sender, and it was skipped. */
    public data class StanzaRefused(val limit: String, val bytes: Long) : Event

    /** Messages may be missing; the archive (XEP-0313) has them. */
    public data object PossibleGap : Event

    /** The server broke a rule in a way that could be survived. */
    public data class PeerFault(val what: String) : Event

    /** A bug of ours has ended the client. Close it and open another one. */
    public data object InternalFault : Event
}

/** A message that came in. Its text does not print. */
public class ReceivedMessage internal constructor(
    /** Who sent it. */
    public val from: StanzaAddress,
    /** Whom it is for. */
    public val to: StanzaAddress,
    /** The id that its sender gave it. */
    public val id: String?,
    /** The attribute `type`, such as `chat`. */
    public val type: String?,
    public val body: String?,
    public val subject: String?,
    public val thread: String?,
    /** When it was sent, in milliseconds since 1970, if it comes late (XEP-0203). Anyone can claim anything here. */
    public val delayedAt: Long?,
    /** The sender's own id (XEP-0359). */
    public val originId: String?,
    /** All of it. */
    public val xml: String,
)

/** Somebody's presence. */
public class ReceivedPresence internal constructor(
    /** Whose. */
    public val from: StanzaAddress,
    /** The attribute `type`: `null` if available, `unavailable`, `subscribe`, ... */
    public val type: String?,
    /** `away`, `chat`, `dnd` or `xa`; `null` for simply there. */
    public val show: String?,
    /** What they say about it. */
    public val status: String?,
    /** All of it. */
    public val xml: String,
)
