package im.snapback

import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration

/** Tells the client when the user looks and when not, and lets it sleep if nobody has looked for a while. */
internal class ForegroundTracker(
    private val client: SnapbackClient,
    private val pauseAfter: Duration?,
) {
    private var visible = 0
    private var pause: Job? = null

    /** A window came up. */
    @Synchronized
    fun started() {
        visible += 1
        if (visible > 1) return
        pause?.cancel()
        pause = null
        client.setForeground(true)
    }

    /** A window went away. */
    @Synchronized
    fun stopped() {
        if (visible == 0) return
        visible -= 1
        if (visible > 0) return
        client.setForeground(false)
        if (pauseAfter == null) return
        pause =
            client.pumpScope.launch {
                delay(pauseAfter)
                try {
                    client.pause()
                } catch (_: SnapbackException.Closed) {
                    // Nothing is left to let go of.
                } finally {
                    // A window may have come up just before the client was told to sleep.
                    if (isVisible()) client.resume()
                }
            }
    }

    @Synchronized
    private fun isVisible() = visible > 0
}
