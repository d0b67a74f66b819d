package im.snapback

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

/** The timeout of everything that the tests wait for; far longer than any of it takes. */
internal val TIMEOUT = 60.seconds

internal const val JULIET = "juliet@localhost"
internal const val PASSWORD = "r0m30"
internal val ROMEO = Jid.parse("romeo@localhost")

/** Runs a test in real time, since the core has its own clocks and sockets. */
internal fun real(block: suspend () -> Unit) = runBlocking(Dispatchers.Default) { withTimeout(TIMEOUT * 2) { block() } }

internal fun Configuration.on(server: TestServer) {
    server("127.0.0.1", server.directPort)
    danger { trustOnlyTheseRoots(server.authority) }
}

internal suspend fun open(
    server: TestServer,
    password: String = PASSWORD,
    block: Configuration.() -> Unit = {},
): SnapbackClient =
    SnapbackClient.open(JULIET, password) {
        on(server)
        block()
    }

/** Waits for the next event of this type. Earlier events are collected, and confirmed if they are deliveries. */
internal suspend inline fun <reified T : Event> SnapbackClient.next(crossinline matches: (T) -> Boolean = { true }): T =
    withTimeout(TIMEOUT) {
        events.first { event ->
            if (event is Event.Delivery) event.confirm()
            event is T && matches(event)
        } as T
    }
