package im.snapback.testing

import im.snapback.Event
import im.snapback.HistoryMessage
import im.snapback.Jid
import im.snapback.MessageBuilder
import im.snapback.ReceivedMessage
import im.snapback.ReceivedPresence
import im.snapback.ffi.OutgoingPresence

/**
 * What a client receives, for previews and for the tests of code that takes such values. Needs no native library. The other types that
 * an app receives, such as [im.snapback.HistoryPage], [im.snapback.Contact] or [im.snapback.RoomInfo], have public constructors.
 *
 * ```
 * @Preview
 * @Composable
 * fun IncomingMessage() = MessageRow(Received.message("romeo@example.net", "Wherefore art thou?"))
 * ```
 */
public object Received {
    init {
        StandIn.install()
    }

    /** Returns a message with this text. */
    @JvmStatic
    @JvmOverloads
    public fun message(
        from: String,
        body: String,
        to: String = ACCOUNT,
    ): ReceivedMessage = message(from, to) { this.body = body }

    /** Returns a message as its sender builds it, such as a reaction. Its id is `message` unless [block] sets one. */
    @JvmStatic
    public fun message(
        from: String,
        to: String = ACCOUNT,
        block: MessageBuilder.() -> Unit,
    ): ReceivedMessage = messageOf(Jid.parse(from), Jid.parse(to), "message", block = block).toMessage()

    /** Returns the delivery of a message. [Event.Message.confirm] calls [onConfirm] with the id of the delivery. */
    @JvmStatic
    @JvmOverloads
    public fun event(
        message: ReceivedMessage,
        deliveryId: String = "delivery",
        onConfirm: (String) -> Unit = {},
    ): Event.Message = Event.Message(deliveryId, message, null, onConfirm)

    /** Returns a presence; [type] `null` means available. */
    @JvmStatic
    @JvmOverloads
    public fun presence(
        from: String,
        type: String? = null,
        show: String? = null,
        status: String? = null,
    ): ReceivedPresence =
        received(Jid.parse(from), Jid.parse(ACCOUNT), OutgoingPresence(kind = type, show = show, status = status)).toPresence()

    /** Returns a message of an archive; [at] is in milliseconds since 1970. */
    @JvmStatic
    @JvmOverloads
    public fun historyMessage(
        message: ReceivedMessage,
        at: Long? = null,
        archiveId: String = "archived",
    ): HistoryMessage = HistoryMessage(archiveId, at, message)

    private const val ACCOUNT = "juliet@example.org"
}
