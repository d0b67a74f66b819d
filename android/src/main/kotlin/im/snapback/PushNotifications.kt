package im.snapback

import im.snapback.ffi.PushException

/**
 * The push notifications of an account (XEP-0357), from [SnapbackClient.push]: where the server publishes them while this client is
 * away. Snapback repeats the request in each new session; the app states what it wants, and Snapback stores it.
 *
 * ```
 * client.push.enable(Jid.parse("push.example.org"), node = tokenOfYourPushService)
 * ```
 */
public class PushNotifications internal constructor(
    private val calls: Calls,
) {
    /**
     * Enables push notifications: the server is asked to publish them at [node] of [service], now and in the first flight of each
     * new session, until [disable] or [SnapbackClient.logOut]. Returns once that is stored, connected or not. Another service or
     * node replaces the one of before, which is disabled; the same again costs nothing. So call this at each start of the app, and
     * whenever the push network assigns another token.
     *
     * [Event.PushEnabled] and [Event.PushRefused] say what the server answers, in each new session.
     *
     * @param service the address of the app's push service, which passes notifications on to FCM or another push network.
     * @param node the node of this installation at the push service; `null` if the push service has none.
     * @param options what the push service demands with each notification, such as `secret` (XEP-0357 section 5), by the names of
     *   the fields. Together with [service] and [node], at most 4096 bytes.
     * @throws SnapbackException.TooBig if they are longer.
     * @throws SnapbackException.Storage if the store cannot be written.
     */
    @JvmOverloads
    public suspend fun enable(
        service: Jid,
        node: String? = null,
        options: Map<String, String> = emptyMap(),
    ): Unit = calls.call { enablePush(service.toString(), node, options) }

    /**
     * Disables push notifications: the server is told now or, without a connection, at the beginning of the next one. Returns once
     * that is stored.
     *
     * @throws SnapbackException.Storage if the store cannot be written.
     */
    public suspend fun disable(): Unit = calls.call { disablePush() }
}

internal fun PushException.toSnapbackException(): SnapbackException =
    when (this) {
        is PushException.InvalidAddress -> SnapbackException.InvalidJid(problem)
        is PushException.TooBig -> SnapbackException.TooBig(size.toLong(), limit.toLong())
        is PushException.Storage -> SnapbackException.Storage(problem)
        is PushException.Closed -> SnapbackException.Closed()
        is PushException.Internal -> SnapbackException.Internal()
    }
