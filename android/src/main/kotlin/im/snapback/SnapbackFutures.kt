package im.snapback

import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.function.Consumer
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.future.future
import kotlinx.coroutines.launch

/**
 * The calls of a client for Java: each returns a future, which fails with the [SnapbackException] that the Kotlin function throws, or
 * with a [java.util.concurrent.CancellationException] once the client is closed. Cancelling a future ends the waiting.
 *
 * ```java
 * SnapbackFutures.open("juliet@example.org", password, configuration -> {})
 *     .thenCompose(client -> {
 *         SnapbackFutures futures = new SnapbackFutures(client);
 *         futures.listen(executor, event -> { .. });
 *         client.connect();
 *         return futures.send(Jid.parse("romeo@example.net"), "Wherefore art thou?");
 *     });
 * ```
 *
 * What a client does without waiting, such as [SnapbackClient.connect], is called on the client.
 */
public class SnapbackFutures(
    /** The client. */
    public val client: SnapbackClient,
) {
    /** Sends a chat message; see [SnapbackClient.send]. Completes when the message is stored. */
    public fun send(
        to: Jid,
        body: String,
    ): CompletableFuture<SentStanza> = future { client.send(to, body) }

    /** Sends a message as the builder describes it. */
    public fun send(
        to: Jid,
        build: Consumer<MessageBuilder>,
    ): CompletableFuture<SentStanza> = future { client.send(to) { build.accept(this) } }

    /** Completes when the server has acknowledged the stanza; see [SentStanza.awaitAcked]. */
    public fun awaitAcked(stanza: SentStanza): CompletableFuture<Unit> = future { stanza.awaitAcked() }

    /** Sends presence to all contacts; see [SnapbackClient.sendPresence]. */
    @JvmOverloads
    public fun sendPresence(
        show: String? = null,
        status: String? = null,
    ): CompletableFuture<SentStanza> = future { client.sendPresence(show = show, status = status) }

    /** Sends an IQ request of type `get` and waits for its answer; see [SnapbackClient.iq]. */
    @JvmOverloads
    public fun iqGet(
        payload: Element,
        to: Jid? = null,
    ): CompletableFuture<IqAnswer> = future { client.iq(IqType.GET, payload, to) }

    /** Sends an IQ request of type `set` and waits for its answer; see [SnapbackClient.iq]. */
    @JvmOverloads
    public fun iqSet(
        payload: Element,
        to: Jid? = null,
    ): CompletableFuture<IqAnswer> = future { client.iq(IqType.SET, payload, to) }

    /** Returns the stored roster; see [SnapbackClient.roster]. */
    public fun roster(): CompletableFuture<Roster> = future { client.roster() }

    /** Returns a page of history; see [SnapbackClient.history]. */
    @JvmOverloads
    public fun history(
        with: Jid? = null,
        before: String? = null,
        limit: Int = 50,
    ): CompletableFuture<HistoryPage> = future { client.history(with, before, limit) }

    /** Joins a room; see [Rooms.join]. */
    public fun join(
        room: Jid,
        nick: String,
    ): CompletableFuture<Room> = future { client.rooms.join(room, nick) }

    /** Suspends the client; see [SnapbackClient.pause]. */
    public fun pause(): CompletableFuture<Unit> = future { client.pause() }

    /** Ends the session; see [SnapbackClient.disconnect]. */
    public fun disconnect(): CompletableFuture<Unit> = future { client.disconnect() }

    /** Logs the user out; see [SnapbackClient.logOut]. */
    public fun logOut(): CompletableFuture<Unit> = future { client.logOut() }

    /**
     * Calls the [listener] with each event, one after the other, on the [executor], until the returned object is closed. The next event
     * waits until the listener returns. A listener that throws ends the listening.
     */
    public fun listen(
        executor: Executor,
        listener: Consumer<Event>,
    ): AutoCloseable {
        val job = client.pumpScope.launch(executor.asCoroutineDispatcher()) { client.events.collect(listener::accept) }
        return AutoCloseable { job.cancel() }
    }

    private fun <T> future(call: suspend () -> T): CompletableFuture<T> = client.pumpScope.future { call() }

    public companion object {
        /** Opens a client; see [SnapbackClient.open]. On Android, use `SnapbackAndroid.openAsync`. */
        @JvmStatic
        public fun open(
            account: String,
            password: String?,
            configure: Consumer<Configuration>,
        ): CompletableFuture<SnapbackClient> = opened { SnapbackClient.open(account, password) { configure.accept(this) } }

        internal fun opened(call: suspend () -> SnapbackClient): CompletableFuture<SnapbackClient> =
            CoroutineScope(Dispatchers.Default).future { call() }
    }
}
