package im.snapback

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
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
import im.snapback.ffi.Event as CoreEvent
import im.snapback.ffi.Jid as CoreJid
import im.snapback.ffi.Stanza as CoreStanza
import im.snapback.ffi.StanzaAddress as CoreAddress

/** No event is lost or duplicated, however the collection ends. */
class EventsTest {
    @Test
    fun `an operator that ends the flow has collected the events that it received`() =
        runTest {
            val queue = EventQueue<Int>(10)
            queue.put(listOf(1, 2, 3, 4, 5))
            assertEquals(listOf(1, 2), queue.events.take(2).toList())
            assertEquals(3, queue.events.first())
            queue.end()
            assertEquals(listOf(4, 5), queue.events.toList())
        }

    @Test
    fun `an event whose collector is cancelled or throws is delivered again`() =
        runTest {
            val queue = EventQueue<Int>(10)
            queue.put(listOf(1, 2, 3))
            val collector = launch { queue.events.collect { if (it == 2) awaitCancellation() } }
            testScheduler.runCurrent()
            collector.cancelAndJoin()
            val error = runCatching { queue.events.collect { if (it == 3) error("bad handler") } }
            assertEquals("bad handler", error.exceptionOrNull()?.message)
            assertEquals(3, queue.events.first())
        }

    @Test
    fun `w4 an address that is not a JID does not stand for the user's own account`() {
        fun from(address: CoreAddress): StanzaAddress {
            val stanza =
                CoreStanza(
                    from = address,
                    to = CoreAddress.Absent,
                    id = null,
                    kind = null,
                    body = "x",
                    subject = null,
                    thread = null,
                    show = null,
                    status = null,
                    delayedAtMs = null,
                    originId = null,
                    xml = "<message/>",
                )
            val event = CoreEvent.Presence("d", stanza).toEvent {}
            return (event as Event.Presence).presence.from
        }
        assertEquals(StanzaAddress.Absent, from(CoreAddress.Absent))
        val romeo = from(CoreAddress.Named(CoreJid("romeo", "example.net", "orchard")))
        assertEquals(StanzaAddress.Named(Jid.parse("Romeo@example.net/orchard")), romeo)
        assertEquals("romeo@example.net", romeo.jid?.bare.toString())
        val strange = from(CoreAddress.Unreadable("a b@example.net"))
        assertEquals(StanzaAddress.Unreadable("a b@example.net"), strange)
        assertFalse(strange == StanzaAddress.Absent)
        assertEquals("a b@example.net", "$strange")
    }

    @Test
    fun `a second collector is refused, and put suspends while the queue is full`() =
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
            val collector = launch { queue.events.collect { awaitCancellation() } }
            testScheduler.runCurrent()
            val second = runCatching { queue.events.first() }.exceptionOrNull()
            assertEquals("events are collected elsewhere", second?.message)
            collector.cancelAndJoin()
            assertEquals(listOf(1, 2, 3, 4), queue.events.toList())
            putting.await()
        }

    @Test
    fun `the end resumes suspended calls, and queued events can still be collected`() =
        runTest {
            val queue = EventQueue<Int>(2)
            val putting = launch { queue.put(listOf(1, 2, 3)) }
            val emptied = launch { queue.awaitEmpty() }
            testScheduler.runCurrent()
            assertFalse(putting.isCompleted || emptied.isCompleted)
            queue.end()
            putting.join()
            emptied.join()
            queue.put(listOf(4))
            assertEquals(listOf(1, 2, 3), queue.events.toList())
        }

    @Test
    fun `the capacity is larger only while a caller waits for what follows uncollected events`() =
        runTest {
            val queue = EventQueue<Int>(2, 4)
            val putting = launch { listOf(1, 2, 3, 4).forEach { queue.put(listOf(it)) } }
            testScheduler.runCurrent()
            assertEquals(2, queue.size)
            val holder = launch { queue.widened { awaitCancellation() } }
            testScheduler.runCurrent()
            assertEquals(4, queue.size)
            holder.cancelAndJoin()
            assertFalse(putting.isCompleted)
            assertEquals(listOf(1, 2, 3), queue.events.take(3).toList())
            putting.join()
        }

    @Test
    fun `an acknowledgement arrives while the events are not collected`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Online } }
                    // More than the queue in Kotlin usually holds.
                    server.tell("message", "count" to 200)
                    withTimeout(TIMEOUT) { client.send(ROMEO, "after them").awaitAcked() }
                    assertEquals(listOf("after them"), server.received())
                    assertTrue(client.queue.size > SnapbackClient.EVENTS_HELD)
                }
            }
        }

    @Test
    fun `back-pressure - a slow collector that is often cancelled receives each event once and in order`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    val sent = (1..SENT).map { client.send(ROMEO, "$it").id }
                    val expected = server.tell("message", "count" to MESSAGES)["ids"].asJsonArray.map { it.asString }
                    val received = mutableListOf<String>()
                    val acked = mutableListOf<String>()

                    fun isComplete() = received.size == MESSAGES && acked.size == SENT

                    fun take(event: Event) {
                        if (event is Event.Message) received += event.message.id.orEmpty()
                        if (event is Event.StageReached && event.stage is Stage.Acked) acked += event.id
                        if (event is Event.Delivery) event.confirm()
                    }
                    while (!isComplete()) {
                        val left = collectAndBeCancelled(client, ::take, ::isComplete) ?: break
                        // The event at which the collector was cancelled is delivered to the next one.
                        withTimeout(TIMEOUT) {
                            client.events.first { event ->
                                assertEquals(left.toString(), event.toString())
                                take(event)
                                true
                            }
                        }
                    }
                    assertEquals(expected, received)
                    assertEquals(sent, acked)
                }
            }
        }

    /** Collects some events and is cancelled during the next one. Returns that one, or `null` if all have arrived. */
    private suspend fun collectAndBeCancelled(
        client: SnapbackClient,
        take: (Event) -> Unit,
        isComplete: () -> Boolean,
    ): Event? =
        coroutineScope {
            var left = 70
            val reached = CompletableDeferred<Event?>()
            val collector =
                launch {
                    client.events.collect { event ->
                        if (--left == 0) {
                            reached.complete(event)
                            awaitCancellation()
                        }
                        take(event)
                        if (isComplete()) reached.complete(null)
                    }
                }
            val event = withTimeout(TIMEOUT) { reached.await() }
            collector.cancelAndJoin()
            event
        }

    @Test
    fun `a shutdown does not wait for a collector`() =
        real {
            TestServer().use { server ->
                val client = open(server)
                client.connect()
                withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Online } }
                repeat(SENT) { client.send(ROMEO, "$it") }
                server.tell("message", "count" to MESSAGES)
                withTimeout(TIMEOUT) { while (client.queue.size < SnapbackClient.EVENTS_HELD) delay(10) }
                withTimeout(TIMEOUT) { client.shutdown() }
                // The events that had reached Kotlin can be collected; then the flow ends.
                val left = withTimeout(TIMEOUT) { client.events.toList() }
                assertTrue(left.size >= SnapbackClient.EVENTS_HELD, "${left.size}")
            }
        }

    @Test
    fun `the log contains only fixed names, and no content, JID or password`() =
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
        /** Below 500, at which the server ends a session that does not acknowledge. */
        const val MESSAGES = 400
        const val SENT = 100
    }
}
