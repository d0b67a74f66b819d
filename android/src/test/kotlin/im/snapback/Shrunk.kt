package im.snapback

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds

/**
 * The app that R8 shrinks in a check: it opens a client, lets it fail to connect, and closes it. This passes structures,
 * callbacks, errors and foreign objects through the binding.
 */
internal object Shrunk {
    @JvmStatic
    fun main(arguments: Array<String>) {
        runBlocking { withTimeout(30.seconds) { run() } }
        println("ran shrunk")
    }

    private suspend fun run() {
        Snapback.log { }
        val refused = runCatching { SnapbackClient.open("@", null) }.exceptionOrNull()
        check(refused is SnapbackException) { "$refused" }
        SnapbackClient.open("juliet@localhost", "r0m30") { server("127.0.0.1", 1) }.use { client ->
            client.connect()
            client.events.first { it is Event.Ended }
            check(client.roster().contacts.isEmpty())
            client.close()
            client.events.toList()
        }
    }
}
