package im.snapback

import com.google.gson.JsonParser
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.io.File

/** Plays every file of `tests/scenarios/scenarios` with this API. */
@Timeout(300)
class ScenarioTest {
    @Test
    fun commute() = played("commute")

    @Test
    fun `hotel portal`() = played("hotel-portal")

    @Test
    fun `killed in the background`() = played("killed-in-the-background")

    @Test
    fun elevator() = played("elevator")

    @Test
    fun night() = played("night")

    @Test
    fun `server crash`() = played("server-crash")

    @Test
    fun `server deploy`() = played("server-deploy")

    @Test
    fun stampede() = played("stampede")

    @Test
    fun `wifi to lte`() = played("wifi-to-lte")

    @Test
    fun `every file is played`() {
        val tests = ScenarioTest::class.java.declaredMethods.filter { it.isAnnotationPresent(Test::class.java) }
        val names = tests.map { it.name.replace(' ', '-') } - "every-file-is-played"
        assertEquals(plays.keys.sorted(), names.sorted())
    }

    private fun played(name: String) = runBlocking { plays.getValue(name).await() }

    private companion object {
        private val scope = CoroutineScope(SupervisorJob() + Dispatchers.IO)

        /** All scenarios run concurrently, since they wait most of the time. */
        val plays: Map<String, Deferred<Unit>> by lazy {
            val files = checkNotNull(File(System.getProperty("snapback.test.scenarios")).listFiles())
            files.associate { file ->
                val scenario = JsonParser.parseString(file.readText()).asJsonObject
                check(scenario["name"].asString == file.nameWithoutExtension) { "$file has another name" }
                file.nameWithoutExtension to scope.async { Play(scenario).use { it.run() } }
            }
        }
    }
}
