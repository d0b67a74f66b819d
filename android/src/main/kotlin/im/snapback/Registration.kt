package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * Registers a callback with a service of the system, and retries with growing delays if the system refuses.
 *
 * @param register registers the callback; throws a [RuntimeException] if the system refuses.
 * @param poll reads the current state in place of the missing callback; called before each retry.
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

    /** Returns whether no retry is needed: the callback is registered, or this is closed. */
    @Synchronized
    private fun attempt(): Boolean {
        if (isClosed) return true
        try {
            register()
            isRegistered = true
        } catch (_: RuntimeException) {
            // The system refused; `retry` tries again.
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
