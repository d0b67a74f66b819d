package im.snapback

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The ends of calls, clients and processes. */
class LifeTest {
    @Test
    fun `the process after a kill resumes in three flights and repeats unconfirmed deliveries`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                val java = File(System.getProperty("java.home"), "bin/java").path
                val settings = listOf("jna.library.path").map { "-D$it=${System.getProperty(it)}" }
                val command = listOf(java, "-cp", System.getProperty("java.class.path")) + settings + "im.snapback.KilledKt"
                val authority = File(folder, "ca.pem").apply { writeText(server.authority) }
                val child =
                    ProcessBuilder(command + listOf(folder.path, "${server.directPort}", authority.path))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start()
                val said = child.inputStream.bufferedReader()
                assertEquals("online", said.readLine())
                server.tell("message", "body" to "keep this")
                val delivered = said.readLine()
                child.destroyForcibly().waitFor(60, TimeUnit.SECONDS)

                openInFile(server, folder).use { client ->
                    val again = client.next<Event.Message>()
                    assertEquals(delivered, again.deliveryId)
                    assertEquals("keep this", again.message.body)
                    client.connect()
                    val online = client.next<Event.Online>()
                    assertEquals(SessionOutcome.RESUMED, online.outcome)
                    assertEquals(3, online.timeline.roundTrips)
                    val after = client.send(ROMEO, "and after it")
                    client.next<Event.StageReached> { it.id == after.id && it.stage is Stage.Acked }
                    assertEquals(listOf("written before the kill", "and after it"), server.received())
                }
            }
        }

    @Test
    fun `every call can be cancelled at any moment, and the client continues`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    val calls: List<suspend () -> Unit> =
                        listOf(
                            { client.send(ROMEO, "cancelled").awaitAcked() },
                            { client.sendPresence(status = "cancelled") },
                            { client.iq(IqType.GET, "<ping xmlns='urn:xmpp:ping'/>") },
                            { client.roster() },
                            { client.drain(1.minutes) },
                            { client.pause() },
                            { client.disconnect() },
                            { client.events.collect() },
                            { client.events.first() },
                            { open(server).close() },
                        )
                    for (call in calls) {
                        for (steps in listOf(0, 1, 2, 5, 20)) {
                            coroutineScope {
                                val job = launch { runCatching { call() } }
                                repeat(steps) { yield() }
                                job.cancelAndJoin()
                            }
                        }
                        client.resume()
                        client.connect()
                    }
                    val collecting = coroutineScope { async { client.state.first { it is ConnectionState.Online } } }
                    withTimeout(TIMEOUT) { collecting.await() }
                    val last = client.send(ROMEO, "the last")
                    client.next<Event.StageReached> { it.id == last.id && it.stage is Stage.Acked }
                    assertTrue("the last" in server.received())
                    client.roster()
                }
            }
        }

    @Test
    fun `suspended calls end when the client is closed, and a second close does nothing`() =
        real {
            TestServer().use { server ->
                val client = open(server)
                coroutineScope {
                    val events = async { client.events.toList() }
                    val iq = async { runCatching { client.iq(IqType.GET, "<ping xmlns='urn:xmpp:ping'/>") } }
                    val drain = async { runCatching { client.drain(1.minutes) } }
                    val acked = async { runCatching { client.send(ROMEO, "later").awaitAcked() } }
                    server.tell("down")
                    client.close()
                    client.close()
                    withTimeout(TIMEOUT) {
                        events.await()
                        for (waiting in listOf(iq, drain, acked)) {
                            val error = waiting.await().exceptionOrNull()
                            // A call may succeed before the close; none may hang or fail in another way.
                            assertTrue(error == null || error is SnapbackException.Closed, "$error")
                        }
                    }
                }
                assertEquals(ConnectionState.Offline(OfflineReason.NOT_WANTED, null), client.state.first { it is ConnectionState.Offline })
                assertThrows(SnapbackException.Closed::class.java) { real { client.roster() } }
                assertThrows(SnapbackException.Closed::class.java) { real { client.send(ROMEO, "too late") } }
                client.connect()
                client.setForeground(true)
                client.shutdown()
            }
        }

    @Test
    fun `closed clients leave no threads, files or memory`() =
        real {
            val cycles = System.getProperty("snapback.test.cycles").toInt()
            val warm = maxOf(cycles / 5, 10)
            TestServer().use { server ->
                repeat(warm) { cycle(server) }
                val before = Held.now()
                repeat(cycles) { cycle(server) }
                val after = Held.now()
                println("$cycles cycles: $before, then $after")
                assertTrue(after.threads <= before.threads + 3, "threads: $before, then $after")
                assertTrue(after.files <= before.files + 5, "files: $before, then $after")
                assertTrue(after.heap - before.heap < MAX_LEFT * cycles, "heap: $before, then $after")
                assertTrue(after.native - before.native < MAX_LEFT_NATIVE * cycles, "native memory: $before, then $after")
            }
        }

    @Test
    fun `a paused client that a push wakes is paused again`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    client.setForeground(false)
                    client.pause()
                    assertThrows(SnapbackException.Storage::class.java) { real { client.roster() } }
                    // The file is closed now.
                    openInFile(server, folder).shutdown()
                    server.tell("message", "body" to "wake up")
                    coroutineScope {
                        val got = async(Dispatchers.Default) { client.next<Event.Message>() }
                        val collecting = async { got.await(); client.events.collect { (it as? Event.Delivery)?.confirm() } }
                        assertEquals(DrainOutcome.Complete, client.drain(60.seconds).outcome)
                        assertEquals("wake up", got.await().message.body)
                        collecting.cancelAndJoin()
                    }
                    assertEquals(OfflineReason.SUSPENDED, (client.state.first { it is ConnectionState.Offline } as ConnectionState.Offline).reason)
                }
            }
        }

    @Test
    fun `a background sync establishes no new session, and connecting after it does`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { client ->
                    // No session to resume: the network is not used.
                    assertEquals(DrainOutcome.Offline(OfflineReason.NO_SESSION), client.drain(60.seconds).outcome)
                    assertEquals(0, server.connections())
                    val early = client.next<Event.Ended>()
                    assertEquals(EndReason.NoSession(NoSessionProblem.NOT_STORED), early.reason)
                    client.connect()
                    client.next<Event.Online>()
                    client.pause()
                    server.tell("forget_sessions")
                    assertEquals(DrainOutcome.Offline(OfflineReason.NO_SESSION), client.drain(60.seconds).outcome)
                    val forgotten = client.next<Event.Ended> { it.reason is EndReason.NoSession }
                    assertEquals(EndReason.NoSession(NoSessionProblem.FORGOTTEN), forgotten.reason)
                    client.connect()
                    assertEquals(SessionOutcome.BOUND, client.next<Event.Online>().outcome)
                }
            }
        }

    @Test
    fun `a background sync that may bind replaces a lost session, and connecting completes it`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { client ->
                    client.connect()
                    // Before that the place in the archive may be unknown, and the next session would report a gap.
                    client.next<Event.CaughtUp>()
                    client.pause()
                    server.tell("forget_sessions")
                    server.tell("message", "body" to "wake up")
                    coroutineScope {
                        val got = async(Dispatchers.Default) { client.next<Event.Message>() }
                        val collecting = async { got.await(); client.events.collect { (it as? Event.Delivery)?.confirm() } }
                        val report = client.drain(60.seconds, mayBind = true)
                        assertEquals(DrainReport(DrainOutcome.Complete, 1, false, SessionOutcome.UNANNOUNCED), report)
                        assertEquals("wake up", got.await().message.body)
                        collecting.cancelAndJoin()
                    }
                    client.connect()
                    client.state.first { it is ConnectionState.Online && it.outcome == SessionOutcome.BOUND }
                }
            }
        }

    @Test
    fun `a background sync does not pause an app that is in use`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { client ->
                    coroutineScope {
                        val collecting = async(Dispatchers.Default) { client.events.collect { (it as? Event.Delivery)?.confirm() } }
                        client.connect()
                        client.state.first { it is ConnectionState.Online }
                        assertEquals(DrainOutcome.Complete, client.drain(60.seconds).outcome)
                        assertTrue(client.state.value is ConnectionState.Online)
                        client.setForeground(false)
                        client.pause()
                        client.state.first { it is ConnectionState.Offline }
                        // Two pushes, and the user opens the app through the first notification.
                        server.tell("down", "mode" to "blackhole")
                        val pushes = List(2) { async { client.drain(60.seconds) } }
                        client.state.first { it is ConnectionState.Connecting }
                        client.setForeground(true)
                        server.tell("up")
                        client.networkChanged(NetworkState(available = true, nameServers = emptyList()))
                        pushes.forEach { assertEquals(DrainOutcome.Complete, it.await().outcome) }
                        assertTrue(client.state.value is ConnectionState.Online)
                        collecting.cancelAndJoin()
                    }
                }
            }
        }

    @Test
    fun `a cancelled background sync keeps nothing open`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    client.pause()
                    server.tell("down", "mode" to "blackhole")
                    coroutineScope {
                        val push = async { client.drain(1.hours) }
                        client.state.first { it is ConnectionState.Connecting }
                        push.cancelAndJoin()
                    }
                    openInFile(server, folder).shutdown()
                }
            }
        }

    private fun TestServer.connections(): Int = tell("stats")["stats"].asJsonObject["connections"].asJsonArray.size()

    private companion object {
        /** In bytes for each cycle; a leaked client has many times that. */
        const val MAX_LEFT = 4096L

        /** The same for memory outside of the heap. */
        const val MAX_LEFT_NATIVE = 2048L
    }

    private suspend fun cycle(server: TestServer) {
        open(server).use { client ->
            client.connect()
            withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Online } }
            // Closes the stream, so that the server does not keep hundreds of sessions.
            client.disconnect()
        }
    }
}

internal suspend fun openInFile(
    server: TestServer,
    folder: File,
): SnapbackClient =
    open(server) { storage = Storage.InFileWithKeys(File(folder, "account.db"), File(folder, "keys")) }

