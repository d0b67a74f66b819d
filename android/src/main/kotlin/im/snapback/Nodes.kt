package im.snapback

import im.snapback.ffi.NodeOption
import im.snapback.ffi.ServiceChange
import im.snapback.ffi.NodeChange as CoreChange
import im.snapback.ffi.NodeEvent as CoreEvent
import im.snapback.ffi.NodeItem as CoreItem
import im.snapback.ffi.NodeOptions as CoreOptions

/**
 * Publish-subscribe (XEP-0060), on the account (XEP-0163) or on a service, from [SnapbackClient.nodes].
 *
 * A client that adds [notifyFeature] of a node to [Configuration.Identity.features] receives what its contacts publish there, as
 * messages: see [SnapbackClient.nodeEvent].
 */
public class Nodes internal constructor(private val client: SnapbackClient) {
    /**
     * Publishes an item. Returns its id, if the service states it. The node is created if need be.
     *
     * @param id the item's id; `null` lets the service choose one.
     * @param service a service; `null` (default) means the account.
     * @throws SnapbackException.PreconditionNotMet if the node exists and is configured otherwise than [options] demand;
     *   [configure] changes that.
     */
    public suspend fun publish(
        node: String,
        payload: Element,
        id: String? = null,
        options: NodeOptions = NodeOptions(),
        service: Jid? = null,
    ): String? = client.calls.call { publish(service?.toString(), node, id, payload.toXml(), options.toCore()) }

    /** Removes an item, and notifies its subscribers. */
    public suspend fun retract(
        node: String,
        id: String,
        service: Jid? = null,
    ): Unit = client.calls.call { change(ServiceChange.Retract(service?.toString(), node, id)) }

    /** Returns the newest items of a node, at most [max]; `null` (default): all that the service sends at once. */
    public suspend fun items(
        node: String,
        max: Int? = null,
        service: Jid? = null,
    ): List<NodeItem> =
        client.calls.call { nodeItems(service?.toString(), node, max?.coerceAtLeast(1)?.toUInt()) }.map { it.toItem() }

    /** Returns the item with this id; `null` if it is not there. */
    public suspend fun item(
        node: String,
        id: String,
        service: Jid? = null,
    ): NodeItem? = client.calls.call { nodeItem(service?.toString(), node, id) }?.toItem()

    /** Configures a node. */
    public suspend fun configure(
        node: String,
        options: NodeOptions,
        service: Jid? = null,
    ): Unit = client.calls.call { change(ServiceChange.ConfigureNode(service?.toString(), node, options.toCore())) }

    /** Removes a node with its items. */
    public suspend fun delete(
        node: String,
        service: Jid? = null,
    ): Unit = client.calls.call { change(ServiceChange.DeleteNode(service?.toString(), node)) }

    public companion object {
        /** Returns the feature that asks for the events of a node. */
        @JvmStatic
        public fun notifyFeature(node: String): String = Functions.current.notifyFeature(node)
    }
}

/** Who may read the items of a node (XEP-0060 section 4.5). */
public typealias AccessModel = im.snapback.ffi.AccessModel

/** The configuration of a node, as far as the app demands it; `null` leaves a setting to the service. */
public class NodeOptions(
    /** Who may read. */
    public val access: AccessModel? = null,
    /** How many items are kept. */
    public val maxItems: Int? = null,
    /** Whether items are kept at all. */
    public val persistItems: Boolean? = null,
    /** Others, by field, such as `pubsub#send_last_published_item`. */
    public val others: Map<String, String> = emptyMap(),
) {
    internal fun toCore(): CoreOptions =
        CoreOptions(access, maxItems?.coerceAtLeast(0)?.toUInt(), persistItems, others.map { NodeOption(it.key, it.value) })
}

/** An item of a node. */
public class NodeItem(
    /** Its id; `null` if the service states none. */
    public val id: String?,
    /** Its payload; `null` if only the id was sent. */
    public val payload: Element?,
) {
    override fun toString(): String = "NodeItem($id)"
}

/** What happened on a node. */
public class NodeEvent(
    /** The account or service: the sender of the message. An event is about no other one. */
    public val service: Jid,
    /** The node. */
    public val node: String,
    /** What happened. */
    public val change: NodeChange,
)

/** What happened on a node. */
public sealed interface NodeChange {
    /** Items were published, or removed: [retracted] has their ids. */
    public class Items(public val published: List<NodeItem>, public val retracted: List<String>) : NodeChange

    /** All items were removed. */
    public data object Purged : NodeChange

    /** The node was removed. */
    public data object Deleted : NodeChange
}

internal fun CoreEvent.toEvent(): NodeEvent? {
    val change =
        when (val change = change) {
            is CoreChange.Items -> NodeChange.Items(change.published.map { it.toItem() }, change.retracted)
            is CoreChange.Purged -> NodeChange.Purged
            is CoreChange.Deleted -> NodeChange.Deleted
        }
    return Jid.parseOrNull(service)?.let { NodeEvent(it, node, change) }
}

private fun CoreItem.toItem(): NodeItem = NodeItem(id, payload?.let(Element::received))
