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

/** Those of a scenario's waits that an app can set. */
internal data class Waits(val base: Duration, val cap: Duration, val probe: Duration)

/** One app of a scenario: a client, the file that outlives it, and what it has told. */
internal class ScenarioApp(
    private val server: TestServer,
    val user: String,
    private val transport: Transport,
    private val waits: Waits,
) : AutoCloseable {
    private val folder = Files.createTempDirectory("snapback-$user").toFile()
    private val scope = CoroutineScope(Job() + Dispatchers.Default)
    private val told = MutableStateFlow(Told())
    private var running: SnapbackClient? = null
    private var collecting: Job? = null
    private var seen = 0

    /** Ids of what it sent. */
    val sent = mutableListOf<String>()

    val client: SnapbackClient get() = checkNotNull(running) { "the app is not running" }

    /** What the client has told. The same delivery may be told again by a new process. */
    private data class Told(
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

    /** The client of before lets go of its file soon, but not at once. */
    private suspend fun open(): SnapbackClient =
        withTimeout(PATIENCE) {
            while (true) {
                try {
                    return@withTimeout SnapbackClient.open("$user@localhost", server.passwords["$user@localhost"]) {
                        server("127.0.0.1", port, transport)
                        danger { trustOnlyTheseRoots(server.authority) }
                        storage = Storage.InFileWithKeys(folder.resolve("account.db"), folder.resolve("keys"))
                        patience {
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

    /** Without a word: the server is not told, and what was told to nobody is forgotten. */
    suspend fun kill() {
        client.close()
        collecting?.cancelAndJoin()
        running = null
        seen = told.value.sessions.size
    }

    suspend fun send() {
        sent += client.send(ROMEO, "$user ${sent.size + 1}").id
    }

    /** The next session since the last time that one was asked for. */
    suspend fun nextSession(within: Duration): Event.Online {
        val sessions = withTimeout(within) { told.first { it.sessions.size > seen } }.sessions
        return sessions[seen++]
    }

    suspend fun awaitOffline(within: Duration) {
        withTimeout(within) { client.state.first { it is ConnectionState.Offline } }
    }

    /** Until everything sent is acknowledged and, but for [lost], everything sent to it is there. */
    suspend fun awaitSettled(
        sentToIt: List<String>,
        lost: Int,
        within: Duration,
    ) {
        withTimeout(within) {
            told.first { told -> told.acked.containsAll(sent) && sentToIt.count(told.deliveries::containsValue) + lost >= sentToIt.size }
        }
    }

    /** Stanza ids of all that reached the app, each delivery once. */
    fun received(): List<String> = told.value.deliveries.values.toList()

    private fun take(event: Event) {
        val before = told.value
        told.value =
            when (event) {
                is Event.Online -> before.copy(sessions = before.sessions + event)
                is Event.Message -> before.copy(deliveries = before.deliveries + (event.deliveryId to event.message.id.orEmpty()))
                is Event.StageReached -> if (event.stage is Stage.Acked) before.copy(acked = before.acked + event.id) else before
                else -> before
            }
        if (event is Event.Delivery) event.confirm()
    }

    override fun toString(): String = "$user: ${sent.size} sent, ${running?.state?.value}, ${told.value}"

    override fun close() {
        running?.close()
        scope.cancel()
        folder.deleteRecursively()
    }
}
