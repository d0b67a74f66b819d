package im.snapback.testing

import im.snapback.Contact
import im.snapback.Jid
import im.snapback.RequestAnswer
import im.snapback.ffi.AccessModel
import im.snapback.ffi.AvatarInfo
import im.snapback.ffi.BlockList
import im.snapback.ffi.BlockListChange
import im.snapback.ffi.Bookmark
import im.snapback.ffi.BookmarkChange
import im.snapback.ffi.Cancellation
import im.snapback.ffi.CapsInfo
import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.DiscoInfo
import im.snapback.ffi.DiscoItem
import im.snapback.ffi.Event
import im.snapback.ffi.FileUpload
import im.snapback.ffi.HistoryPage
import im.snapback.ffi.IqException
import im.snapback.ffi.NodeEvent
import im.snapback.ffi.NodeItem
import im.snapback.ffi.NodeOptions
import im.snapback.ffi.OutgoingAvatar
import im.snapback.ffi.Roster
import im.snapback.ffi.ServiceChange
import im.snapback.ffi.ServiceException
import im.snapback.ffi.Subscription
import im.snapback.ffi.UploadService
import im.snapback.ffi.UploadSlot
import im.snapback.ffi.Vcard
import im.snapback.ffi.Contact as CoreContact

/**
 * The services of a fake server: roster, history, block list, bookmarks and nodes in memory. What it does not have, it refuses with
 * `service-unavailable`.
 */
