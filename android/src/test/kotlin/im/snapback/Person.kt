package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout

/** A person of a day: an app, and what its client has reported. */
internal class Person private constructor(
    val name: String,
    val jid: Jid,
    val client: SnapbackClient,
) : AutoCloseable {
    private val scope = CoroutineScope(Job() + Dispatchers.Default)
    private val shown = MutableStateFlow(Shown())
    private var sessions = 0
    private var notifications = 0

    /** The address of the last session. */
    val fullJid: Jid get() = shown.value.sessions.last().jid

    /** What the client has reported. */
    data class Shown(
        val messages: Map<String, ReceivedMessage> = emptyMap(),
        val sessions: List<Event.Online> = emptyList(),
        val present: Set<Jid> = emptySet(),
        val asking: Set<Jid> = emptySet(),
        val acked: Set<String> = emptySet(),
        val isPushEnabled: Boolean = false,
        val notifications: Int = 0,
    ) {
        fun withText(text: String): List<ReceivedMessage> = messages.values.filter { it.body == text }
    }

    init {
        client.onRequest(PUBSUB) { request ->
            if (request.isSet && request.payload.name == "pubsub") shown.update { it.copy(notifications = it.notifications + 1) }
            RequestAnswer.Result()
        }
        scope.launch { client.events.collect(::take) }
    }

    private fun take(event: Event) {
        shown.update { before ->
            when (event) {
                is Event.Online -> before.copy(sessions = before.sessions + event)
                is Event.Message -> before.copy(messages = before.messages + (event.deliveryId to event.message))
                is Event.Presence -> before.with(event.presence)
                is Event.StageReached -> if (event.stage is Stage.Acked) before.copy(acked = before.acked + event.id) else before
                is Event.PushEnabled -> before.copy(isPushEnabled = true)
                else -> before
            }
        }
        if (event is Event.Delivery) event.confirm()
    }

    private fun Shown.with(presence: ReceivedPresence): Shown {
        val request = presence.subscription
        val from = presence.from.jid?.bare ?: return this
        return when {
            request?.step == SubscriptionStep.REQUESTED -> copy(asking = asking + request.contact.bare)
            presence.type == null -> copy(present = present + from)
            else -> this
        }
    }

    /** Waits until there is a result. */
    suspend fun <R : Any> until(result: (Shown) -> R?): R = withTimeout(TIMEOUT) { shown.mapNotNull(result).first() }

    /** Waits until the condition is true. */
    suspend fun awaits(condition: (Shown) -> Boolean) {
        until { it.takeIf(condition) }
    }

    /** Waits for the first session after the one that this returned last. */
    suspend fun nextSession(): SessionOutcome = until { it.sessions.getOrNull(sessions) }.outcome.also { sessions++ }

    /** As the push service: waits for the first notification after the one that this returned for last. */
    suspend fun nextNotification() {
        awaits { it.notifications > notifications }
        notifications++
    }

    fun count(text: String): Int = shown.value.withText(text).size

    override fun close() {
        client.close()
        scope.cancel()
    }

    companion object {
        /** What a push notification is (XEP-0357 section 7). */
        private const val PUBSUB = "http://jabber.org/protocol/pubsub"

        suspend fun open(
            server: TestServer,
            name: String,
            port: Int,
        ): Person {
            val (account, password) = server.passwords.entries.first { it.key.startsWith("$name@") }
            val client =
                SnapbackClient.open(account, password) {
                    server("127.0.0.1", port)
                    danger { trustOnlyTheseRoots(server.authority) }
                    identity { requests = listOf(PUBSUB) }
                }
            return Person(name, Jid.parse(account), client)
        }
    }
}
