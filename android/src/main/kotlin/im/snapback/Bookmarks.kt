package im.snapback

import im.snapback.ffi.ServiceChange
import im.snapback.ffi.Bookmark as CoreBookmark
import im.snapback.ffi.BookmarkChange as CoreChange

/**
 * The rooms that a user keeps, which all clients of the account share (XEP-0402), from [SnapbackClient.bookmarks].
 *
 * ```
 * client.bookmarks.set(Bookmark(room, name = "Coven", isAutoJoined = true, nick = "thirdwitch"))
 * // In each new process, after the first login:
 * client.bookmarks.join("thirdwitch")
 * ```
 *
 * All functions throw the same exceptions as [SnapbackClient.iq].
 */
public class Bookmarks internal constructor(private val client: SnapbackClient) {
    /** Returns the bookmarks. Those that cannot be read are left out. */
    public suspend fun list(): List<Bookmark> = client.calls.call { bookmarks() }.mapNotNull { it.toBookmark() }

    /**
     * Adds a bookmark, or replaces the one of the same room. To change one, copy what [list] returns, so that the extensions of
     * other clients are kept.
     */
    public suspend fun set(bookmark: Bookmark): Unit = client.calls.call { change(ServiceChange.SetBookmark(bookmark.toCore())) }

    /**
     * Removes the bookmark of a room. The room is not left.
     *
     * @throws SnapbackException.Refused with `item-not-found` if there is none.
     */
    public suspend fun remove(room: Jid): Unit = client.calls.call { change(ServiceChange.RemoveBookmark(room.toString())) }

    /**
     * Joins all rooms whose bookmarks say so, at once, and returns them without waiting for the rooms: [Rooms.events] say what becomes
     * of each. A process joins its rooms again in each session by itself, so that one call after its first login is enough.
     *
     * @param nick the nickname where a bookmark has none.
     */
    public suspend fun join(nick: String): List<Room> =
        client.calls.call { joinBookmarked(nick) }.mapNotNull { room -> Jid.parseOrNull(room)?.let(client.rooms::get) }

    /**
     * Returns the change that this message tells, by any client of the account; `null` if it tells none. The server sends such
     * messages if the app has added the feature [NOTIFY] to the identity's features.
     */
    public fun change(message: ReceivedMessage): BookmarkChange? = client.bookmarkChange(message)

    public companion object {
        /** The feature that asks for changes. */
        public const val NOTIFY: String = "urn:xmpp:bookmarks:1+notify"
    }
}

/** A room that the user keeps. */
public data class Bookmark
    @JvmOverloads
    constructor(
        /** The address of the room. */
        public val room: Jid,
        /** A name for the user. */
        public val name: String? = null,
        /** Whether clients join the room by themselves. */
        public val isAutoJoined: Boolean = false,
        /** The nickname to join with. */
        public val nick: String? = null,
        /** The password of a protected room. The server can read it. */
        public val password: String? = null,
        /** What other clients have added. A client that changes a bookmark keeps it. */
        public val extensions: List<Element> = emptyList(),
    ) {
        /** The room and the name, without the password. */
        override fun toString(): String = "Bookmark($room, $name)"

        internal fun toCore(): CoreBookmark =
            CoreBookmark(room.bare.toString(), name, isAutoJoined, nick, password, extensions.map { it.toXml() })
    }

/** A change of the bookmarks. */
public sealed interface BookmarkChange {
    /** These bookmarks are new or different; the bookmarks of the rooms in [removed] are gone. */
    public class Changed(public val set: List<Bookmark>, public val removed: List<Jid>) : BookmarkChange

    /** All bookmarks are gone. */
    public data object Cleared : BookmarkChange
}

internal fun CoreChange.toChange(): BookmarkChange =
    when (this) {
        is CoreChange.Changed -> BookmarkChange.Changed(set.mapNotNull { it.toBookmark() }, removed.mapNotNull(Jid::parseOrNull))
        is CoreChange.Cleared -> BookmarkChange.Cleared
    }

private fun CoreBookmark.toBookmark(): Bookmark? =
    Jid.parseOrNull(room)?.let { Bookmark(it, name, autoJoin, nick, password, extensions.mapNotNull(Element::received)) }
