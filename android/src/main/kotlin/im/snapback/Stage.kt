package im.snapback

import im.snapback.ffi.FailureReason as CoreFailure
import im.snapback.ffi.Stage as CoreStage

/** How far an outbound stanza is. */
public sealed interface Stage {
    /** The stanza is stored and will be sent. */
    public data object Queued : Stage

    /** The stanza was written to a connection; the server may or may not have it. */
    public data object Sent : Stage

    /** The server has acknowledged the stanza (XEP-0198 section 4). It may still be answered with an error later. */
    public data object Acked : Stage

    /** The stanza is not sent, or not sent again. */
    public data class Failed(val reason: SendFailure) : Stage
}

/** Why a stanza failed. */
public sealed interface SendFailure {
    /** It belonged to a session that is lost. */
    public data object SessionLost : SendFailure

    /** A chat state alone is sent at once or never (XEP-0085), and there was no session, or the connection broke. */
    public data object NotOnline : SendFailure

    /**
     * The server closed the stream with a stream error each time that the stanza was sent. [condition] is the defined
     * condition, such as `policy-violation` (RFC 6120 section 4.9).
     */
    public data class StreamEnded(val condition: String) : SendFailure

    /**
     * It is larger ([size], in bytes of XML) than the limit of the server ([limit], XEP-0478), which was not known when it was
     * queued.
     */
    public data class TooBig(val size: Long, val limit: Long) : SendFailure

    /**
     * A server or the recipient answered the stanza with an error (RFC 6120 section 8.3). [text] is that entity's own text: not
     * safe to log. [error] is the element `error`, with the application-specific conditions and their data.
     */
    public class Refused(
        public val type: String,
        public val condition: String,
        public val text: String?,
        public val error: Element,
    ) : SendFailure {
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
                    is CoreFailure.NotOnline -> SendFailure.NotOnline
                    is CoreFailure.StreamEnded -> SendFailure.StreamEnded(reason.condition)
                    is CoreFailure.TooBig -> SendFailure.TooBig(reason.size.toLong(), reason.limit.toLong())
                    is CoreFailure.Refused -> SendFailure.Refused(reason.kind, reason.condition, reason.text, Element.received(reason.xml))
                },
            )
    }
