package im.snapback

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

/** Nothing here takes this long, unless it never happens. */
internal val PATIENCE = 60.seconds

internal const val JULIET = "juliet@localhost"
internal const val PASSWORD = "r0m30"
internal val ROMEO = Jid.parse("romeo@localhost")

/** A test in real time: the core has clocks and sockets of its own. */
internal fun real(block: suspend () -> Unit) = runBlocking(Dispatchers.Default) { withTimeout(PATIENCE * 2) { block() } }

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

/** The next event of this type; what comes before it is taken, and confirmed if need be. */
internal suspend inline fun <reified T : Event> SnapbackClient.next(crossinline matches: (T) -> Boolean = { true }): T =
    withTimeout(PATIENCE) {
        events.first { event ->
            if (event is Event.Delivery) event.confirm()
            event is T && matches(event)
        } as T
    }
