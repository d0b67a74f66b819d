package im.snapback.testing

import im.snapback.ChatState
import im.snapback.Conversation
import im.snapback.Element
import im.snapback.Hints
import im.snapback.Jid
import im.snapback.MessageBuilder
import im.snapback.ReceivedMessage
import im.snapback.ReceivedPresence
import im.snapback.ReferenceKind
import im.snapback.ffi.MessageContent
import im.snapback.ffi.MessageKey
import im.snapback.ffi.MessageReference
import im.snapback.ffi.OutgoingMessage
import im.snapback.ffi.OutgoingPresence
import im.snapback.ffi.Stanza
import im.snapback.ffi.StanzaAddress
import im.snapback.ffi.StanzaId
import im.snapback.toAddress
import im.snapback.toMessage
import im.snapback.ffi.Jid as CoreJid

private const val CLIENT = "jabber:client"
private const val CHAT_STATES = "http://jabber.org/protocol/chatstates"
private const val RECEIPTS = "urn:xmpp:receipts"
private const val MARKERS = "urn:xmpp:chat-markers:0"
private const val CORRECTION = "urn:xmpp:message-correct:0"
private const val RETRACTION = "urn:xmpp:message-retract:1"
private const val REACTIONS = "urn:xmpp:reactions:0"
private const val REPLY = "urn:xmpp:reply:0"
private const val FALLBACK = "urn:xmpp:fallback:0"
private const val OOB = "jabber:x:oob"
private const val HINTS = "urn:xmpp:hints"
private const val STANZA_IDS = "urn:xmpp:sid:0"

/** A message as the core delivers it. */
internal class CoreMessage(
    val stanza: Stanza,
    val content: MessageContent,
) {
    fun toMessage(): ReceivedMessage = stanza.toMessage(content)
}

internal fun Jid.toCore(): CoreJid = CoreJid(localpart, domain, resource)

private fun Jid.toAddress(): StanzaAddress = StanzaAddress.Named(toCore())

/** What an entity sends, as its recipient receives it. */
internal fun messageOf(
    from: Jid,
    to: Jid,
    id: String,
    archived: StanzaId? = null,
    block: MessageBuilder.() -> Unit,
): CoreMessage = received(from, MessageBuilder().apply(block).run { build(to, this.id ?: id) }, archived)

/** What was sent, as its recipient receives it: with all that its payloads mean. */
internal fun received(
    from: Jid,
    message: OutgoingMessage,
    archived: StanzaId? = null,
): CoreMessage {
    val to = Jid.parse(message.to)
    val quote = message.quote?.lines()?.joinToString("") { "> $it\n" }.orEmpty()
    val body = message.body?.let { quote + it } ?: quote.ifEmpty { null }
    val stanza =
        Stanza(
            from = from.toAddress(),
            to = to.toAddress(),
            id = message.id,
            kind = message.kind,
            body = body,
            subject = message.subject,
            thread = message.thread,
            show = null,
            status = null,
            delayedAtMs = null,
            originId = null,
            xml = xml(from, message, body, quote.codePointCount(0, quote.length), archived).toXml(),
        )
    return CoreMessage(stanza, content(from, message, body, archived))
}

private fun content(
    from: Jid,
    message: OutgoingMessage,
    body: String?,
    archived: StanzaId?,
): MessageContent {
    val isOfRoom = message.kind == "groupchat"
    return MessageContent(
        text = message.body,
        bodies = listOfNotNull(body?.let { im.snapback.ffi.LocalizedText(null, it) }) + message.translations,
        subjects = listOfNotNull(message.subject?.let { im.snapback.ffi.LocalizedText(null, it) }),
        parentThread = null,
        requestsReceipt = message.requestReceipt,
        receiptOf = message.receiptOf,
        isMarkable = message.markable,
        displayed = message.displayed,
        chatState = message.chatState,
        corrects = message.corrects,
        retracts = message.retracts,
        tombstone = null,
        reactions = message.reactions,
        reply = message.reply,
        files = message.files,
        hints = hints(message),
        stanzaIds = listOfNotNull(archived),
        error = null,
        problems = emptyList(),
        key =
            MessageKey(
                kind = if (isOfRoom) Conversation.ROOM else Conversation.CONTACT,
                conversation = from.bare.toString(),
                sender = (if (isOfRoom) from else from.bare).toString(),
                occupantId = null,
                id = message.id,
                originId = null,
                roomId = archived?.id.takeIf { isOfRoom },
            ),
        references = references(message),
    )
}

