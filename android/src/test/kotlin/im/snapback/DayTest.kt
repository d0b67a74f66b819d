package im.snapback

import com.google.gson.JsonParser
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.io.File
import kotlinx.coroutines.runBlocking

/** Plays the days of `tests/scenarios/days` with this API, on real servers. */
@Timeout(300)
class DayTest {
    @Test
    fun `a chat app's day on Prosody`() = played("chat", "prosody")

    @Test
    fun `a chat app's day on ejabberd`() = played("chat", "ejabberd")

    private fun played(
        day: String,
        server: String,
    ) {
        TestServer.real(server).use { running ->
            assumeTrue(running.unavailable == null, running.unavailable)
            runBlocking {
                Person.open(running, "juliet", running.linkPort).use { juliet ->
                    Person.open(running, "romeo", running.directPort).use { romeo ->
                        Day(running, juliet, romeo).play(JsonParser.parseString(file(day)).asJsonObject)
                    }
                }
            }
        }
    }

    private fun file(day: String): String = File(System.getProperty("snapback.test.scenarios")).resolveSibling("days/$day.json").readText()
}
