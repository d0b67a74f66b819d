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

/** Answers the core's queries for SRV records with the system's resolver, which uses private DNS and VPNs. */
internal class SystemResolver(
    private val client: SnapbackClient,
) : AutoCloseable {
    private val job: Job =
        client.pumpScope.launch {
            while (true) {
                val query = client.nextSrvQuery() ?: break
                // Queries run concurrently, so that a slow name server does not delay the next one.
                launch { client.answerSrv(query.id, look(query.name)) }
            }
        }

    /**
     * Returns the answer of the system. Before Android 10 there is no such API, and the core queries the network's name
     * servers.
     */
    private suspend fun look(name: String): ByteArray? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) Query.srv(name) else null

    /** Does nothing: the core ends [job]. */
    override fun close(): Unit = Unit

    /** A separate class, so that older systems never load [DnsResolver]. */
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
