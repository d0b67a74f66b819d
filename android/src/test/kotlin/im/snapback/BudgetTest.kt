package im.snapback

import im.snapback.ffi.CoreClient
import im.snapback.ffi.CoreCredentials
import im.snapback.ffi.IqRequest
import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.TimeSource
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import im.snapback.ffi.Event as CoreEvent

/**
 * Budgets of the Kotlin binding. Each value is measured several times, and the best one counts: a busy machine makes single
 * values worse and never better. The core under test is a debug build, which also reads each message's typed content.
 */
class BudgetTest {
    @Test
    fun `an event reaches Kotlin in less than 100 microseconds`() =
        real {
            TestServer().use { server ->
                val core = CoreClient.openWith(Configuration().apply { on(server) }.toCore(JULIET), CoreCredentials.password(PASSWORD), null)
                core.connect()
                while (core.nextEvents(64u).none { it is CoreEvent.Online }) Unit
                val times = mutableListOf<Duration>()
                while (times.size < ROUNDS && times.none { it < 100.microseconds }) times += crossing(server, core)
                core.end()
                core.destroy()
                println("an event crosses in ${times.joinToString()}")
                assertTrue(times.min() < 100.microseconds, "$times")
            }
        }

    /** Returns the time that an event takes, of [MESSAGES] that wait in the core. */
    private suspend fun crossing(
        server: TestServer,
        core: CoreClient,
    ): Duration {
        server.tell("message", "count" to MESSAGES)
        // The answer arrives after the messages, so that all of them now wait in the core.
        core.iq(IqRequest(IqType.GET, null, "<ping xmlns='urn:xmpp:ping'/>", 60_000u))
        val events = mutableListOf<CoreEvent>()
        val start = TimeSource.Monotonic.markNow()
        while (events.count { it is CoreEvent.Message } < MESSAGES) events += core.nextEvents(64u)
        val time = start.elapsedNow() / events.size
        events.forEach { if (it is CoreEvent.Message) core.confirm(it.deliveryId) }
        return time
    }

    @Test
    fun `the first byte is on the wire within 50 milliseconds of a cold start`(@TempDir folder: File) =
        real {
            ServerSocket(0, 50, InetAddress.getLoopbackAddress()).use { socket ->
                val authority = TestServer().use { it.authority }
                // The first runs load the classes.
                val times = mutableListOf<Duration>()
                while (times.size < ROUNDS && times.none { it < 50.milliseconds }) {
                    times += coldStart(socket, authority, File(folder, "${times.size}.db"), File(folder, "keys"))
                }
                println("first byte after ${times.joinToString()}")
                assertTrue(times.min() < 50.milliseconds, "$times")
            }
        }

    /** Returns the time from opening a client with a new file until the server reads the first byte. */
    private suspend fun coldStart(
        socket: ServerSocket,
        authority: String,
        file: File,
        keys: File,
    ): Duration {
        val start = TimeSource.Monotonic.markNow()
        val client =
            SnapbackClient.open(JULIET, PASSWORD) {
                server("127.0.0.1", socket.localPort)
                danger { trustOnlyTheseRoots(authority) }
                storage = Storage.InFileWithKeys(file, keys)
            }
        client.use {
            client.connect()
            return socket.accept().use { connection ->
                assertEquals(TLS_HANDSHAKE, connection.getInputStream().read())
                start.elapsedNow()
            }
        }
    }

    @Test
    fun `an idle client has three threads at most, and a second client has none of its own`(@TempDir folder: File) =
        real {
            TestServer("--guests", "1").use { server ->
                openInFile(server, folder).use { first ->
                    val second =
                        SnapbackClient.open("guest1@localhost", server.passwords["guest1@localhost"]) {
                            on(server)
                            storage = Storage.InFileWithKeys(File(folder, "guest.db"), File(folder, "keys"))
                        }
                    second.use {
                        for (client in listOf(first, second)) {
                            client.connect()
                            withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Online } }
                        }
                        // The threads for blocking work end after they were idle for a time.
                        withTimeout(TIMEOUT) { while (coreThreads().size > 3) delay(100) }
                        println("idle, with two clients: ${coreThreads()}")
                        assertTrue(coreThreads().isNotEmpty())
                    }
                }
            }
        }

    /** The core's threads, which all have its name. */
    private fun coreThreads(): List<String> =
        File("/proc/self/task").listFiles().orEmpty()
            .mapNotNull { task -> runCatching { File(task, "comm").readText().trim() }.getOrNull() }
            .filter { it.startsWith("snapback") }

    private companion object {
        /** A busy machine needs more of them. */
        const val ROUNDS = 60
        const val MESSAGES = 150

        /** The first byte of a TLS record of the type handshake (RFC 8446 section 5.1). */
        const val TLS_HANDSHAKE = 22
    }
}
