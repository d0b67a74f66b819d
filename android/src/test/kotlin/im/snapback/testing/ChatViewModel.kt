package im.snapback.testing

import im.snapback.ChatState
import im.snapback.ConnectionState
import im.snapback.Event
import im.snapback.Jid
import im.snapback.Room
import im.snapback.RoomEvent
import im.snapback.SnapbackClient
import im.snapback.Stage
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** A view model as an app has one; nothing in it knows that it is tested. */
internal class ChatViewModel(
    private val client: SnapbackClient,
    private val contact: String,
    private val scope: CoroutineScope,
) {
    val title = MutableStateFlow("offline")
    val lines = MutableStateFlow(emptyList<String>())
    val isTyping = MutableStateFlow(false)
    val marks = MutableStateFlow(emptyMap<String, String>())
    val notice = MutableStateFlow<String?>(null)

    init {
        scope.launch { client.state.collect { state -> title.value = titleOf(state) } }
        scope.launch { client.events.collect(::handle) }
        scope.launch { client.rooms.events.collect(::handle) }
    }

    private fun titleOf(state: ConnectionState): String =
        when (state) {
            is ConnectionState.Online -> "online"
            is ConnectionState.Connecting -> "connecting"
            is ConnectionState.Offline -> if (state.retryIn != null) "reconnecting" else "offline"
        }

    private fun handle(event: Event) {
        if (event is Event.Message) {
            val from = event.message.from.jid
            event.message.chatState?.let { isTyping.value = it == ChatState.COMPOSING }
            event.message.text?.let { text -> lines.update { it + "${from?.resource ?: from}: $text" } }
        }
        if (event is Event.Delivery) event.confirm()
    }

    private fun handle(event: RoomEvent) {
        when (event) {
            is RoomEvent.Lost -> notice.value = "the room is not reachable"
            is RoomEvent.Joined -> notice.value = "in the room"
            is RoomEvent.Left -> notice.value = "out of the room: ${event.exit}"
            else -> Unit
        }
    }

    suspend fun write(text: String): String {
        val sent = client.send(contact, text)
        scope.launch { sent.stages.collect { stage -> marks.update { it + (sent.id to markOf(stage)) } } }
        return sent.id
    }

    private fun markOf(stage: Stage): String =
        when (stage) {
            Stage.Queued -> "waiting"
            Stage.Sent -> "sent"
            Stage.Acked -> "at the server"
            is Stage.Failed -> "failed"
        }

    suspend fun join(
        room: String,
        nick: String,
    ): Room = client.rooms.join(Jid.parse(room), nick)
}
