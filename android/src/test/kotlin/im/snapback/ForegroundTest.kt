package im.snapback

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
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

    private val windows = Windows()

    /** Windows that nobody counts. */
    private var hasOthers = false

    private fun TestScope.follow(pauseAfter: Duration? = 1.minutes) {
        windows.follow(ForegroundTracker(client, backgroundScope, pauseAfter) { hasOthers })
        runCurrent()
    }

    @Test
    fun `the user comes, goes for long, and comes back`() =
        runTest {
            follow()
            windows.started("main")
            windows.started("settings")
            windows.stopped("main")
            advanceTimeBy(1.minutes)
            assertEquals(listOf("foreground"), told)
            windows.stopped("settings")
            advanceTimeBy(59.seconds)
            assertEquals(listOf("foreground", "background"), told)
            advanceTimeBy(2.seconds)
            assertEquals(listOf("foreground", "background", "pause"), told)
            windows.started("main")
            assertEquals("foreground", told.last())
        }

    @Test
    fun `a screen that is turned is no news`() =
        runTest {
            val turned = List(4) { "turned $it" }
            windows.started(turned[0])
            follow()
            repeat(3) {
                windows.stopped(turned[it])
                advanceTimeBy(300.milliseconds)
                windows.started(turned[it + 1])
                advanceTimeBy(2.minutes)
            }
            assertEquals(listOf("foreground"), told)
            windows.stopped(turned[3])
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), told)
        }

    @Test
    fun `a client that is opened before the first window is in the background after the last`() =
        runTest {
            hasOthers = true
            follow()
            windows.started("main")
            hasOthers = false
            advanceTimeBy(1.minutes)
            windows.stopped("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), told)
        }

    @Test
    fun `a dialog that closes above a window changes nothing, counted or not`() =
        runTest {
            hasOthers = true
            follow()
            // Nobody saw that one start.
            windows.stopped("old dialog")
            windows.started("dialog")
            windows.stopped("dialog")
            advanceTimeBy(5.minutes)
            assertEquals(listOf("foreground"), told)
            hasOthers = false
            windows.stopped("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), told)
        }

    @Test
    fun `windows that nobody counts are missed within a minute`() =
        runTest {
            hasOthers = true
            follow()
            advanceTimeBy(5.minutes)
            hasOthers = false
            advanceTimeBy(31.seconds)
            assertEquals(listOf("foreground", "background"), told)
        }

    @Test
    fun `nobody looks at a process that a push has started`() =
        runTest {
            follow(pauseAfter = null)
            advanceTimeBy(1.minutes)
            assertEquals(listOf("background"), told)
        }

    @Test
    fun `a window that comes up while the client goes to sleep wakes it`() =
        runTest {
            pausing = CompletableDeferred()
            follow()
            advanceTimeBy(2.minutes)
            assertEquals(listOf("background", "pause"), told)
            windows.started("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("background", "pause", "foreground", "resume"), told)
        }
}
