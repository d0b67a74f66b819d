package im.snapback

import im.snapback.ffi.FailureReason as CoreFailure
import im.snapback.ffi.Stage as CoreStage

/** The life of a stanza of ours. */
public sealed interface Stage {
    /** It is stored and will be sent. */
    public data object Queued : Stage

    /** Its bytes may have left. */
    public data object Sent : Stage

    /** The server has taken it over. */
    public data object Acked : Stage

    /** It will not be sent (again). */
    public data class Failed(val reason: SendFailure) : Stage
}

/** Why a stanza failed. */
public sealed interface SendFailure {
    /** It belonged to a session that is gone. */
    public data object SessionLost : SendFailure

    /** The server ended the stream each time that it was sent, with a condition such as `policy-violation`. */
    public data class StreamEnded(val condition: String) : SendFailure

    /** It has more bytes ([size]) than the server takes ([limit], XEP-0478), which was not known when it was queued. */
    public data class TooBig(val size: Long, val limit: Long) : SendFailure

    /** The server said so (RFC 6120 section 8.3). Its own words in [text] are not safe to log. */
    public class Refused(public val type: String, public val condition: String, public val text: String?) : SendFailure {
        override fun toString(): String = "Refused(condition=$condition)"
    }
}

internal val Stage.isFinal: Boolean get() = this is Stage.Acked || this is Stage.Failed

internal fun CoreStage.toStage(): Stage =
    when (this) {
        is CoreStage.Queued -> Stage.Queued
        is CoreStage.Sent -> Stage.Sent
        is CoreStage.Acked -> Stage.Acked
        is CoreStage.Failed ->
            Stage.Failed(
                when (val reason = reason) {
                    is CoreFailure.SessionLost -> SendFailure.SessionLost
                    is CoreFailure.StreamEnded -> SendFailure.StreamEnded(reason.condition)
                    is CoreFailure.TooBig -> SendFailure.TooBig(reason.size.toLong(), reason.limit.toLong())
                    is CoreFailure.Refused -> SendFailure.Refused(reason.kind, reason.condition, reason.text)
                },
            )
    }
