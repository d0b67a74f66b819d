package im.snapback.testing

import im.snapback.Element
import im.snapback.IqType
import im.snapback.Jid
import im.snapback.RequestAnswer
import im.snapback.ffi.InboundRequest
import im.snapback.ffi.IqAnswer
import im.snapback.ffi.IqException
import im.snapback.ffi.IqRequest
import im.snapback.ffi.StanzaAddress
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.withTimeoutOrNull

/** The requests of the app and those of others. */
internal class Requests(
    private val world: World,
) {
    private val handlers = mutableMapOf<String, (SentRequest) -> RequestAnswer?>()
    private val inbound = mutableMapOf<ULong, CompletableDeferred<RequestAnswer>>()
    private val unanswered = mutableSetOf<CompletableDeferred<RequestAnswer>>()
    private var lastNumber = 0uL
    val sent = mutableListOf<SentRequest>()

    fun handle(
        namespace: String,
        handler: (SentRequest) -> RequestAnswer?,
    ) {
        world.change { handlers[namespace] = handler }
    }

    suspend fun ask(request: IqRequest): IqAnswer {
        world.scripted()
        val asked = SentRequest(request.to?.let(Jid::parse), request.kind, parsed(request.payload))
        val answer = withTimeoutOrNull(request.timeoutMs.toLong()) { answer(asked, request.timeoutMs.toLong()) }
        when (answer) {
            null -> throw IqException.TimedOut()
            is RequestAnswer.Result -> return IqAnswer(request.to, answer.payload?.toXml())
            is RequestAnswer.Refused -> throw refused(answer)
        }
    }

    private fun parsed(payload: String): Element =
        try {
            Element.parse(payload)
        } catch (_: im.snapback.SnapbackException) {
            throw IqException.BadXml()
        }

    private suspend fun answer(
        request: SentRequest,
        timeout: Long,
    ): RequestAnswer? {
        if (!world.awaitSession(timeout) { IqException.Closed() }) return null
        val handler = world.change { handlers[request.payload.namespace].also { sent += request } }
        if (handler == null) return RequestAnswer.Refused("service-unavailable")
        return handler(request) ?: unanswered()
    }

    /** Waits until the session is lost, or the client closed. */
    private suspend fun unanswered(): RequestAnswer {
        val never = CompletableDeferred<RequestAnswer>()
        world.change { unanswered += never }
        return never.await()
    }

    fun sessionLost() {
        unanswered.forEach { it.completeExceptionally(IqException.SessionLost()) }
        unanswered.clear()
    }

    fun closed(): Unit =
        world.change {
            unanswered.forEach { it.completeExceptionally(IqException.Closed()) }
            unanswered.clear()
        }

    suspend fun receive(
        from: Jid,
        payload: Element,
        isSet: Boolean,
    ): RequestAnswer {
        val answer = CompletableDeferred<RequestAnswer>()
        world.change {
            check(world.isConnected) { "without a session no request is received" }
            lastNumber += 1u
            inbound[lastNumber] = answer
            val address = StanzaAddress.Named(from.toCore())
            world.say(InboundRequest(lastNumber, address, isSet, payload.namespace, payload.toXml()))
        }
        return answer.await()
    }

    /** Passes on what the app answers; returns whether the request was still open. */
    fun answered(
        number: ULong,
        answer: RequestAnswer,
    ): Boolean = world.change { inbound.remove(number) }?.complete(answer) ?: false

    companion object {
        fun refused(answer: RequestAnswer.Refused): IqException {
            val type = answer.type.name.lowercase()
            return IqException.Refused(type, answer.condition, answer.text, errorXml(type, answer.condition, answer.text))
        }
    }
}

/** A request that the app has sent with [im.snapback.SnapbackClient.iq]. */
public class SentRequest internal constructor(
    /** The recipient; `null` for the user's own account. */
    public val to: Jid?,
    /** The type. */
    public val type: IqType,
    /** The payload. */
    public val payload: Element,
) {
    override fun toString(): String = "SentRequest(to=$to, type=$type, payload=$payload)"
}