private fun references(message: OutgoingMessage): List<MessageReference> =
    listOfNotNull(
        message.receiptOf?.let { MessageReference(ReferenceKind.RECEIPT, it) },
        message.displayed?.let { MessageReference(ReferenceKind.DISPLAYED, it) },
        message.corrects?.let { MessageReference(ReferenceKind.CORRECTION, it) },
        message.retracts?.let { MessageReference(ReferenceKind.RETRACTION, it) },
        message.reactions?.let { MessageReference(ReferenceKind.REACTIONS, it.id) },
        message.reply?.let { MessageReference(ReferenceKind.REPLY, it.id) },
    )

private fun hints(message: OutgoingMessage): Hints {
    val isAboutAnother = listOf(message.reactions, message.retracts, message.receiptOf, message.displayed).any { it != null }
    return message.hints ?: Hints(store = isAboutAnother)
}

private fun xml(
    from: Jid,
    message: OutgoingMessage,
    body: String?,
    quoted: Int,
    archived: StanzaId?,
): Element =
    Element("message", CLIENT) {
        attribute("from", from.toString())
        attribute("to", message.to)
        message.id?.let { attribute("id", it) }
        if (message.kind != "normal") attribute("type", message.kind)
        message.subject?.let { child("subject") { text(it) } }
        body?.let { child("body") { text(it) } }
        for (translation in message.translations) {
            child("body") {
                translation.language?.let { attribute("lang", it, "http://www.w3.org/XML/1998/namespace") }
                text(translation.text)
            }
        }
        message.thread?.let { child("thread") { text(it) } }
        payloads(message)
        message.reply?.let { reply ->
            child("reply", REPLY) {
                attribute("id", reply.id)
                reply.to?.let { attribute("to", it) }
            }
            if (quoted > 0) {
                child("fallback", FALLBACK) {
                    attribute("for", REPLY)
                    child("body") {
                        attribute("start", "0")
                        attribute("end", "$quoted")
                    }
                }
            }
        }
        archived?.let {
            child("stanza-id", STANZA_IDS) {
                attribute("id", it.id)
                attribute("by", it.by)
            }
        }
        message.extensions.forEach { child(Element.parse(it)) }
    }

private fun Element.Builder.payloads(message: OutgoingMessage) {
    message.chatState?.let { child(nameOf(it), CHAT_STATES) }
    if (message.requestReceipt) child("request", RECEIPTS)
    message.receiptOf?.let { reference("received", RECEIPTS, it) }
    if (message.markable) child("markable", MARKERS)
    message.displayed?.let { reference("displayed", MARKERS, it) }
    message.corrects?.let { reference("replace", CORRECTION, it) }
    message.retracts?.let { reference("retract", RETRACTION, it) }
    message.reactions?.let { reactions ->
        child("reactions", REACTIONS) {
            attribute("id", reactions.id)
            reactions.emojis.forEach { emoji -> child("reaction") { text(emoji) } }
        }
    }
    for (file in message.files) {
        child("x", OOB) {
            child("url") { text(file.uri) }
            file.description?.let { child("desc") { text(it) } }
        }
    }
    val hints = hints(message)
    if (hints.noPermanentStore) child("no-permanent-store", HINTS)
    if (hints.noStore) child("no-store", HINTS)
    if (hints.noCopy) child("no-copy", HINTS)
    if (hints.store) child("store", HINTS)
}

private fun Element.Builder.reference(
    name: String,
    namespace: String,
    id: String,
): Unit = child(name, namespace) { attribute("id", id) }

private fun nameOf(state: ChatState): String = state.name.lowercase()

/** A presence as the core delivers it. */
internal fun received(
    from: Jid,
    to: Jid,
    presence: OutgoingPresence,
): Stanza {
    val element =
        Element("presence", CLIENT) {
            attribute("from", from.toString())
            attribute("to", to.toString())
            presence.id?.let { attribute("id", it) }
            presence.kind?.let { attribute("type", it) }
            presence.show?.let { child("show") { text(it) } }
            presence.status?.let { child("status") { text(it) } }
            presence.priority?.let { child("priority") { text("$it") } }
            presence.extensions.forEach { child(Element.parse(it)) }
        }
    return Stanza(
        from = from.toAddress(),
        to = to.toAddress(),
        id = presence.id,
        kind = presence.kind,
        body = null,
        subject = null,
        thread = null,
        show = presence.show,
        status = presence.status,
        delayedAtMs = null,
        originId = null,
        xml = element.toXml(),
    )
}

internal fun Stanza.toPresence(): ReceivedPresence = ReceivedPresence(from.toAddress(), kind, show, status, xml)

/** The element `error` of a stanza (RFC 6120 section 8.3.2). */
internal fun errorXml(
    type: String,
    condition: String,
    text: String? = null,
): String =
    Element("error", CLIENT) {
        attribute("type", type)
        child(condition, STANZA_ERRORS)
        text?.let { child("text", STANZA_ERRORS) { text(it) } }
    }.toXml()

private const val STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
