package im.snapback

import im.snapback.ffi.MessageContent
import im.snapback.ffi.refersTo
import im.snapback.ffi.LocalizedText as CoreText
import im.snapback.ffi.MessageKey as CoreKey
import im.snapback.ffi.MessageReference as CoreReference

/** What a person does in a conversation (XEP-0085). */
public typealias ChatState = im.snapback.ffi.ChatState

/** How a message is to be processed (XEP-0334). These are wishes of its sender; others need not comply. */
public typealias Hints = im.snapback.ffi.Hints

/** Who gets a delivery receipt when asking for one (XEP-0184); see [Configuration.receipts]. */
public typealias ReceiptPolicy = im.snapback.ffi.ReceiptPolicy

/** The kinds of conversations. */
public typealias Conversation = im.snapback.ffi.Conversation

/** What a message may say about another one. */
public typealias ReferenceKind = im.snapback.ffi.ReferenceKind

/** What a room announces (XEP-0030). By default nothing: then what depends on it is not trusted. */
public typealias RoomFeatures = im.snapback.ffi.RoomFeatures

/** Whether a reference holds. */
public typealias ReferenceVerdict = im.snapback.ffi.ReferenceVerdict

/** A text in one [language] (RFC 5646); `null` if the sender does not state it. [toString] does not print the text. */
public class LocalizedText(public val language: String?, public val text: String) {
    override fun equals(other: Any?): Boolean = other is LocalizedText && language == other.language && text == other.text

    override fun hashCode(): Int = text.hashCode()

    override fun toString(): String = "LocalizedText(language=$language)"
}

/**
 * All reactions of a sender to the message [id] (XEP-0444). They replace the earlier ones of this sender; an empty list removes
 * them. A message has at most 64, of at most 128 bytes each.
 */
public data class Reactions(val id: String, val emojis: List<String>)

/** The message [id] that a message replies to (XEP-0461). [to] is its author as the sender states it: not checked. */
public data class Reply(val id: String, val to: Jid? = null)

/** A file or another resource at [uri] (XEP-0066), which is not checked. [toString] does not print it. */
public class FileReference(public val uri: String, public val description: String? = null) {
    override fun equals(other: Any?): Boolean = other is FileReference && uri == other.uri && description == other.description

    override fun hashCode(): Int = uri.hashCode()

    override fun toString(): String = "FileReference"
}

/** An [id] that the entity [by] claims to have assigned (XEP-0359). It is true only where that entity announces `urn:xmpp:sid:0`. */
public data class StanzaId(val id: String, val by: Jid)

/** What an archive keeps of a message that the message [id] has retracted, at [retractedAt] in milliseconds since 1970 (XEP-0424). */
public data class Tombstone(val id: String, val retractedAt: Long?)

/**
 * A payload that could not be read: it violates its specification, or there are too many. It is still in
 * [ReceivedMessage.element]. [reason] is safe to log.
 */
public data class PayloadProblem(val name: String, val namespace: String, val reason: String)

/** What a message says about the message [id]. */
public data class MessageReference(val kind: ReferenceKind, val id: String)

/**
 * What an app keeps of each message, so that a later correction, retraction or reaction finds it, and only one of an entity that
 * may send it. Addresses are normalized, so that equal ones are equal texts.
 *
 * ```
 * val key = message.key ?: return
 * for (reference in message.references) {
 *     val other = database.find(key.conversation, reference.id) ?: continue
 *     if (key.refersTo(reference, other.key) == ReferenceVerdict.HOLDS) apply(reference, other)
 * }
 * ```
 */
public data class MessageKey(
    val kind: Conversation,
    /** With whom: the bare JID of the contact or of the room; the full JID of an occupant. */
    val conversation: String,
    /** The sender: a bare JID, or the full JID of an occupant. */
    val sender: String,
    /** The id that the room claims for the sender (XEP-0421). */
    val occupantId: String? = null,
    /** The attribute `id`, which the sender chose. */
    val id: String? = null,
    /** The origin ID, which the sender chose (XEP-0359). */
    val originId: String? = null,
    /** The id that the room claims to have assigned (XEP-0359). */
    val roomId: String? = null,
) {
    /**
     * Returns whether a [reference] of the message with this key holds for the [other] message. Corrections and retractions hold
     * only for messages of the same sender: in a room, of the same occupant, where [room] announces occupant ids.
     */
    @JvmOverloads
    public fun refersTo(
        reference: MessageReference,
        other: MessageKey,
        room: RoomFeatures = RoomFeatures(),
    ): ReferenceVerdict = native { refersTo(CoreReference(reference.kind, reference.id), toCore(), other.toCore(), room) }

    private fun toCore(): CoreKey =
        CoreKey(
            kind = kind,
            conversation = conversation,
            sender = sender,
            occupantId = occupantId,
            id = id,
            originId = originId,
            roomId = roomId,
        )

    internal companion object {
        fun of(key: CoreKey) =
            MessageKey(
                kind = key.kind,
                conversation = key.conversation,
                sender = key.sender,
                occupantId = key.occupantId,
                id = key.id,
                originId = key.originId,
                roomId = key.roomId,
            )
    }
}

