package im.snapback

import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.ConcurrentLinkedQueue

/** Events are neither lost nor doubled, whoever collects them and however that ends. */
class EventsTest {
    @Test
    fun `an operator that has enough has taken what it has`() =
        runTest {
            val queue = EventQueue<Int>(10)
            queue.put(listOf(1, 2, 3, 4, 5))
            assertEquals(listOf(1, 2), queue.events.take(2).toList())
            assertEquals(3, queue.events.first())
            queue.end()
            assertEquals(listOf(4, 5), queue.events.toList())
        }

    @Test
    fun `a collector that is cancelled or throws has not taken what it was at`() =
        runTest {
            val queue = EventQueue<Int>(10)
            queue.put(listOf(1, 2, 3))
            val collector = launch { queue.events.collect { if (it == 2) kotlinx.coroutines.awaitCancellation() } }
            testScheduler.runCurrent()
            collector.cancelAndJoin()
            val error = runCatching { queue.events.collect { if (it == 3) error("bad handler") } }
            assertEquals("bad handler", error.exceptionOrNull()?.message)
            assertEquals(3, queue.events.first())
        }

    @Test
    fun `one collector at a time, and those who put wait`() =
        runTest {
            val queue = EventQueue<Int>(2)
            val putting =
                async {
                    queue.put(listOf(1, 2, 3))
                    queue.put(listOf(4))
                    queue.end()
                }
            testScheduler.runCurrent()
            assertFalse(putting.isCompleted)
            val collector = launch { queue.events.collect { kotlinx.coroutines.awaitCancellation() } }
            testScheduler.runCurrent()
            val second = runCatching { queue.events.first() }.exceptionOrNull()
            assertEquals("events are collected elsewhere", second?.message)
            collector.cancelAndJoin()
            assertEquals(listOf(1, 2, 3, 4), queue.events.toList())
            putting.await()
        }

    @Test
    fun `back-pressure - many more messages than wait in Kotlin, through a slow and fickle collector, each once and in order`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    // Many times what waits in Kotlin; the server gives up on who leaves 500 open.
                    repeat(TOTAL / BATCH) {
                        withTimeout(PATIENCE) { while (server.unacknowledged() > BATCH) delay(10) }
                        server.tell("message", "count" to BATCH)
                    }
                    val ids = mutableListOf<String>()
                    while (ids.size < TOTAL) {
                        coroutineScope {
                            val collector =
                                launch {
                                    client.events.collect { event ->
                                        if (event is Event.Message) {
                                            ids += event.message.id.orEmpty()
                                            event.confirm()
                                            if (ids.size == TOTAL || ids.size % 150 == 0) throw kotlinx.coroutines.CancellationException("enough")
                                        }
                                    }
                                }
                            collector.join()
                        }
                        // What the collector was at when it ended comes again, under the same id.
                        if (ids.size < TOTAL) {
                            val again = client.events.first { it is Event.Message } as Event.Message
                            if (again.message.id != ids.last()) ids += again.message.id.orEmpty()
                            again.confirm()
                        }
                    }
                    assertEquals(TOTAL, ids.size)
                    assertEquals(TOTAL, ids.toSet().size)
                }
            }
        }

    private fun TestServer.unacknowledged(): Int =
        tell("stats")["stats"].asJsonObject["sessions"].asJsonArray.sumOf { session ->
            session.asJsonObject.let { if (it["jid"].asString.startsWith("juliet")) it["unacked"].asInt else 0 }
        }

    @Test
    fun `the log holds words of ours and nothing of theirs`() =
        real {
            val records = ConcurrentLinkedQueue<LogRecord>()
            Snapback.log(records::add)
            try {
                TestServer().use { server ->
                    open(server).use { client ->
                        client.connect()
                        client.next<Event.Online>()
                        client.send(ROMEO, "planted-body")
                        server.tell("message", "body" to "planted-answer")
                        client.next<Event.Message>()
                        server.tell("cut")
                        client.next<Event.Online>()
                    }
                }
            } finally {
                Snapback.log(null)
            }
            val text = records.joinToString("\n")
            assertTrue(records.any { it.name == "online" && it.fields["outcome"] == "Resumed" }, text)
            assertTrue(records.any { it.name == "ended" }, text)
            for (secret in listOf("planted", PASSWORD, "juliet", "romeo")) assertFalse(secret in text, text)
        }

    private companion object {
        const val BATCH = 200
        const val TOTAL = 800
    }
}
