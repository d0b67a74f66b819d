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

/** One line of the conversation. */
data class Line(val from: String, val text: String)

/** A conversation with one contact, as long as the process lives, whether anybody looks or not. Nothing here knows Android. */
class Chat(
    private val client: SnapbackClient,
    private val contact: Jid,
    scope: CoroutineScope,
) {
    private val received = MutableStateFlow(emptyList<Line>())
    private val logins = MutableStateFlow(emptyList<String>())

    /** What was said. */
    val lines: StateFlow<List<Line>> = received.asStateFlow()

    /** How each login went. */
    val journal: StateFlow<List<String>> = logins.asStateFlow()

    val state: StateFlow<ConnectionState> get() = client.state

    init {
        scope.launch {
            client.events.collect { event ->
                when (event) {
                    is Event.Message -> {
                        val message = event.message
                        received.update { it + Line((message.from.jid?.bare ?: message.from).toString(), message.body.orEmpty()) }
                    }
                    is Event.Online -> logins.update { it + "${event.outcome} in ${event.timeline.roundTrips}" }
                    else -> Unit
                }
                // It is in `lines` now: it must not come again.
                if (event is Event.Delivery) event.confirm()
            }
        }
    }

    /** The user is here, and wants to be online. */
    fun connect() = client.connect()

    /** A push came: fetches what is waiting. Says whether there may be more. */
    suspend fun fetch(): Boolean = client.drain(20.seconds) == DrainOutcome.TimedOut

    suspend fun say(text: String): SentStanza = client.send(contact, text)
}
