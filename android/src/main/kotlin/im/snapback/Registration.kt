package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Registers with a service of the system, and tries again where that fails for no lasting reason.
 *
 * @param register throws a [RuntimeException] if the system refuses.
 * @param poll what takes the place of what was registered for, before each further try.
 */
internal class Registration(
    scope: CoroutineScope,
    private val register: () -> Unit,
    private val unregister: () -> Unit,
    private val poll: () -> Unit,
) : AutoCloseable {
    private var isRegistered = false
    private var isClosed = false
    private val retries: Job? = if (attempt()) null else scope.launch { retry() }

    private suspend fun retry() {
        var pause: Duration = FIRST_PAUSE
        do {
            poll()
            delay(pause)
            pause = (pause * 2).coerceAtMost(LONGEST_PAUSE)
        } while (!attempt())
    }

    /** Returns whether there is nothing left to try. */
    @Synchronized
    private fun attempt(): Boolean {
        if (isClosed) return true
        try {
            register()
            isRegistered = true
        } catch (_: RuntimeException) {
            // Refused.
        }
        return isRegistered
    }

    @Synchronized
    override fun close() {
        isClosed = true
        retries?.cancel()
        if (isRegistered) unregister()
        isRegistered = false
    }

    private companion object {
        val FIRST_PAUSE = 1.seconds
        val LONGEST_PAUSE = 1.minutes
    }
}
