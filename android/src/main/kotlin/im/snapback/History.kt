package im.snapback

import im.snapback.ffi.HistoryMessage as CoreMessage
import im.snapback.ffi.HistoryPage as CorePage

/**
 * A page of history (XEP-0313), from [SnapbackClient.history] or [Room.history]. It is complete: no result follows it.
 *
 * ```
 * var page = client.history(with = romeo)
 * show(page.messages)
 * page.next?.let { next -> page = client.history(with = romeo, before = next) }
 * ```
 */
public class HistoryPage(
    /** The messages, the newest one first. Those that the account itself sent are among them. */
    public val messages: List<HistoryMessage>,
    /** What to pass as `before` for the page of older messages; `null` if this page begins with the oldest one. */
    public val next: String?,
    /** How many messages were left out because they could not be read. */
    public val unreadable: Int,
)

/** A message of an archive. It is no delivery: there is nothing to confirm. */
public class HistoryMessage(
    /** The id in the archive, which a live message carries among [ReceivedMessage.stanzaIds]. */
    public val archiveId: String,
    /** When it was archived, by the server's clock, in milliseconds since 1970; `null` if the server does not say. */
    public val archivedAt: Long?,
    public val message: ReceivedMessage,
) {
    override fun toString(): String = "HistoryMessage(archiveId=$archiveId)"
}

internal suspend fun SnapbackClient.historyPage(
    room: Jid?,
    with: Jid?,
    before: String?,
    limit: Int,
): HistoryPage {
    require(limit in 1..100) { "a page has 1 to 100 messages" }
    return calls.call { history(room?.toString(), with?.toString(), before, limit.toUInt()) }.toPage()
}

private fun CorePage.toPage() = HistoryPage(messages.map { it.toMessage() }, next, unreadable.toInt())

private fun CoreMessage.toMessage() = HistoryMessage(archiveId, archivedAtMs, stanza.toMessage(content))