/** An inbound message, or the copy of one that another client of the account sent. [toString] does not print its content. */
public class ReceivedMessage internal constructor(
    /** The sender: the attribute `from`. */
    public val from: StanzaAddress,
    /** The recipient: the attribute `to`. */
    public val to: StanzaAddress,
    /** The attribute `id`, which the sender chose. Of an error: the id of the message that failed. */
    public val id: String?,
    /** The attribute `type`, such as `chat`. */
    public val type: String?,
    /** The default text as it was sent. */
    public val body: String?,
    public val subject: String?,
    public val thread: String?,
    /**
     * When the message was first sent, in milliseconds since 1970, if its delivery was delayed (XEP-0203). The time is not
     * authenticated: the sender may have written it.
     */
    public val delayedAt: Long?,
    /** The origin ID, which the sender chose (XEP-0359). */
    public val originId: String?,
    /** The whole stanza as XML. */
    public val xml: String,
    content: MessageContent,
) {
    /** The whole stanza. It is parsed when it is first used. */
    public val element: Element by lazy { Element.received(xml) }

    /**
     * The text to show: the [body] without the parts that repeat, for other clients, what is typed here, such as the quotation of
     * a [reply] (XEP-0428). `null` if nothing remains.
     */
    public val text: String? = content.text

    /** The text in each language, the default one first. */
    public val bodies: List<LocalizedText> = content.bodies.map { it.toText() }

    /** The subject in each language, the default one first. */
    public val subjects: List<LocalizedText> = content.subjects.map { it.toText() }

    /** The thread that [thread] is part of. */
    public val parentThread: String? = content.parentThread

    /** Whether the sender asks for a delivery receipt (XEP-0184). */
    public val requestsReceipt: Boolean = content.requestsReceipt

    /** The id of the message that another client has received (XEP-0184). */
    public val receiptOf: String? = content.receiptOf

    /** Whether the sender asks to be told when the message is displayed (XEP-0333). */
    public val isMarkable: Boolean = content.isMarkable

    /** The id of the message that a person has seen, and all before it (XEP-0333). */
    public val displayed: String? = content.displayed

    /** What the sender does (XEP-0085). */
    public val chatState: ChatState? = content.chatState

    /** The id of the message that this one replaces (XEP-0308); see [MessageKey.refersTo]. */
    public val corrects: String? = content.corrects

    /** The id of the message that is to be removed (XEP-0424); see [MessageKey.refersTo]. */
    public val retracts: String? = content.retracts

    /** Set if the message was retracted, and this is what the archive keeps of it (XEP-0424). */
    public val tombstone: Tombstone? = content.tombstone?.let { Tombstone(it.id, it.retractedAtMs) }

    /** The sender's reactions to a message (XEP-0444). */
    public val reactions: Reactions? = content.reactions?.let { Reactions(it.id, it.emojis) }

    /** The message that this one replies to (XEP-0461). */
    public val reply: Reply? = content.reply?.let { Reply(it.id, it.to?.let(Jid::parseOrNull)) }

    /** The files that the message refers to (XEP-0066). */
    public val files: List<FileReference> = content.files.map { FileReference(it.uri, it.description) }

    /** How the message is to be processed (XEP-0334). */
    public val hints: Hints = content.hints

    /** The ids that archives claim to have assigned (XEP-0359). */
    public val stanzaIds: List<StanzaId> = content.stanzaIds.mapNotNull { id -> Jid.parseOrNull(id.by)?.let { StanzaId(id.id, it) } }

    /** Of an error: the element `error`, with its application-specific conditions and their data (RFC 6120 section 8.3). */
    public val error: Element? by lazy { content.error?.let(Element::received) }

    /** What could not be read. */
    public val problems: List<PayloadProblem> = content.problems.map { PayloadProblem(it.name, it.namespace, it.reason) }

    /** What to keep of the message; `null` of an error, and if an address cannot be read: nothing of it is trusted then. */
    public val key: MessageKey? = content.key?.let(MessageKey::of)

    /** What the message says about other messages. */
    public val references: List<MessageReference> = content.references.map { MessageReference(it.kind, it.id) }

    private fun CoreText.toText() = LocalizedText(language, text)
}
