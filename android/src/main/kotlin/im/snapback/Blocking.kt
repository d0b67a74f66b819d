package im.snapback

import im.snapback.ffi.ServiceChange
import im.snapback.ffi.BlockList as CoreBlockList
import im.snapback.ffi.BlockListChange as CoreChange

/** The block list, which the server keeps and enforces (XEP-0191), from [SnapbackClient.blocking]. */
public class Blocking internal constructor(private val client: SnapbackClient) {
    /**
     * Returns the blocked addresses. From then on, and as long as the session exists, each change is an event
     * ([Event.BlockListChanged]); after [Event.Online] with a new session, call this again.
     *
     * @throws SnapbackException.Refused with `service-unavailable` if the server has no block lists.
     */
    public suspend fun list(): List<Jid> = client.calls.call { blockList() }.toJids()

    /** Blocks these addresses: of accounts, domains, or single resources. Throws the same exceptions as [SnapbackClient.iq]. */
    public suspend fun block(vararg jids: Jid): Unit = client.calls.call { change(ServiceChange.Block(jids.map { it.toString() })) }

    /** Unblocks these addresses. Throws the same exceptions as [SnapbackClient.iq]. */
    public suspend fun unblock(vararg jids: Jid): Unit = client.calls.call { change(ServiceChange.Unblock(jids.map { it.toString() })) }

    /** Unblocks all addresses. Throws the same exceptions as [SnapbackClient.iq]. */
    public suspend fun unblockAll(): Unit = client.calls.call { change(ServiceChange.UnblockAll) }
}

/** A change of the block list, by any client of the account. */
public sealed interface BlockListChange {
    /** These are blocked from now on. */
    public data class Blocked(val jids: List<Jid>) : BlockListChange

    /** These are blocked no more. */
    public data class Unblocked(val jids: List<Jid>) : BlockListChange

    /** No address is blocked any more. */
    public data object AllUnblocked : BlockListChange
}

internal fun CoreChange.toChange(): BlockListChange =
    when (this) {
        is CoreChange.Blocked -> BlockListChange.Blocked(list.toJids())
        is CoreChange.Unblocked -> BlockListChange.Unblocked(list.toJids())
        is CoreChange.AllUnblocked -> BlockListChange.AllUnblocked
    }

private fun CoreBlockList.toJids(): List<Jid> = jids.mapNotNull(Jid::parseOrNull)
