package org.example.chat

import im.snapback.ConnectionState
import im.snapback.DrainOutcome
import im.snapback.Event
import im.snapback.Jid
import im.snapback.SentStanza
import im.snapback.SnapbackClient
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.seconds

/** A line of the conversation; [Chat.ME] stands for the user. */
data class Line(val from: String, val text: String)

/**
 * A conversation with one contact. It lives until the process ends, in the foreground and in the background. Needs no Android.
 */
class Chat(
    private val client: SnapbackClient,
    private val contact: Jid,
    scope: CoroutineScope,
) {
    private val conversation = MutableStateFlow(emptyList<Line>())
    private val logins = MutableStateFlow(emptyList<String>())

    /** The messages sent and received so far. */
    val lines: StateFlow<List<Line>> = conversation.asStateFlow()

    /** The outcome of each login: `BOUND` or `RESUMED`, and the number of round trips. */
    val journal: StateFlow<List<String>> = logins.asStateFlow()

    val state: StateFlow<ConnectionState> get() = client.state

    init {
        scope.launch {
            client.events.collect { event ->
                when (event) {
                    is Event.Message -> {
                        val message = event.message
                        conversation.update { it + Line((message.from.jid?.bare ?: message.from).toString(), message.body.orEmpty()) }
                    }
                    is Event.Online -> logins.update { it + "${event.outcome} in ${event.timeline.roundTrips}" }
                    else -> Unit
                }
                // The message is in `lines` now, so that it need not be delivered again.
                if (event is Event.Delivery) event.confirm()
            }
        }
    }

    /** Connects. Called when the user opens the app. */
    fun connect() = client.connect()

    /** Fetches the messages that wait at the server, after a push notification. Returns whether there may be more. */
    suspend fun fetch(): Boolean = client.drain(20.seconds).outcome == DrainOutcome.TimedOut

    /** Logs out, and closes the client. */
    suspend fun end() {
        client.logOut()
        client.shutdown()
    }

    /** Sends a message. It is stored when this returns, and shown. */
    suspend fun say(text: String): SentStanza = client.send(contact, text).also { conversation.update { lines -> lines + Line(ME, text) } }

    companion object {
        /** Who has sent a message, if the user has. */
        const val ME: String = "me"
    }
}
