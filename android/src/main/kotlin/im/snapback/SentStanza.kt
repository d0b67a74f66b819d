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

/** A stanza that was given to the client and is stored. It will be sent, and sent again, until the server has it. */
public class SentStanza internal constructor(
    /** Its id. */
    public val id: String,
    private val track: MutableSharedFlow<Stage?>,
    private val queue: EventQueue<*>,
) {
    /**
     * The stages that it reaches, those so far included; ends behind `Acked` or `Failed`, or with the client. They arrive
     * whether or not [SnapbackClient.events] are collected, until a thousand events wait there.
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
     * Suspends until the server has taken it over. As with [stages], nobody has to collect events for that.
     *
     * @throws SnapbackException.SendFailed if it will not be sent (again).
     * @throws SnapbackException.Closed if the client was closed before. A stored message is sent when it is opened again.
     */
    public suspend fun awaitAcked() {
        when (val last = stages.lastOrNull()) {
            is Stage.Acked -> Unit
            is Stage.Failed -> throw SnapbackException.SendFailed(last.reason)
            else -> throw SnapbackException.Closed()
        }
    }
}

/** Leads the stages of the core to the stanzas that they are about. */
internal class Tracker {
    private val tracks = ConcurrentHashMap<String, MutableSharedFlow<Stage?>>()

    @Volatile
    private var ended = false

    /** Before the stanza is given to the core, so that no stage is missed. */
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

    /** It was not taken. */
    fun forget(id: String) {
        tracks.remove(id)
    }

    /** No more stages will come. */
    fun end() {
        ended = true
        tracks.keys.toList().forEach { tracks.remove(it)?.tryEmit(null) }
    }

    private companion object {
        /** A stanza that is sent again in new sessions has more stages than these; the latest are kept. */
        const val KEPT_STAGES = 8
    }
}
