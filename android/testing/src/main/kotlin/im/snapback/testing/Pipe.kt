package im.snapback.testing

import im.snapback.ffi.ConnectionState
import im.snapback.ffi.Event
import im.snapback.ffi.InboundRequest
import im.snapback.ffi.OfflineReason
import im.snapback.ffi.RoomEvent
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update

/** What one client takes from the core: events, requests and states, until the client ends. */
internal class Pipe {
    private val events = Channel<Event>(Channel.UNLIMITED)
    private val roomEvents = Channel<RoomEvent>(Channel.UNLIMITED)
    private val requests = Channel<InboundRequest>(Channel.UNLIMITED)
    val state = MutableStateFlow<ConnectionState>(ConnectionState.Offline(OfflineReason.NOT_WANTED, null))
    val hasEnded = MutableStateFlow(false)

    /** The number of events that the client has not taken, or has taken and not asked for the next ones. */
    private val waiting = MutableStateFlow(0)
    private var taken = 0

    fun put(event: Event) {
        waiting.update { it + 1 }
        events.trySend(event)
    }

    fun put(event: RoomEvent) {
        roomEvents.trySend(event)
    }

    fun put(request: InboundRequest) {
        requests.trySend(request)
    }

    /** Returns the next events; none once the client has ended. */
    suspend fun next(max: Int): List<Event> {
        waiting.update { it - taken }
        taken = 0
        val first = events.receiveCatching().getOrNull() ?: return emptyList()
        val batch = mutableListOf(first)
        while (batch.size < max) batch += events.tryReceive().getOrNull() ?: break
        taken = batch.size
        return batch
    }

    suspend fun nextRoomEvent(): RoomEvent? = roomEvents.receiveCatching().getOrNull()

    suspend fun nextRequest(): InboundRequest? = requests.receiveCatching().getOrNull()

    suspend fun nextState(seen: ConnectionState): ConnectionState? =
        combine(state, hasEnded) { state, ended -> state.takeUnless { ended } }.first { it !== seen }

    /** Waits until the client has taken all events and asked for the next ones. */
    suspend fun awaitTaken() {
        combine(waiting, hasEnded) { waiting, ended -> ended || waiting == 0 }.first { it }
    }

    suspend fun awaitEnd() {
        hasEnded.first { it }
    }

    fun end() {
        hasEnded.value = true
        events.close()
        roomEvents.close()
        requests.close()
    }
}
