package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds

/**
 * Tells the client when the user looks and when not, and lets it sleep if nobody has looked for a while.
 *
 * @param pauseAfter never, if `null`.
 * @param isLookedAt whether there are windows already: of those nobody tells any more that they came up.
 */
internal class ForegroundTracker(
    private val client: Client,
    private val scope: CoroutineScope,
    private val pauseAfter: Duration?,
    private var isLookedAt: Boolean,
) {
    /** What is led through the life of the app. */
    interface Client {
        fun setForeground(foreground: Boolean)

        /** Comes back when the client sleeps. */
        suspend fun pause()

        fun resume()
    }

    private val windows = mutableSetOf<Any>()
    private var told: Boolean? = null
    private var leaving: Job? = null

    init {
        if (isLookedAt) arrive() else leave()
    }

    /** A window came up. */
    @Synchronized
    fun started(window: Any) {
        windows += window
        arrive()
    }

    /** A window went away. */
    @Synchronized
    fun stopped(window: Any) {
        // One that came up before anybody told.
        if (!windows.remove(window)) isLookedAt = false
        if (!isVisible()) leave()
    }

    private fun arrive() {
        leaving?.cancel()
        leaving = null
        tell(true)
    }

    private fun leave() {
        leaving?.cancel()
        leaving =
            scope.launch {
                delay(BETWEEN_WINDOWS)
                if (!left()) return@launch
                delay(pauseAfter ?: return@launch)
                try {
                    client.pause()
                } finally {
                    // A window may have come up just before the client was told to sleep.
                    if (isVisible()) client.resume()
                }
            }
    }

    @Synchronized
    private fun left(): Boolean {
        if (!isVisible()) tell(false)
        return !isVisible()
    }

    @Synchronized
    private fun isVisible(): Boolean = isLookedAt || windows.isNotEmpty()

    private fun tell(foreground: Boolean) {
        if (told == foreground) return
        told = foreground
        client.setForeground(foreground)
    }

    private companion object {
        /** A screen that is turned takes its window down before the next one is up; so long it may take on a slow device. */
        val BETWEEN_WINDOWS = 700.milliseconds
    }
}
