package im.snapback

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Windows that come and go, and what the client is told of it. */
class ForegroundTest {
    private val told = mutableListOf<String>()

    /** Completed to let a pause come to its end. */
    private var pausing = CompletableDeferred(Unit)

    private val client =
        object : ForegroundTracker.Client {
            override fun setForeground(foreground: Boolean) {
                told += if (foreground) "foreground" else "background"
            }

            override suspend fun pause() {
                told += "pause"
                pausing.await()
            }

            override fun resume() {
                told += "resume"
            }
        }

    private fun TestScope.tracker(
        isLookedAt: Boolean,
        pauseAfter: Duration? = 1.minutes,
    ) = ForegroundTracker(client, backgroundScope, pauseAfter, isLookedAt)

    @Test
    fun `the user comes, goes for long, and comes back`() =
        runTest {
            val tracker = tracker(isLookedAt = false)
            tracker.started("main")
            tracker.started("settings")
            tracker.stopped("main")
            advanceTimeBy(1.minutes)
            assertEquals(listOf("foreground"), told)
            tracker.stopped("settings")
            advanceTimeBy(59.seconds)
            assertEquals(listOf("foreground", "background"), told)
            advanceTimeBy(2.seconds)
            assertEquals(listOf("foreground", "background", "pause"), told)
            tracker.started("main")
            assertEquals("foreground", told.last())
        }

    @Test
    fun `a screen that is turned is no news`() =
        runTest {
            val tracker = tracker(isLookedAt = true)
            repeat(3) {
                // The first of them came up before anybody told.
                tracker.stopped("upright $it")
                advanceTimeBy(300.milliseconds)
                tracker.started("upright ${it + 1}")
                advanceTimeBy(2.minutes)
            }
            assertEquals(listOf("foreground"), told)
            tracker.stopped("upright 3")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), told)
        }

    @Test
    fun `nobody looks at a process that a push has started`() =
        runTest {
            tracker(isLookedAt = false, pauseAfter = null)
            advanceTimeBy(1.minutes)
            assertEquals(listOf("background"), told)
        }

    @Test
    fun `a window that comes up while the client goes to sleep wakes it`() =
        runTest {
            pausing = CompletableDeferred()
            val tracker = tracker(isLookedAt = false)
            advanceTimeBy(2.minutes)
            assertEquals(listOf("background", "pause"), told)
            tracker.started("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("background", "pause", "foreground", "resume"), told)
        }
}
