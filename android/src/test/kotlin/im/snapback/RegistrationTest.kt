package im.snapback

import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds

/** A registration that the system refuses. */
class RegistrationTest {
    private val log = mutableListOf<String>()
    private var refusals = 0

    private fun kotlinx.coroutines.test.TestScope.registration() =
        Registration(
            backgroundScope,
            register = {
                log += "register"
                if (refusals-- > 0) throw SecurityException()
            },
            unregister = { log += "unregister" },
            poll = { log += "poll" },
        )

    @Test
    fun `without a refusal nothing is polled`() =
        runTest {
            val registration = registration()
            advanceTimeBy(1.hours)
            registration.close()
            registration.close()
            assertEquals(listOf("register", "unregister"), log)
        }

    @Test
    fun `a refused registration is retried with growing delays`() =
        runTest {
            refusals = 3
            registration()
            runCurrent()
            assertEquals(listOf("register", "poll"), log)
            advanceTimeBy(3.5.seconds)
            assertEquals(3, log.count { it == "register" })
            advanceTimeBy(1.hours)
            assertEquals(4, log.count { it == "register" })
            assertEquals(3, log.count { it == "poll" })
        }

    @Test
    fun `a closed registration is not retried`() =
        runTest {
            refusals = 1
            registration().close()
            advanceTimeBy(1.hours)
            assertEquals(1, log.count { it == "register" })
            assertEquals(0, log.count { it == "unregister" })
        }
}
