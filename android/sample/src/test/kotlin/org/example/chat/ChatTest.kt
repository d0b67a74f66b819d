package org.example.chat

import im.snapback.ConnectionState
import im.snapback.Jid
import im.snapback.SnapbackClient
import im.snapback.Storage
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.time.Duration.Companion.seconds

/** Runs the app's own code on the JVM, with real TLS to the reference server. */
class ChatTest {
    @Test
    fun `a conversation continues after connection losses and in the next process`(@TempDir folder: File) {
        val server = Server()
        runBlocking(Dispatchers.Default) {
            withTimeout(120.seconds) {
                val scope = CoroutineScope(Dispatchers.Default)
                val client = open(server, folder)
                val chat = Chat(client, ROMEO, scope).apply { connect() }
                chat.say("1").awaitAcked()
                server.tell("""{"world":"message","body":"one"}""")
                for (round in 2..4) {
                    chat.state.first { it is ConnectionState.Online }
                    server.tell("""{"world":"cut"}""")
                    server.tell("""{"world":"message","body":"and $round"}""")
                    chat.say("$round").awaitAcked()
                    chat.lines.first { lines -> lines.any { it.text == "and $round" } }
                }
                client.shutdown()
                val received = chat.lines.value.filter { it.from != Chat.ME }
                assertEquals(listOf("one", "and 2", "and 3", "and 4"), received.map { it.text })
                assertEquals(List(3) { "RESUMED in 3" }, chat.journal.value.drop(1))

                val next = open(server, folder)
                val later = Chat(next, ROMEO, scope)
                server.tell("""{"world":"message","body":"are you there?"}""")
                assertFalse(later.fetch())
                assertEquals("are you there?", later.lines.value.last().text)
                assertTrue(later.state.value is ConnectionState.Offline)
                later.connect()
                later.state.first { it is ConnectionState.Online }
                assertEquals(listOf("RESUMED in 3", "RESUMED in 3"), later.journal.first { it.size == 2 })
                next.shutdown()
                scope.cancel()
            }
        }
        server.close()
    }

    private suspend fun open(
        server: Server,
        folder: File,
    ): SnapbackClient =
        SnapbackClient.open("juliet@localhost", "r0m30") {
            storage = Storage.InFileWithKeys(File(folder, "account.db"), File(folder, "keys"))
            server("127.0.0.1", server.port)
            danger { trustOnlyTheseRoots(server.authority) }
        }

    private companion object {
        val ROMEO = Jid.parse("romeo@localhost")
    }
}
