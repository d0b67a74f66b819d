package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What the last connections did. */
class FlightRecorderTest {
    @Test
    fun `sessions are recorded, counted and exported`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    assertEquals(emptyList<AttemptRecord>(), client.recorder.recentAttempts())
                    client.connect()
                    client.next<Event.Online>()
                    client.send(ROMEO, "one").awaitAcked()
                    server.tell("cut")
                    client.next<Event.Online>()
                    val attempts = client.recorder.recentAttempts()
                    assertEquals(SessionOutcome.BOUND, attempts.first().outcome)
                    assertNotNull(attempts.first().lasted)
                    assertEquals(SessionOutcome.RESUMED, attempts.last().outcome)
                    assertNull(attempts.last().ended)
                    assertNotNull(attempts.last().timeline)
                    val quality = client.recorder.quality()
                    assertEquals(listOf(1L, 1L), listOf(quality.bound, quality.resumed))
                    val login = checkNotNull(quality.login)
                    assertTrue(login.p50 <= login.p99)
                    val exported = client.recorder.export()
                    assertTrue("\"outcome\":\"resumed\"" in exported, exported)
                    assertTrue("juliet" !in exported, exported)
                }
            }
        }
}
