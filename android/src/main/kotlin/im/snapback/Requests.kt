package im.snapback

import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.SendException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.launch
import java.util.concurrent.ConcurrentHashMap
import im.snapback.ffi.InboundRequest as CoreRequest

/** A request of another entity that the app answers: an iq of type `get` or `set` (RFC 6120 section 8.2.3). */
public class InboundRequest(
    /** The requesting entity: any one that sees this client's presence. The app decides what it answers to whom. */
    public val from: StanzaAddress,
    /** Whether it asks for a change (`set`), and not for information (`get`). */
    public val isSet: Boolean,
    /** The payload. */
    public val payload: Element,
) {
    override fun toString(): String = "InboundRequest(from=$from, payload=$payload)"
}

/** What the app answers to a request. */
public sealed interface RequestAnswer {
    /** A result, with a payload or without one. At most 64 KiB, where the server states no other limit. */
    public class Result(public val payload: Element? = null) : RequestAnswer

    /**
     * An error (RFC 6120 section 8.3).
     *
     * @param condition the defined condition, such as `item-not-found`.
     * @param type what the requesting entity may do. Default [ErrorType.CANCEL]: not retry.
     * @param text a text for people.
     */
    public class Refused(
        public val condition: String,
        public val type: ErrorType = ErrorType.CANCEL,
        public val text: String? = null,
    ) : RequestAnswer
}

/** What the receiver of an error may do about it (RFC 6120 section 8.3.2). */
public typealias ErrorType = im.snapback.ffi.ErrorType

/** Passes requests to the handlers of their namespaces: those of one namespace one after the other. */
internal class RequestHandlers(private val core: CoreClientInterface, private val scope: CoroutineScope) {
    private class Taken(val number: ULong, val request: InboundRequest)

    private val queues = ConcurrentHashMap<String, Channel<Taken>>()

    fun handle(
        namespace: String,
        handler: suspend (InboundRequest) -> RequestAnswer,
    ) {
        if (!core.handlesRequests(namespace)) throw SnapbackException.Configuration("identity.requests")
        // The core has at most 64 open requests.
        val queue = Channel<Taken>(Channel.UNLIMITED)
        queues.put(namespace, queue)?.close()
        scope.launch {
            for (taken in queue) answer(taken.number) { handler(taken.request) }
        }
    }

    /** Ends when the core ends. */
    suspend fun pump() {
        try {
            while (true) {
                val request = core.nextRequest() ?: break
                val queue = queues[request.namespace]
                val taken = Taken(request.number, request.toRequest())
                if (queue?.trySend(taken)?.isSuccess != true) answer(request.number) { UNHANDLED }
            }
        } finally {
            queues.values.forEach { it.close() }
        }
    }

    private suspend fun answer(
        number: ULong,
        handler: suspend () -> RequestAnswer,
    ) {
        val answer =
            try {
                handler()
            } catch (error: CancellationException) {
                throw error
            } catch (_: Exception) {
                RequestAnswer.Refused("internal-server-error")
            }
        try {
            when (answer) {
                is RequestAnswer.Result -> core.respond(number, answer.payload?.toXml())
                is RequestAnswer.Refused -> core.refuse(number, answer.type, answer.condition, answer.text)
            }
        } catch (_: SnapbackException) {
            // The payload is no XML.
            core.refuse(number, ErrorType.CANCEL, "internal-server-error", null)
        } catch (_: SendException) {
            // Too large: the core has sent an error instead.
        } catch (_: IllegalStateException) {
            // The client was closed meanwhile.
        }
    }

    private fun CoreRequest.toRequest() = InboundRequest(from.toAddress(), isSet, Element.received(payload))

    private companion object {
        val UNHANDLED = RequestAnswer.Refused("service-unavailable")
    }
}
