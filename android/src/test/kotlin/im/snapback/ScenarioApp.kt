package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.nio.file.Files
import kotlin.time.Duration

/** The delays of a scenario that the API can set. */
internal data class Waits(val base: Duration, val cap: Duration, val probe: Duration)

/** One app of a scenario: its file, its current client, and what the clients have reported. */
internal class ScenarioApp(
    private val server: TestServer,
    val user: String,
    private val transport: Transport,
    private val waits: Waits,
) : AutoCloseable {
    private val folder = Files.createTempDirectory("snapback-$user").toFile()
    private val scope = CoroutineScope(Job() + Dispatchers.Default)
    private val reported = MutableStateFlow(Reported())
    private var running: SnapbackClient? = null
    private var collecting: Job? = null
    private var seen = 0

    /** The ids of the messages that it sent. */
    val sent = mutableListOf<String>()

    val client: SnapbackClient get() = checkNotNull(running) { "the app is not running" }

    /** What the clients have reported. A new process may report the same delivery again. */
    private data class Reported(
        val acked: Set<String> = emptySet(),
        val deliveries: Map<String, String> = emptyMap(),
        val sessions: List<Event.Online> = emptyList(),
    )

    suspend fun start() {
        check(running == null) { "the app runs already" }
        val client = open()
        running = client
        collecting = scope.launch { client.events.collect(::take) }
    }

    /** Opens the client. The previous client closes the file soon, but not at once, so that this is repeated until it has. */
    private suspend fun open(): SnapbackClient =
        withTimeout(TIMEOUT) {
            while (true) {
                try {
                    return@withTimeout SnapbackClient.open("$user@localhost", server.passwords["$user@localhost"]) {
                        server("127.0.0.1", port, transport)
                        danger { trustOnlyTheseRoots(server.authority) }
                        storage = Storage.InFileWithKeys(folder.resolve("account.db"), folder.resolve("keys"))
                        timeouts {
                            probe = waits.probe
                            backoff = waits.base
                            backoffCap = waits.cap
                        }
                    }
                } catch (error: SnapbackException.Storage) {
                    if (error.problem != StorageProblem.OWNED_ELSEWHERE) throw error
                    delay(10)
                }
            }
            error("unreachable")
        }

    private val port: Int get() = if (transport == Transport.DIRECT_TLS) server.directPort else server.startTlsPort

    /** Ends the client without closing the stream. Sessions that no step has asked for are forgotten. */
    suspend fun kill() {
        client.close()
        collecting?.cancelAndJoin()
        running = null
        seen = reported.value.sessions.size
    }

    suspend fun send() {
        sent += client.send(ROMEO, "$user ${sent.size + 1}").id
    }

    /** Waits for the first session after the one that this returned last. */
    suspend fun nextSession(within: Duration): Event.Online {
        val sessions = withTimeout(within) { reported.first { it.sessions.size > seen } }.sessions
        return sessions[seen++]
    }

    suspend fun awaitOffline(within: Duration) {
        withTimeout(within) { client.state.first { it is ConnectionState.Offline } }
    }

    /**
     * Waits until everything that it sent is acknowledged, and everything sent to it has arrived, except for [lost] messages.
     */
    suspend fun awaitSettled(
        sentToIt: List<String>,
        lost: Int,
        within: Duration,
    ) {
        withTimeout(within) {
            reported.first { reported -> reported.acked.containsAll(sent) && sentToIt.count(reported.deliveries::containsValue) + lost >= sentToIt.size }
        }
    }

    /** Returns the stanza ids of all messages that reached the app, each delivery once. */
    fun received(): List<String> = reported.value.deliveries.values.toList()

    private fun take(event: Event) {
        val before = reported.value
        reported.value =
            when (event) {
                is Event.Online -> before.copy(sessions = before.sessions + event)
                is Event.Message -> before.copy(deliveries = before.deliveries + (event.deliveryId to event.message.id.orEmpty()))
                is Event.StageReached -> if (event.stage is Stage.Acked) before.copy(acked = before.acked + event.id) else before
                else -> before
            }
        if (event is Event.Delivery) event.confirm()
    }

    override fun toString(): String = "$user: ${sent.size} sent, ${running?.state?.value}, ${reported.value}"

    override fun close() {
        running?.close()
        scope.cancel()
        folder.deleteRecursively()
    }
}
