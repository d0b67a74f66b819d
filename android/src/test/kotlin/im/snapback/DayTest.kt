package im.snapback

import com.google.gson.JsonParser
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.io.File

/** Plays the days of `tests/scenarios/days` with this API, on real servers. */
@Timeout(300)
class DayTest {
    @Test
    fun `a chat app's day on Prosody`() = played("prosody")

    @Test
    fun `a chat app's day on ejabberd`() = played("ejabberd")

    private fun played(server: String) {
        val unavailable = runBlocking { days.getValue(server).await() }
        assumeTrue(unavailable == null, unavailable)
    }

    private companion object {
        private val scope = CoroutineScope(SupervisorJob() + Dispatchers.IO)

        /** Both servers at once, since the days wait most of the time. The result is why a server is not available. */
        val days: Map<String, Deferred<String?>> by lazy {
            val day = File(System.getProperty("snapback.test.scenarios")).resolveSibling("days/chat.json").readText()
            listOf("prosody", "ejabberd").associateWith { server -> scope.async { play(day, server) } }
        }

        private suspend fun play(
            day: String,
            server: String,
        ): String? =
            TestServer.real(server).use { running ->
                running.unavailable ?: Person.open(running, "juliet", running.linkPort).use { juliet ->
                    Person.open(running, "romeo", running.directPort).use { romeo ->
                        Day(running, juliet, romeo).play(JsonParser.parseString(day).asJsonObject)
                    }
                    null
                }
            }
    }
}