internal abstract class FakeServices(
    protected val world: World,
) : CoreClientInterface {
    private class Node {
        val items = LinkedHashMap<String, NodeItem>()
    }

    private val blocked = sortedSetOf<String>()
    private val bookmarks = sortedMapOf<String, Bookmark>()
    private val nodes = mutableMapOf<Pair<String?, String>, Node>()

    /** Waits for the session in which a service can be asked, and throws what the script has for this call. */
    private suspend fun asked() {
        world.scripted()
        if (!world.awaitSession(TIMEOUT) { IqException.Closed() }) throw IqException.TimedOut()
    }

    private suspend fun <T> service(what: () -> T): T {
        try {
            asked()
        } catch (problem: IqException) {
            throw ServiceException.Request(problem)
        }
        return world.change(what)
    }

    private fun refused(condition: String): ServiceException =
        ServiceException.Request(Requests.refused(RequestAnswer.Refused(condition)))

    private suspend fun unavailable(): Nothing = service { throw refused("service-unavailable") }

    override suspend fun roster(): Roster {
        world.scripted()
        return world.change {
            Roster(null, world.contacts.map { CoreContact(it.jid.toString(), it.name, it.subscription, it.asked, it.groups) })
        }
    }

    override suspend fun setContact(
        jid: String,
        name: String?,
        groups: List<String>,
        cancellation: Cancellation?,
    ): Boolean {
        asked()
        world.change {
            val (same, others) = world.contacts.partition { it.jid.toString() == jid }
            val contact = same.firstOrNull() ?: Contact(Jid.parse(jid), null, Subscription.NONE, false, emptyList())
            setContacts(others + contact.copy(name = name, groups = groups))
        }
        return true
    }

    override suspend fun removeContact(
        jid: String,
        cancellation: Cancellation?,
    ): Boolean {
        asked()
        world.change { setContacts(world.contacts.filter { it.jid.toString() != jid }) }
        return true
    }

    private fun setContacts(contacts: List<Contact>) {
        world.contacts = contacts.sortedBy { it.jid.toString() }
        world.say(Event.RosterChanged)
    }

    override suspend fun history(
        room: String?,
        with: String?,
        before: String?,
        limit: UInt,
    ): HistoryPage =
        service {
            val all = world.archive.filter { it.room?.toString() == room && (with == null || it.with?.toString() == with) }
            val end = if (before == null) all.size else all.indexOfFirst { it.message.archiveId == before }
            if (end < 0) throw refused("item-not-found")
            val start = (end - limit.toInt()).coerceAtLeast(0)
            val page = all.subList(start, end).map { it.message }.reversed()
            HistoryPage(page, if (start > 0) page.last().archiveId else null, 0u)
        }

    override suspend fun blockList(): BlockList = service { BlockList(blocked.toList(), 0u) }

    override suspend fun change(change: ServiceChange) {
        service { carryOut(change) }
        if (change is ServiceChange.DeleteAccount) world.loggedOut()
    }

    private fun carryOut(change: ServiceChange) {
        when (change) {
            is ServiceChange.DeleteAccount, is ServiceChange.ConfigureNode -> Unit
            is ServiceChange.Block -> {
                blocked += change.jids
                world.say(Event.BlockListChanged(BlockListChange.Blocked(BlockList(change.jids, 0u))))
            }
            is ServiceChange.Unblock -> {
                blocked -= change.jids.toSet()
                world.say(Event.BlockListChanged(BlockListChange.Unblocked(BlockList(change.jids, 0u))))
            }
            is ServiceChange.UnblockAll -> {
                blocked.clear()
                world.say(Event.BlockListChanged(BlockListChange.AllUnblocked))
            }
            is ServiceChange.SetBookmark -> bookmarks[change.bookmark.room] = change.bookmark
            is ServiceChange.RemoveBookmark -> bookmarks.remove(change.room) ?: throw refused("item-not-found")
            is ServiceChange.Retract ->
                node(change.service, change.node).items.remove(change.id) ?: throw refused("item-not-found")
            is ServiceChange.DeleteNode -> nodes.remove(change.service to change.node) ?: throw refused("item-not-found")
            is ServiceChange.DisableAvatar, is ServiceChange.Nick -> throw refused("service-unavailable")
        }
    }

    override suspend fun bookmarks(): List<Bookmark> = service { bookmarks.values.toList() }

    override suspend fun joinBookmarked(nick: String): List<String> {
        val joined = service { bookmarks.values.filter { it.autoJoin } }
        joined.forEach { world.rooms.joinNow(Jid.parse(it.room), it.nick ?: nick) }
        return joined.map { it.room }
    }

    override fun bookmarkChange(message: String): BookmarkChange? = null

    private fun node(
        service: String?,
        node: String,
    ): Node = nodes[service to node] ?: throw refused("item-not-found")

    override suspend fun publish(
        service: String?,
        node: String,
        id: String?,
        payload: String,
        options: NodeOptions,
    ): String? =
        service {
            val named = id ?: world.newId()
            val items = nodes.getOrPut(service to node, ::Node).items
            items.remove(named)
            items[named] = NodeItem(named, payload)
            named
        }

    /** The newest items, in the order of their publication. */
    override suspend fun nodeItems(
        service: String?,
        node: String,
        max: UInt?,
    ): List<NodeItem> = service { node(service, node).items.values.toList().takeLast(max?.toInt() ?: Int.MAX_VALUE) }

    override suspend fun nodeItem(
        service: String?,
        node: String,
        id: String,
    ): NodeItem? = service { node(service, node).items[id] }

    override fun nodeEvent(message: String): NodeEvent? = null

    override suspend fun changePassword(password: String): Unit = service { }

    override suspend fun discoCaps(presence: String): CapsInfo? = service { null }

    override suspend fun discoInfo(
        to: String,
        node: String?,
    ): DiscoInfo = unavailable()

    override suspend fun discoItems(
        to: String,
        node: String?,
    ): List<DiscoItem> = unavailable()

    override suspend fun avatarData(
        of: String,
        id: String,
    ): ByteArray = unavailable()

    override suspend fun avatarMetadata(of: String): List<AvatarInfo> = service { emptyList() }

    override suspend fun nick(of: String): String? = service { null }

    override suspend fun publishAvatar(
        avatar: OutgoingAvatar,
        access: AccessModel?,
    ): String = unavailable()

    override suspend fun vcard(of: String): Vcard = unavailable()

    override suspend fun uploadService(): UploadService? = service { null }

    override suspend fun uploadSlot(
        service: UploadService,
        file: FileUpload,
    ): UploadSlot = unavailable()

    private companion object {
        /** In milliseconds, as in the core. */
        const val TIMEOUT = 60_000L
    }
}
