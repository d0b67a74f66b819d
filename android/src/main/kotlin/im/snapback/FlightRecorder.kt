package im.snapback

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import im.snapback.ffi.Percentiles as CorePercentiles

/**
 * What the last connections did, failed ones too, and how good the connection is, from [SnapbackClient.recorder]. In memory: it
 * begins anew with each process. It holds names of protocol messages, times and addresses of servers; no content, no address of a
 * person, no secret.
 */
public class FlightRecorder internal constructor(
    private val calls: Calls,
) {
    /** Returns the last attempts to connect, at most 256, the newest last. The last one is the connection that exists, if any. */
    public suspend fun recentAttempts(): List<AttemptRecord> =
        calls.call { recentAttempts() }.map {
            AttemptRecord(
                number = it.number.toLong(),
                atMillis = it.atMs,
                dial = it.dial.toDialReport(),
                timeline = it.timeline?.toTimeline(),
                outcome = it.outcome,
                ended = it.ended?.toReason(),
                lasted = it.lastedMs?.toLong()?.milliseconds,
            )
        }

    /**
     * Returns the same as lines of JSON, for a report of the user: `snapback trace` draws them. An error in it may contain what the
     * server said.
     */
    public suspend fun export(): String = calls.call { exportAttempts() }

    /** Returns how good the connection was in the last seven days, as far as this process knows. */
    public suspend fun quality(): ConnectionQuality =
        calls.call { connectionQuality() }.let {
            ConnectionQuality(
                attempts = it.attempts.toLong(),
                resumed = it.resumed.toLong(),
                bound = it.bound.toLong(),
                timeToOnline = it.timeToOnline?.toPercentiles(),
                login = it.login?.toPercentiles(),
                roundTrip = it.roundTripMs?.toLong()?.milliseconds,
                loginBytesSent = it.loginBytesSent.toLong(),
                loginBytesReceived = it.loginBytesReceived.toLong(),
            )
        }
}

/** An attempt to connect, and the connection that came of it. */
public data class AttemptRecord(
    /** Counts from 1 since the client was opened. */
    val number: Long,
    /** When its result was known, by the clock of the device, in milliseconds since 1970. */
    val atMillis: Long,
    /** How the server was found and reached. */
    val dial: DialReport,
    /** What each flight carried; `null` if there was no transport. */
    val timeline: Timeline?,
    /** The session that was established; `null` if there was none. */
    val outcome: SessionOutcome?,
    /** Why the connection or the attempt ended; `null` for the connection that exists. */
    val ended: EndReason?,
    /** How long the session lasted, if it has ended. */
    val lasted: Duration?,
)

/** How good the connection was. */
public data class ConnectionQuality(
    /** Attempts to connect. */
    val attempts: Long,
    /** Sessions that were resumed (XEP-0198). */
    val resumed: Long,
    /** New sessions. */
    val bound: Long,
    /** The time from when a session was wanted and possible, with a network and the process awake, to the session. */
    val timeToOnline: Percentiles?,
    /** The time from the first packet of a connection to the session. */
    val login: Percentiles?,
    /** The time of the last TCP handshake: a round trip, or a little more. */
    val roundTrip: Duration?,
    /** Bytes written by logins, until the session was established. */
    val loginBytesSent: Long,
    /** Bytes read by logins, until the session was established. */
    val loginBytesReceived: Long,
)

/** Two percentiles of times: half of them, and all but one in a hundred, took at most this long. */
public data class Percentiles(val p50: Duration, val p99: Duration)

private fun CorePercentiles.toPercentiles(): Percentiles = Percentiles(p50Ms.toLong().milliseconds, p99Ms.toLong().milliseconds)
