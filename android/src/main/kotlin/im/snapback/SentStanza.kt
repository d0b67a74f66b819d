package im.snapback

import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.lastOrNull
import kotlinx.coroutines.flow.transformWhile
import java.util.concurrent.ConcurrentHashMap

/**
 * A stanza that the client has stored for sending. The client sends it, again after each reconnect if need be, until the server
 * has acknowledged it (XEP-0198).
 */
public class SentStanza internal constructor(
    /** The id of the stanza. */
    public val id: String,
    private val track: MutableSharedFlow<Stage?>,
    private val queue: EventQueue<*>,
) {
    /**
     * The stages that the stanza reaches, including those so far. The flow ends after [Stage.Acked] or [Stage.Failed], or when
     * the client is closed. While it is collected, the stages arrive even if [SnapbackClient.events] are not collected, until
     * about a thousand events wait there.
     */
    public val stages: Flow<Stage>
        get() =
            flow {
                queue.widened {
                    val reached =
                        track.transformWhile { stage ->
                            emit(stage)
                            stage != null && !stage.isFinal
                        }
                    emitAll(reached.filterNotNull())
                }
            }

    /**
     * Suspends until the server has acknowledged the stanza (XEP-0198). As with [stages], the events need not be collected for
     * that.
     *
     * @throws SnapbackException.SendFailed if the stanza is not sent, or not sent again.
     * @throws SnapbackException.Closed if the client is closed first. A stanza in a file is sent when the client is opened
     *   again.
     */
    public suspend fun awaitAcked() {
        when (val last = stages.lastOrNull()) {
            is Stage.Acked -> Unit
            is Stage.Failed -> throw SnapbackException.SendFailed(last.reason)
            else -> throw SnapbackException.Closed()
        }
    }
}

/** Distributes the stages that the core reports to the stanzas that they are about. */
internal class Tracker {
    private val tracks = ConcurrentHashMap<String, MutableSharedFlow<Stage?>>()

    @Volatile
    private var ended = false

    /** Starts tracking a stanza. Called before the stanza is given to the core, so that no stage is missed. */
    fun track(id: String): MutableSharedFlow<Stage?> {
        val track = MutableSharedFlow<Stage?>(replay = KEPT_STAGES, onBufferOverflow = BufferOverflow.DROP_OLDEST)
        tracks[id] = track
        if (ended) end()
        return track
    }

    fun reached(
        id: String,
        stage: Stage,
    ) {
        val track = if (stage.isFinal) tracks.remove(id) else tracks[id]
        track?.tryEmit(stage)
    }

    /** Stops tracking a stanza that the core refused. */
    fun forget(id: String) {
        tracks.remove(id)
    }

    /** Ends all tracks: no more stages are reported. */
    fun end() {
        ended = true
        tracks.keys.toList().forEach { tracks.remove(it)?.tryEmit(null) }
    }

    private companion object {
        /**
         * How many stages are kept for a new collector. A stanza that is sent again in new sessions has more; the latest are
         * kept.
         */
        const val KEPT_STAGES = 8
    }
}
