package im.snapback.android

import android.net.DnsResolver
import android.os.Build
import android.os.CancellationSignal
import im.snapback.SnapbackClient
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import java.util.concurrent.Executor
import kotlin.coroutines.resume

/** Answers the core's questions for SRV records through the system, which knows private DNS and VPNs. */
internal class SystemResolver(
    private val client: SnapbackClient,
) : AutoCloseable {
    private val job: Job =
        client.pumpScope.launch {
            while (true) {
                val query = client.nextSrvQuery() ?: break
                // Each on its own: one name server that is slow must not hold up the next question.
                launch { client.answerSrv(query.id, look(query.name)) }
            }
        }

    /** Before Android 10 there is no such question, and the core asks the network's name servers itself. */
    private suspend fun look(name: String): ByteArray? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) Query.srv(name) else null

    /** The core ends [job]; there is nothing to do. */
    override fun close(): Unit = Unit

    /** A class of its own, so that older systems never have to know [DnsResolver]. */
    private object Query {
        private const val SRV = 33
        private val sameThread = Executor { it.run() }

        suspend fun srv(name: String): ByteArray? =
            suspendCancellableCoroutine { waiting ->
                val cancellation = CancellationSignal()
                waiting.invokeOnCancellation { cancellation.cancel() }
                DnsResolver.getInstance().rawQuery(
                    null,
                    name,
                    DnsResolver.CLASS_IN,
                    SRV,
                    DnsResolver.FLAG_EMPTY,
                    sameThread,
                    cancellation,
                    object : DnsResolver.Callback<ByteArray> {
                        override fun onAnswer(
                            answer: ByteArray,
                            code: Int,
                        ) = waiting.resume(answer)

                        override fun onError(error: DnsResolver.DnsException) = waiting.resume(null)
                    },
                )
            }
    }
}
