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
 * The queue of events between the core and the app's collector.
 *
 * An event is removed when the collector's block has returned. If the collector is cancelled or throws before that, the event
 * stays, and the next collector receives it again. A channel would lose it.
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

    /** Increases with each change, so that a waiting coroutine never misses one. */
    private val changes = MutableStateFlow(0L)

    /** The number of queued events. */
    val size: Int get() = synchronized(lock) { waiting.size }

    /** The queued events, in order. Only one collector at a time is allowed. */
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

    /** Adds events, and suspends until the queue is below its capacity. After [end], nothing is added. */
    suspend fun put(events: List<T>) {
        change { if (!ended) waiting.addAll(events) }
        await { ended || waiting.size < if (holders > 0) wideCapacity else capacity }
    }

    /**
     * Runs [work] with the larger capacity: what [work] waits for may arrive after events that the app does not collect.
     */
    suspend fun <R> widened(work: suspend () -> R): R {
        change { holders += 1 }
        try {
            return work()
        } finally {
            change { holders -= 1 }
        }
    }

    /**
     * Ends the queue: no more events are added, and suspended calls of [put] and [awaitEmpty] return. Queued events can still
     * be collected.
     */
    fun end(): Unit = change { ended = true }

    /** Suspends until all events are collected, or the queue has ended. */
    suspend fun awaitEmpty(): Unit = await { ended || waiting.isEmpty() }

    private suspend fun head(): T? {
        await { ended || waiting.isNotEmpty() }
        return synchronized(lock) { waiting.firstOrNull() }
    }

    private suspend inline fun hand(event: T, emit: (T) -> Unit) {
        try {
            emit(event)
        } catch (end: CancellationException) {
            // An operator such as `first` also ends the flow with this exception, and it has processed the event. A collector
            // that was cancelled has not.
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
