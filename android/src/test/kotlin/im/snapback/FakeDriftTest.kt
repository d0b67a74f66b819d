package im.snapback

import im.snapback.testing.FakeSnapback
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** The fake behaves as the real client does with the reference server: both take the same steps, and the app sees the same. */
class FakeDriftTest {
    /** What a script does besides the app. */
    private interface Script {
        val client: SnapbackClient

        fun receive(body: String)

        /** Cuts the connection, so that no attempt succeeds until [resume] or [replace]. */
        fun cut()

        fun resume()

        /** The session is gone when the client reconnects. */
        fun replace()

        /** What [send] sends under this id is refused, since the recipient is offline. */
        suspend fun refusing(
            id: String,
            send: suspend () -> Unit,
        )

        /** The bodies that have arrived at the server. */
        fun sent(): List<String>
    }

    private class Real(
        override val client: SnapbackClient,
        private val server: TestServer,
    ) : Script {
        override fun receive(body: String) {
            server.tell("message", "body" to body)
        }

        override fun cut() {
            server.tell("down")
            server.tell("cut", "mode" to "reset_both")
        }

        override fun resume() {
            server.tell("up")
            client.networkChanged(NetworkState(true, emptyList()))
        }

        override fun replace() {
            server.tell("forget_sessions")
            resume()
        }

        override suspend fun refusing(
            id: String,
            send: suspend () -> Unit,
        ): Unit = send()

        override fun sent(): List<String> = server.received()
    }

    private class Fake(private val fake: FakeSnapback) : Script {
        override val client: SnapbackClient = fake.client

        override fun receive(body: String) {
            fake.receive("$ROMEO/test", body)
        }

        override fun cut(): Unit = fake.cut()

        override fun resume(): Unit = fake.resume()

        override fun replace(): Unit = fake.newSession()

        override suspend fun refusing(
            id: String,
            send: suspend () -> Unit,
        ) {
            fake.acknowledges = false
            send()
            fake.fail(id, "service-unavailable")
            fake.acknowledge()
            fake.acknowledges = true
        }

        override fun sent(): List<String> = fake.sent.filter { it.type == "chat" }.map { it.body.orEmpty() }
    }

    /** What an app sees: by kind, since events of different kinds may change places. */
    private data class Seen(
        val connection: List<String> = emptyList(),
        val messages: List<String> = emptyList(),
        val stages: Map<String, List<String>> = emptyMap(),
        val rooms: List<String> = emptyList(),
        val results: List<String> = emptyList(),
    ) {
        fun with(event: Event): Seen =
            when (event) {
                is Event.Online -> copy(connection = connection + "online ${event.outcome} ${event.jid.bare}")
                is Event.Ended -> copy(connection = connection + "ended ${if (event.retryable) "and retried" else event.reason}")
                is Event.CaughtUp -> copy(connection = connection + "caught up")
                is Event.Message -> copy(messages = messages + textOf(event.message))
                is Event.StageReached -> copy(stages = stages + (event.id to stages[event.id].orEmpty() + event.stage.toString()))
                else -> this
            }

        private fun textOf(message: ReceivedMessage): String =
            message.run { "${from.jid?.bare} $type $body $text $subject ${key?.kind} ${key?.conversation}" }
    }

    private suspend fun Script.play(): Seen =
        coroutineScope {
            val seen = MutableStateFlow(Seen())
            val events =
                launch {
                    client.events.collect { event ->
                        seen.update { it.with(event) }
                        if (event is Event.Delivery) event.confirm()
                    }
                }
            val rooms = launch { client.rooms.events.collect { event -> seen.update { it.copy(rooms = it.rooms + "$event") } } }
            steps(seen)
            client.shutdown()
            listOf(events, rooms).forEach { it.cancel() }
            seen.value
        }

    /** The steps that both take. Each ends when its effect is seen. */
    private suspend fun Script.steps(seen: MutableStateFlow<Seen>) {
        suspend fun await(condition: (Seen) -> Boolean): Seen = withTimeout(TIMEOUT) { seen.first(condition) }

        suspend fun acked(id: String) = await { it.stages[id].orEmpty().lastOrNull() == "${Stage.Acked}" }

        suspend fun message(
            id: String,
            block: MessageBuilder.() -> Unit,
        ) = client.send(ROMEO) {
            this.id = id
            block()
        }

        fun result(what: Any?): Unit = seen.update { it.copy(results = it.results + "$what") }

        result(client.state.value)
        message("early") { body = "early" }
        message("typing") { chatState = ChatState.COMPOSING }
        client.connect()
        acked("early")
        await { it.connection.last() == "caught up" }
        result(client.state.first { it is ConnectionState.Online && it.isCaughtUp } is ConnectionState.Online)
        refusing("composing") { message("composing") { chatState = ChatState.COMPOSING } }
        acked("composing")
        receive("hello")
        await { it.messages.size == 1 }

        cut()
        await { "ended and retried" in it.connection }
        message("late") { body = "late" }
        receive("missed")
        resume()
        await { it.messages.size == 2 && it.connection.last() == "caught up" }
        acked("late")

        cut()
        await { it.connection.last() == "ended and retried" }
        replace()
        await { it.connection.last() == "caught up" && it.connection.count { one -> "BOUND" in one } == 2 }
        message("after") { body = "after" }
        acked("after")
        result(sent())
        val refused = runCatching { client.iq(IqType.GET, Element("query", "urn:example:unknown")) }.exceptionOrNull()
        result((refused as SnapbackException.Refused).condition)

        inRoom(seen, ::await, ::result)
        client.disconnect()
        await { it.connection.last().endsWith("${EndReason.Closed}") }
        result(client.state.first { it is ConnectionState.Offline })
        result(client.drain(TIMEOUT).outcome)
        await { "NoSession" in it.connection.last() }
    }

    private suspend fun Script.inRoom(
        seen: MutableStateFlow<Seen>,
        await: suspend ((Seen) -> Boolean) -> Seen,
        result: (Any?) -> Unit,
    ) {
        val room = client.rooms.join(Jid.parse("coven@rooms.localhost"), "juliet")
        await { it.rooms.any { event -> event.startsWith("CaughtUp") } }
        room.send { body = "Hail" }
        await { it.messages.last().startsWith("coven@rooms.localhost groupchat Hail") }
        val info = checkNotNull(room.info())
        result("${info.nick} ${info.membership} ${info.occupants.map { "${it.nick} ${it.role} ${it.affiliation}" }}")
        room.setSubject("Macbeth")
        await { seen -> seen.rooms.any { it.startsWith("SubjectChanged") && "Macbeth" in it } }
        room.setNick("montague")
        room.leave()
        await { it.rooms.last().startsWith("Left") }
        result(client.rooms.list())
        assertEquals(room.info(), null, "${seen.value.rooms}")
    }

    @Test
    fun `the same steps are seen by the app as with a server`() =
        real {
            val expected =
                TestServer().use { server ->
                    open(server) { timeouts { backoff = kotlin.time.Duration.ZERO } }.use { Real(it, server).play() }
                }
            val found = FakeSnapback(JULIET).use { fake -> Fake(fake.also { it.goOnline() }).play() }
            assertEquals(expected.connection, found.connection)
            assertEquals(expected.messages, found.messages)
            val sent = listOf("early", "typing", "composing", "late", "after")
            assertEquals(sent.map { expected.stages[it] }, sent.map { found.stages[it] })
            assertEquals(expected.results, found.results)
            assertEquals(expected.rooms, found.rooms)
        }
}
