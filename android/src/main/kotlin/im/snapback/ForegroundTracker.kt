package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Reports to the client whether the app is in the foreground, and pauses the client after a time in the background.
 *
 * As with `ProcessLifecycleOwner` of AndroidX, the app is in the foreground from the start of its first activity until
 * [BETWEEN_WINDOWS] after the stop of its last.
 *
 * @param pauseAfter the time in the background after which the client is paused; `null` means never.
 * @param hasOthers returns whether there are windows that are not counted. Always false if all windows are counted. Called when
 *   no counted window is left.
 */
internal class ForegroundTracker(
    private val client: Client,
    private val scope: CoroutineScope,
    private val pauseAfter: Duration?,
    private val hasOthers: () -> Boolean = { false },
) {
    /** What this class needs of a client. */
    interface Client {
        fun setForeground(foreground: Boolean)

        /** Suspends until the client is paused. */
        suspend fun pause()

        fun resume()
    }

    private var isVisible = false
    private var reported: Boolean? = null
    private var leaving: Job? = null

    /** Records that a window is visible. */
    @Synchronized
    fun arrived() {
        isVisible = true
        leaving?.cancel()
        leaving = null
        report(true)
    }

    /** Records that no counted window is visible. */
    @Synchronized
    fun left() {
        isVisible = false
        leaving?.cancel()
        leaving = scope.launch { leave() }
    }

    private suspend fun leave() {
        if (lastReported() == null && hasOthers()) reportUnlessVisible(true)
        delay(BETWEEN_WINDOWS)
        // The stop of a window that is not counted is not reported, so it is polled.
        while (hasOthers()) delay(ASK_AGAIN)
        if (!reportUnlessVisible(false)) return
        delay(pauseAfter ?: return)
        try {
            client.pause()
        } finally {
            // A window may have become visible just before the client was paused.
            if (visible()) client.resume()
        }
    }

    /** Reports the state unless a counted window is visible by now. Returns whether it was reported. */
    @Synchronized
    private fun reportUnlessVisible(foreground: Boolean): Boolean {
        if (!isVisible) report(foreground)
        return !isVisible
    }

    @Synchronized
    private fun visible(): Boolean = isVisible

    @Synchronized
    private fun lastReported(): Boolean? = reported

    private fun report(foreground: Boolean) {
        if (reported == foreground) return
        reported = foreground
        client.setForeground(foreground)
    }

    private companion object {
        /** The time that a slow device may need for a rotation, which stops the activity before the next one starts. */
        val BETWEEN_WINDOWS = 700.milliseconds

        /** The interval at which windows that are not counted are polled. */
        val ASK_AGAIN = 30.seconds
    }
}
