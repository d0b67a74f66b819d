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

/** Windows start and stop, and the client is informed. */
class ForegroundTest {
    private val reported = mutableListOf<String>()

    /** Completed to let a pause end. */
    private var pausing = CompletableDeferred(Unit)

    private val client =
        object : ForegroundTracker.Client {
            override fun setForeground(foreground: Boolean) {
                reported += if (foreground) "foreground" else "background"
            }

            override suspend fun pause() {
                reported += "pause"
                pausing.await()
            }

            override fun resume() {
                reported += "resume"
            }
        }

    private val windows = Windows()

    /** Whether there are windows that are not counted. */
    private var hasOthers = false

    private fun TestScope.follow(pauseAfter: Duration? = 1.minutes) {
        windows.follow(ForegroundTracker(client, backgroundScope, pauseAfter) { hasOthers })
        runCurrent()
    }

    @Test
    fun `the user opens the app, leaves it for long, and returns`() =
        runTest {
            follow()
            windows.started("main")
            windows.started("settings")
            windows.stopped("main")
            advanceTimeBy(1.minutes)
            assertEquals(listOf("foreground"), reported)
            windows.stopped("settings")
            advanceTimeBy(59.seconds)
            assertEquals(listOf("foreground", "background"), reported)
            advanceTimeBy(2.seconds)
            assertEquals(listOf("foreground", "background", "pause"), reported)
            windows.started("main")
            assertEquals("foreground", reported.last())
        }

    @Test
    fun `a rotation is not reported`() =
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
            assertEquals(listOf("foreground"), reported)
            windows.stopped(turned[3])
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
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
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a dialog that closes above a window is not reported, counted or not`() =
        runTest {
            hasOthers = true
            follow()
            // Its start was not counted.
            windows.stopped("old dialog")
            windows.started("dialog")
            windows.stopped("dialog")
            advanceTimeBy(5.minutes)
            assertEquals(listOf("foreground"), reported)
            hasOthers = false
            windows.stopped("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `the end of windows that are not counted is noticed within a minute`() =
        runTest {
            hasOthers = true
            follow()
            advanceTimeBy(5.minutes)
            hasOthers = false
            advanceTimeBy(31.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a process that a push has started is in the background`() =
        runTest {
            follow(pauseAfter = null)
            advanceTimeBy(1.minutes)
            assertEquals(listOf("background"), reported)
        }

    @Test
    fun `a window that starts while the client is being paused resumes it`() =
        runTest {
            pausing = CompletableDeferred()
            follow()
            advanceTimeBy(2.minutes)
            assertEquals(listOf("background", "pause"), reported)
            windows.started("main")
            advanceTimeBy(1.seconds)
            assertEquals(listOf("background", "pause", "foreground", "resume"), reported)
        }
}
