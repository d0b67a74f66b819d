package im.snapback

import im.snapback.ffi.OutgoingMessage
import im.snapback.ffi.FileReference as CoreFile
import im.snapback.ffi.LocalizedText as CoreText
import im.snapback.ffi.Reactions as CoreReactions
import im.snapback.ffi.Reply as CoreReply

/** Builds a message (RFC 6121 section 5). */
@SnapbackDsl
public class MessageBuilder internal constructor() {
    /** The text: the element `<body/>`. */
    public var body: String? = null

    /** The text in further languages. */
    public var translations: List<LocalizedText> = emptyList()

    /** The element `<subject/>`; alone in a message to a room it changes the room's subject. */
    public var subject: String? = null

    /** The attribute `type`: `chat` (default), `groupchat`, `normal` or `headline`. */
    public var type: String = "chat"

    /** The attribute `id`. Default `null`: the client generates a random one. */
    public var id: String? = null

    /** The conversation that the message belongs to: the element `<thread/>`. */
    public var thread: String? = null

    /** Whether to ask for a delivery receipt (XEP-0184). Default `false`. In a room, each occupant would answer. */
    public var requestReceipt: Boolean = false

    /** Whether to ask to be told when the message is displayed (XEP-0333). Default `false`. */
    public var markable: Boolean = false

    /**
     * What the user does (XEP-0085). Alone in a message it is sent at once or never: without a session it fails with
     * [SendFailure.NotOnline], and after a broken connection it is not sent again.
     */
    public var chatState: ChatState? = null

    /** A delivery receipt: the id of the message that was received (XEP-0184). The client sends these itself; see [Configuration.receipts]. */
    public var receiptOf: String? = null

    /** A marker: the id of the message that the user has seen, and all before it (XEP-0333). In a room, the room's id. */
    public var displayed: String? = null

    /** The id of the message that this one replaces: always that of the first version (XEP-0308). */
    public var corrects: String? = null

    /** The id of the message to be removed (XEP-0424). The [body] is what clients show that do not support this. */
    public var retracts: String? = null

    /** All reactions of the user to a message (XEP-0444). */
    public var reactions: Reactions? = null

    /** The message that this one replies to (XEP-0461). */
    public var reply: Reply? = null

    /** What that message says: repeated before the [body] for clients that do not support replies (XEP-0428). */
    public var quote: String? = null

    /** Files that the message refers to (XEP-0066). */
    public var files: List<FileReference> = emptyList()

    /**
     * How the message is to be processed (XEP-0334). Default `null`: `store` for a reaction, retraction, receipt or marker, since
     * archives keep only messages with a body by themselves; otherwise none.
     */
    public var hints: Hints? = null

    private val extensions = mutableListOf<String>()

    /** Adds a further child: one XML element, such as `<request xmlns='urn:xmpp:receipts'/>`. */
    public fun extension(xml: String) {
        extensions += xml
    }

    /**
     * Adds a further child.
     *
     * @throws SnapbackException.BadXml if it has a name that XML does not allow.
     */
    public fun extension(element: Element) {
        extensions += element.toXml()
    }

    internal fun build(
        to: Jid,
        id: String,
    ) = OutgoingMessage(
        to = to.toString(),
        body = body,
        kind = type,
        id = id,
        thread = thread,
        extensions = extensions.toList(),
        subject = subject,
        translations = translations.map { CoreText(it.language, it.text) },
        requestReceipt = requestReceipt,
        markable = markable,
        chatState = chatState,
        receiptOf = receiptOf,
        displayed = displayed,
        corrects = corrects,
        retracts = retracts,
        reactions = reactions?.let { CoreReactions(it.id, it.emojis) },
        reply = reply?.let { CoreReply(it.id, it.to?.toString()) },
        quote = quote,
        files = files.map { CoreFile(it.uri, it.description) },
        hints = hints,
    )
}
