package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Tells the client whether the app is in the foreground, and pauses it after a while in the background.
 *
 * As `ProcessLifecycleOwner` of AndroidX: the app is in the foreground from the start of its first activity until
 * [BETWEEN_WINDOWS] after the stop of its last.
 *
 * @param pauseAfter `null`: never.
 * @param hasOthers whether there are windows that nobody counts. Where all are counted, it is always false; else it is asked
 *   when none of those that are counted is left.
 */
internal class ForegroundTracker(
    private val client: Client,
    private val scope: CoroutineScope,
    private val pauseAfter: Duration?,
    private val hasOthers: () -> Boolean = { false },
) {
    /** What is led through the life of the app. */
    interface Client {
        fun setForeground(foreground: Boolean)

        /** Comes back when the client sleeps. */
        suspend fun pause()

        fun resume()
    }

    private var isVisible = false
    private var told: Boolean? = null
    private var leaving: Job? = null

    /** A window is up. */
    @Synchronized
    fun arrived() {
        isVisible = true
        leaving?.cancel()
        leaving = null
        tell(true)
    }

    /** No window is up that is counted. */
    @Synchronized
    fun left() {
        isVisible = false
        leaving?.cancel()
        leaving = scope.launch { leave() }
    }

    private suspend fun leave() {
        if (told() == null && hasOthers()) tellUnlessGone(true)
        delay(BETWEEN_WINDOWS)
        // Of those that are not counted, nobody says when they go.
        while (hasOthers()) delay(ASK_AGAIN)
        if (!tellUnlessGone(false)) return
        delay(pauseAfter ?: return)
        try {
            client.pause()
        } finally {
            // A window may have come up just before the client was told to sleep.
            if (visible()) client.resume()
        }
    }

    /** Returns whether this was still true: no window came up meanwhile. */
    @Synchronized
    private fun tellUnlessGone(foreground: Boolean): Boolean {
        if (!isVisible) tell(foreground)
        return !isVisible
    }

    @Synchronized
    private fun visible(): Boolean = isVisible

    @Synchronized
    private fun told(): Boolean? = told

    private fun tell(foreground: Boolean) {
        if (told == foreground) return
        told = foreground
        client.setForeground(foreground)
    }

    private companion object {
        /** A rotation stops the activity before the next one starts; this is how long it may take on a slow device. */
        val BETWEEN_WINDOWS = 700.milliseconds

        /** Between questions for windows that are not counted. */
        val ASK_AGAIN = 30.seconds
    }
}
