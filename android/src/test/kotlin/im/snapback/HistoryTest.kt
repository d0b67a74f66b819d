package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** History, and push notifications. */
class HistoryTest {
    @Test
    fun `history is read from the newest message backwards, and is no event`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    val bodies = (1..5).map { "thou $it" }
                    for (body in bodies) {
                        server.tell("message", "body" to body)
                        client.next<Event.Message> { it.message.body == body }
                    }
                    val newest = client.history(with = ROMEO, limit = 3)
                    assertEquals(listOf("thou 5", "thou 4", "thou 3"), newest.messages.map { it.message.body })
                    assertEquals(0, newest.unreadable)
                    assertTrue(newest.messages.all { message -> message.archivedAt != null })
                    val oldest = client.history(with = ROMEO, before = newest.next, limit = 3)
                    assertEquals(listOf("thou 2", "thou 1"), oldest.messages.map { it.message.body })
                    assertNull(oldest.next)
                    assertEquals(emptyList<HistoryMessage>(), client.history(with = Jid.parse("paris@localhost")).messages)
                    // The next message is a new one.
                    server.tell("message", "body" to "new")
                    assertEquals("new", client.next<Event.Message>().message.body)
                    assertThrows(IllegalArgumentException::class.java) { real { client.history(limit = 0) } }
                }
            }
        }

    @Test
    fun `push notifications are enabled in each new session, and errors are typed`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    val service = Jid.parse("push.example.org")
                    client.push.enable(service, "n1", mapOf("secret" to "s"))
                    client.connect()
                    client.next<Event.PushEnabled>()
                    client.disconnect()
                    client.connect()
                    client.next<Event.PushEnabled>()
                    client.push.disable()
                    client.disconnect()
                    client.connect()
                    client.next<Event.CaughtUp>()
                    val error = runCatching { client.push.enable(service, "n".repeat(5_000)) }.exceptionOrNull()
                    assertEquals(4_096L, (error as SnapbackException.TooBig).limit)
                }
            }
        }
}
