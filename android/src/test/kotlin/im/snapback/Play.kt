package im.snapback

import com.google.gson.JsonObject
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * Plays one scenario; `tests/scenarios/README.md` describes the format. Unknown fields and actions are errors.
 *
 * Where the API has no setting for the delays between attempts, the client's defaults apply, so that reconnects take longer
 * than in Rust.
 */
internal class Play(
    private val scenario: JsonObject,
) : AutoCloseable {
    private val setting = (scenario["setting"] ?: JsonObject()).asJsonObject
    private val server: TestServer
    private val apps: List<ScenarioApp>

    /** The ids of the messages that romeo sent, with the account addressed. */
    private val fromRomeo = mutableListOf<Pair<String, String>>()

    init {
        scenario.knows("name", "story", "setting", "steps")
        setting.knows("kind", "transport", "rtt_ms", "apps", "waits")
        val count = setting["apps"]?.asInt ?: 1
        val guests = if (count > 1) count else 0
        val kind = setting["kind"]?.asString ?: "sasl2"
        val rtt = setting["rtt_ms"]?.asInt ?: 20
        server = TestServer("--kind", kind, "--rtt-ms", "$rtt", "--guests", "$guests")
        val transport =
            when (val name = setting["transport"]?.asString ?: "direct") {
                "direct" -> Transport.DIRECT_TLS
                "starttls" -> Transport.START_TLS
                else -> error("unknown transport $name")
            }
        val users = if (guests == 0) listOf("juliet") else (1..guests).map { "guest$it" }
        apps = users.map { ScenarioApp(server, it, transport, waits()) }
    }

    private fun waits(): Waits {
        val waits = (setting["waits"] ?: JsonObject()).asJsonObject
        waits.knows("base_ms", "cap_ms", "relief_base_ms", "relief_floor_ms", "probe_ms")

        fun wait(
            name: String,
            otherwise: Int,
        ) = (waits[name]?.asInt ?: otherwise).milliseconds
        // The client's default delays for a restarting server begin at five seconds, and the cap must leave room for random
        // ones.
        return Waits(wait("base_ms", 20), wait("cap_ms", 200).coerceAtLeast(8.seconds), wait("probe_ms", 500))
    }

    suspend fun run() {
        apps.forEach { it.start() }
        scenario["steps"].asJsonArray.map { it.asJsonObject }.forEachIndexed { index, step ->
            try {
                play(step)
            } catch (error: Throwable) {
                throw AssertionError("step ${index + 1}, $step: $error\n${apps.joinToString("\n")}", error)
            }
        }
    }

    private suspend fun play(step: JsonObject) {
        val kinds = listOf("app", "world", "expect").filter(step::has)
        when (kinds.singleOrNull()) {
            "app" -> apps.forEach { act(it, step) }
            "world" -> obey(step)
            "expect" -> expect(step)
            else -> error("a step is one of app, world, expect")
        }
    }

    private suspend fun act(
        app: ScenarioApp,
        step: JsonObject,
    ) {
        step.knows("app", "count", "available")
        when (val action = step["app"].asString) {
            "start" -> app.start()
            "kill" -> app.kill()
            "connect" -> app.client.connect()
            "disconnect" -> app.client.disconnect()
            "send" -> repeat(step["count"]?.asInt ?: 1) { app.send() }
            "background" -> app.client.setForeground(false)
            "foreground" -> app.client.setForeground(true)
            "suspend" -> app.client.pause()
            "resume" -> app.client.resume()
            "network" -> app.client.networkChanged(NetworkState(step["available"].asBoolean, emptyList()))
            else -> error("unknown action $action")
        }
    }

    private fun obey(step: JsonObject) {
        val answer = server.obey(step)
        if (step["world"].asString == "message") {
            val to = step["to"]?.asString ?: "juliet"
            answer["ids"].asJsonArray.mapTo(fromRomeo) { to to it.asString }
        }
    }

    private suspend fun expect(step: JsonObject) {
        val within = (step["within_ms"]?.asLong?.milliseconds ?: TIMEOUT) * OWN_WAITS
        when (val what = step["expect"].asString) {
            "online" -> {
                step.knows("expect", "outcome", "max_round_trips", "within_ms")
                val outcome = SessionOutcome.valueOf(step["outcome"].asString.uppercase())
                val most = step["max_round_trips"]?.asInt ?: Int.MAX_VALUE
                for (app in apps) {
                    val session = app.nextSession(within)
                    check(session.outcome == outcome && session.timeline.roundTrips <= most) {
                        "${session.outcome} in ${session.timeline.roundTrips} round trips"
                    }
                }
            }
            "offline" -> {
                step.knows("expect", "within_ms")
                apps.forEach { it.awaitOffline(within) }
            }
            "settled" -> {
                step.knows("expect", "lost", "duplicated", "within_ms")
                apps.forEach { settle(it, step["lost"].asInt, step["duplicated"].asInt, within) }
            }
            "connections" -> {
                step.knows("expect", "at_most")
                val found = connections().size
                check(found <= step["at_most"].asInt) { "$found connections" }
            }
            "spread" -> {
                step.knows("expect", "at_least_ms")
                spread(step["at_least_ms"].asLong)
            }
            else -> error("unknown expectation $what")
        }
    }

    private suspend fun settle(
        app: ScenarioApp,
        lost: Int,
        duplicated: Int,
        within: Duration,
    ) {
        val sentToIt = fromRomeo.filter { (to, _) -> to == app.user }.map { (_, id) -> id }
        app.awaitSettled(sentToIt, lost, within)
        withTimeout(within) { while (unacknowledged(app.user) > 0) delay(LOOK_AGAIN) }
        val arrived = server.tell("received", "from" to app.user)["messages"].asJsonArray.map { it.asJsonObject["id"].asString }
        val (outLost, outAgain) = compare(app.sent, arrived)
        val (inLost, inAgain) = compare(sentToIt, app.received())
        check(outLost + inLost <= lost && outAgain + inAgain <= duplicated) {
            "lost $outLost and $inLost, duplicated $outAgain and $inAgain"
        }
    }

    /** Returns the numbers of lost and of duplicated messages. */
    private fun compare(
        sent: List<String>,
        arrived: List<String>,
    ): Pair<Int, Int> {
        val lost = sent.count { it !in arrived }
        return lost to arrived.size + lost - sent.size
    }

    private fun unacknowledged(user: String): Int =
        stats()["sessions"].asJsonArray.map { it.asJsonObject }
            .filter { it["jid"].asString.startsWith("$user@localhost/") }
            .sumOf { it["unacked"].asInt }

    private fun spread(atLeastMs: Long) {
        val last = apps.map { app -> connections().filter { it["account"]?.asString == app.user }.maxOf { it["opened_ms"].asLong } }
        check(last.max() - last.min() >= atLeastMs) { "${last.max() - last.min()} ms from the first to the last" }
    }

    private fun connections(): List<JsonObject> = stats()["connections"].asJsonArray.map { it.asJsonObject }

    private fun stats(): JsonObject = server.tell("stats")["stats"].asJsonObject

    override fun close() {
        apps.forEach { it.close() }
        server.close()
    }

    private companion object {
        /**
         * The factor for expected times: the scenarios assume short delays between attempts, and the client's defaults are
         * longer.
         */
        const val OWN_WAITS = 4
        val LOOK_AGAIN = 20.milliseconds
    }
}
