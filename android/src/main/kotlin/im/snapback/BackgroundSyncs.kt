package im.snapback

import im.snapback.ffi.CoreBackgroundSync
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.TimeSource

/** The background syncs of a client. */
internal class BackgroundSyncs(
    private val calls: Calls,
    private val queue: EventQueue<Event>,
) {
    private val inProgress = MutableStateFlow(0)

    val areInProgress: Boolean get() = inProgress.value > 0

    /** Waits until none is in progress. */
    suspend fun awaitEnd() {
        inProgress.first { it == 0 }
    }

    /** Does what [SnapbackClient.drain] says. */
    suspend fun drain(
        timeout: Duration,
        mayBind: Boolean,
    ): DrainReport {
        val start = TimeSource.Monotonic.markNow()
        return syncing(mayBind) { sync ->
            val report = calls.call { sync.drain(timeout.inWholeMilliseconds.coerceAtLeast(0).toULong()) }.toReport()
            val isCollected = report.outcome !is DrainOutcome.Complete || isCollected(timeout - start.elapsedNow())
            if (isCollected) report else report.copy(outcome = DrainOutcome.TimedOut)
        }
    }

    /** Runs [work] with a background sync, and ends the sync in any case, so that it keeps nothing open. */
    private suspend fun <T> syncing(
        mayBind: Boolean,
        work: suspend (CoreBackgroundSync) -> T,
    ): T =
        calls.call { backgroundSync(mayBind) }.use { sync ->
            inProgress.update { it + 1 }
            try {
                work(sync)
            } finally {
                inProgress.update { it - 1 }
                withContext(NonCancellable) {
                    try {
                        calls.call { sync.end() }
                    } catch (_: SnapbackException.Closed) {
                        // A closed client has nothing open.
                    }
                }
            }
        }

    /**
     * Returns whether the app collects all events in time. The core has handed them over, but the app may not have processed
     * them.
     */
    private suspend fun isCollected(timeout: Duration): Boolean =
        withTimeoutOrNull(timeout) {
            queue.awaitEmpty()
            true
        } ?: false
}
