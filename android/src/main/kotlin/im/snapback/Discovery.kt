package im.snapback

/** What other entities support (XEP-0030, XEP-0115), from [SnapbackClient.discovery]. */
public class Discovery internal constructor(private val client: SnapbackClient) {
    /** Returns the identities and features of an entity, or of a node of it. */
    public suspend fun info(
        of: Jid,
        node: String? = null,
    ): DiscoInfo = client.calls.call { discoInfo(of.toString(), node) }

    /** Returns the items of an entity, such as the services of a server. */
    public suspend fun items(
        of: Jid,
        node: String? = null,
    ): List<DiscoItem> =
        client.calls.call { discoItems(of.toString(), node) }.mapNotNull { item ->
            Jid.parseOrNull(item.jid)?.let { DiscoItem(it, item.node, item.name) }
        }

    /**
     * Returns what the client supports that sent this presence, with its hash verified; `null` if the presence shows no hash.
     * Keep the valid ones by [CapsInfo.ver], and ask once for each.
     */
    public suspend fun caps(presence: ReceivedPresence): CapsInfo? = client.calls.call { discoCaps(presence.xml) }
}

/** What an entity supports. */
public typealias DiscoInfo = im.snapback.ffi.DiscoInfo

/** What an entity is. */
public typealias DiscoIdentity = im.snapback.ffi.DiscoIdentity

/** What a client supports whose presence shows caps. */
public typealias CapsInfo = im.snapback.ffi.CapsInfo

/** An item of an entity, such as a service of a server. */
public data class DiscoItem(
    /** Its address. */
    val jid: Jid,
    /** Which part of that address it is. */
    val node: String?,
    /** Its name, for people. */
    val name: String?,
)
