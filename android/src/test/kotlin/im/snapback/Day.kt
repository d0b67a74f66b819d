package im.snapback

import com.google.gson.JsonObject
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Plays a day on a real server; `tests/scenarios/README.md` describes the format. Unknown fields and verbs are errors. */
internal class Day(
    private val server: TestServer,
    private val juliet: Person,
    private val romeo: Person,
) {
    /** A message of the day, as its author knows it. */
    private class Written(
        val id: String,
        val author: Person,
        val text: String,
        val isInRoom: Boolean,
        val about: List<String>,
    ) {
        /** What its reader knows it by. */
        var key: MessageKey? = null

        /** Whether its reader must never see it. */
        var isBlocked = false
    }

    private val written = mutableMapOf<String, Written>()
    private val avatar = ByteArray(9000) { it.toByte() }
    private val rooms = "conference.${juliet.jid.domain}"

    suspend fun play(day: JsonObject) {
        day.knows("name", "story", "steps")
        day["steps"].asJsonArray.map { it.asJsonObject }.forEachIndexed { index, step ->
            try {
                play(DayStep(step))
            } catch (error: Throwable) {
                throw AssertionError("step ${index + 1}, $step: $error", error)
            }
        }
        everythingArrivedOnce()
    }

    /** One step; each field is taken by its name, and none may be left. */
    private class DayStep(val json: JsonObject) {
        private val taken = mutableSetOf<String>()

        fun has(name: String): Boolean = json.has(name)

        fun text(name: String): String = checkNotNull(textOrNull(name)) { "$name is missing" }

        fun textOrNull(name: String): String? = json[name]?.asString.also { taken += name }

        fun flag(name: String): Boolean = json[name]?.asBoolean.also { taken += name } ?: false

        fun number(name: String): Int = json[name].asInt.also { taken += name }

        fun list(name: String): List<String> = json[name].asJsonArray.map { it.asString }.also { taken += name }

        fun end() = json.knows(*taken.toTypedArray())
    }

    private suspend fun play(step: DayStep) {
        when {
            step.has("juliet") -> act(juliet, romeo, step, step.text("juliet"))
            step.has("romeo") -> act(romeo, juliet, step, step.text("romeo"))
            // The server refuses unknown commands.
            else -> return server.obey(step.json).let { }
        }
        step.end()
    }

    private suspend fun act(
        person: Person,
        other: Person,
        step: DayStep,
        verb: String,
    ) {
        val client = person.client
        when (verb) {
            "connect" -> client.connect()
            "disconnect" -> client.disconnect()
            "suspend" -> client.pause()
            "resume" -> client.resume()
            "online" -> same(step.outcome(), person.nextSession())
            "subscribe" -> client.subscriptions.request(other.jid)
            "approve" -> {
                person.awaits { other.jid in it.asking }
                client.subscriptions.approve(other.jid)
            }
            "present" -> person.awaits { other.jid in it.present }
            "write" -> write(person, other, step)
            "read" -> read(person, step.text("message"))
            "acked" -> message(step.text("message")).let { message -> person.awaits { message.id in it.acked } }
            "never_read" -> message(step.text("message")).isBlocked = true
            "receipt" -> person.told(step.text("of")) { it.receiptOf }
            "display" -> message(step.text("of")).let { message -> client.send(other.jid) { displayed = message.id } }
            "displayed" -> person.told(step.text("of")) { it.displayed }
            "type" -> step.state().let { state -> client.send(other.jid) { chatState = state } }
            "typing" -> step.state().let { state -> person.awaits { it.messages.values.any { one -> one.chatState == state } } }
            "react" -> step.reactions().let { reacted -> client.send(other.jid) { reactions = reacted } }
            "reactions" -> step.reactions().let { reacted -> person.awaits { it.messages.values.any { one -> one.reactions == reacted } } }
            "join" -> join(person, step.text("room"))
            "fill" -> (1..step.number("count")).forEach { client.send(other.jid, filling(it)) }
            "filled" -> {
                val texts = (1..step.number("count")).map(::filling)
                person.awaits { shown -> shown.messages.values.count { it.body.orEmpty().startsWith(FILLING) } >= texts.size }
                texts.forEach { same(1, person.count(it)) }
            }
            "scroll_back" -> scrollBack(person, other, step.number("count"))
            else -> useServices(person, other, step, verb)
        }
    }

    private suspend fun useServices(
        person: Person,
        other: Person,
        step: DayStep,
        verb: String,
    ) {
        val client = person.client
        when (verb) {
            "set_avatar" -> client.profiles.publishAvatar(OutgoingAvatar(avatar, "image/png", 64u, 64u))
            "avatar" -> {
                val format = client.profiles.avatars(other.jid).first()
                check(client.profiles.avatarData(other.jid, format.id).contentEquals(avatar)) { "another avatar" }
            }
            "upload_slot" -> {
                val service = checkNotNull(client.uploads.service()) { "no upload service" }
                val file = FileUpload(step.text("name"), step.number("size").toLong(), "image/jpeg")
                val slot = client.uploads.slot(service, file)
                check(slot.putUrl.endsWith(file.name)) { slot.putUrl }
            }
            "block" -> client.blocking.block(other.jid)
            "unblock" -> client.blocking.unblock(other.jid)
            "enable_push" -> {
                // The other's app is the push service of the day.
                client.push.enable(other.fullJid, "day")
                person.awaits { it.isPushEnabled }
            }
            "notified" -> person.nextNotification()
            "drain" -> {
                val expected = if (step.outcome() == SessionOutcome.BOUND) SessionOutcome.UNANNOUNCED else SessionOutcome.RESUMED
                val report = client.drain(SYNC_TIMEOUT, mayBind = true)
                same(DrainOutcome.Complete, report.outcome)
                same(expected to false, report.session to report.hasGap)
                // The session of the sync is none that a step asks about.
                same(expected, person.nextSession())
            }
            else -> error("unknown verb $verb")
        }
    }

    private suspend fun write(
        person: Person,
        other: Person,
        step: DayStep,
    ) {
        val (name, words) = step.text("as") to step.text("text")
        val room = step.textOrNull("room")
        val (corrected, answered) = step.textOrNull("corrects") to step.textOrNull("replies_to")
        val (asksForReceipt, asksForMarker) = step.flag("receipt") to step.flag("markable")
        val message: MessageBuilder.() -> Unit = {
            body = words
            requestReceipt = asksForReceipt
            markable = asksForMarker
            corrects = corrected?.let { message(it).id }
            reply = answered?.let { message(it) }?.let { Reply(it.id, it.author.jid) }
        }
        val sent = if (room == null) person.client.send(other.jid, message) else person.client.rooms.get(room(room)).send(message)
        written[name] = Written(sent.id, person, words, room != null, listOfNotNull(corrected, answered))
    }

    /** Waits until the person's app has the message, and checks what it says of others. */
    private suspend fun read(
        person: Person,
        name: String,
    ) {
        val message = message(name)
        val read = person.until { it.withText(message.text).firstOrNull() }
        message.key = read.key
        for (about in message.about.map(::message)) {
            val holds =
                if (about.author === person) {
                    read.references.any { it.id == about.id }
                } else {
                    val key = checkNotNull(about.key) { "the other message was not read" }
                    read.references.any { read.key?.refersTo(it, key) == ReferenceVerdict.HOLDS }
                }
            check(holds) { "${read.references}" }
        }
    }

    /** Waits for something that is said about a message of the day. */
    private suspend fun Person.told(
        about: String,
        id: (ReceivedMessage) -> String?,
    ) {
        val message = message(about)
        awaits { shown -> shown.messages.values.any { id(it) == message.id } }
    }

    private suspend fun join(
        person: Person,
        name: String,
    ) {
        val room = person.client.rooms.join(room(name), person.name)
        // What is missed during a long absence comes from the room's archive.
        withTimeout(TIMEOUT) { while (room.info()?.hasArchive != true) delay(LOOK_AGAIN) }
    }

    /** Reads the conversation from its newest message backwards, until as many of the filling are read. */
    private suspend fun scrollBack(
        person: Person,
        other: Person,
        count: Int,
    ) {
        val read = mutableListOf<String>()
        var before: String? = null
        while (read.size < count) {
            val page = person.client.history(other.jid, before, limit = 100)
            page.messages.mapNotNullTo(read) { it.message.body?.takeIf { body -> body.startsWith(FILLING) } }
            before = checkNotNull(page.next) { "only ${read.size} in the archive" }
        }
        same((1..count).map(::filling).reversed(), read)
    }

    private fun everythingArrivedOnce() {
        for (message in written.values) {
            val reader = if (message.author === juliet) romeo else juliet
            val expected =
                when {
                    message.isInRoom -> 1 to 1
                    message.isBlocked -> 0 to 0
                    else -> 0 to 1
                }
            val arrived = message.author.count(message.text) to reader.count(message.text)
            check(expected == arrived) { "${message.text}: $arrived" }
        }
    }

    private fun message(name: String): Written = checkNotNull(written[name]) { "no message is named $name" }

    private fun room(name: String): Jid = Jid.parse("$name@$rooms")

    private fun DayStep.outcome(): SessionOutcome = SessionOutcome.valueOf(text("outcome").uppercase())

    private fun DayStep.state(): ChatState = ChatState.valueOf(text("state").uppercase())

    private fun DayStep.reactions(): Reactions = Reactions(message(text("to")).id, list("emojis"))

    private fun <T> same(
        expected: T,
        found: T,
    ) = check(expected == found) { "expected $expected, found $found" }

    private companion object {
        const val FILLING = "line "

        /** As long as a push gives an app. */
        val SYNC_TIMEOUT = 25.seconds
        val LOOK_AGAIN = 20.milliseconds

        fun filling(number: Int): String = "$FILLING$number"
    }
}

/** Checks that a JSON object has only these fields. */
internal fun JsonObject.knows(vararg names: String) {
    val unknown = keySet() - names.toSet()
    check(unknown.isEmpty()) { "unknown: $unknown" }
}
