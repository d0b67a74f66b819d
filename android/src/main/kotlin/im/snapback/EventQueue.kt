package im.snapback

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.isActive
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Events between the core and whoever collects them.
 *
 * An event is taken when the collector's block has come back from it. A collector that is cancelled or throws in the
 * middle has not taken it, and the next one gets it again: a channel would lose it.
 */
internal class EventQueue<T : Any>(
    private val capacity: Int,
    private val wideCapacity: Int = capacity,
) {
    private val lock = Any()
    private val waiting = ArrayDeque<T>()
    private var ended = false
    private var holders = 0
    private val isCollected = AtomicBoolean(false)

    /** Rises with each change, so that a wait never misses one. */
    private val changes = MutableStateFlow(0L)

    /** How many wait. */
    val size: Int get() = synchronized(lock) { waiting.size }

    /** What is waiting, in order. One collector at a time. */
    val events: Flow<T> =
        flow {
            check(isCollected.compareAndSet(false, true)) { "events are collected elsewhere" }
            try {
                while (true) {
                    val next = head() ?: break
                    hand(next) { emit(it) }
                }
            } finally {
                isCollected.set(false)
            }
        }

    /** Adds events, and suspends while there are more than the collector should have to hold. Behind the end, none are added. */
    suspend fun put(events: List<T>) {
        change { if (!ended) waiting.addAll(events) }
        await { ended || waiting.size < if (holders > 0) wideCapacity else capacity }
    }

    /**
     * Runs [work], and lets more events wait meanwhile: what [work] waits for may come behind events that nobody collects.
     */
    suspend fun <R> widened(work: suspend () -> R): R {
        change { holders += 1 }
        try {
            return work()
        } finally {
            change { holders -= 1 }
        }
    }

    /** No more will come, and who waits for room or for the last to be taken goes on. What is there can still be taken. */
    fun end(): Unit = change { ended = true }

    /** Suspends until all are taken, or no more will come. */
    suspend fun awaitEmpty(): Unit = await { ended || waiting.isEmpty() }

    private suspend fun head(): T? {
        await { ended || waiting.isNotEmpty() }
        return synchronized(lock) { waiting.firstOrNull() }
    }

    private suspend inline fun hand(event: T, emit: (T) -> Unit) {
        try {
            emit(event)
        } catch (end: CancellationException) {
            // An operator that has enough, such as `first`, ends the flow like this: it has the event. A collector that
            // was cancelled has not.
            if (currentCoroutineContext().isActive) drop()
            throw end
        }
        drop()
    }

    private fun drop(): Unit = change { waiting.removeFirstOrNull() }

    private inline fun change(what: () -> Unit) {
        synchronized(lock) {
            what()
            changes.value += 1
        }
    }

    private suspend fun await(condition: () -> Boolean) {
        changes.first { synchronized(lock, condition) }
    }
}
