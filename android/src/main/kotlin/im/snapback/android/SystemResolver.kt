package im.snapback.android

import android.net.DnsResolver
import android.os.Build
import android.os.CancellationSignal
import im.snapback.SnapbackClient
import im.snapback.ffi.DnsAnswer
import im.snapback.ffi.DnsQuery
import im.snapback.ffi.DnsRequest
import im.snapback.ffi.NameSystem
import im.snapback.ffi.RecordType
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.resume

/**
 * Answers the core's queries for services and hosts with the system's resolver, which uses private DNS and VPNs. Before
 * Android 10 there is no such API, and the core does not ask.
 */
internal class SystemResolver(
    private val scope: CoroutineScope,
    next: suspend () -> DnsRequest?,
    private val answer: (ULong, DnsAnswer) -> Unit,
) : AutoCloseable {
    private val running = ConcurrentHashMap<ULong, Job>()

    constructor(client: SnapbackClient) : this(client.pumpScope, client::nextDnsRequest, client::answerDns)

    init {
        scope.launch {
            while (true) {
                when (val request = next() ?: break) {
                    is DnsRequest.Query -> begin(request.query)
                    is DnsRequest.Cancel -> running.remove(request.id)?.cancel()
                }
            }
        }
    }

    /** Queries run concurrently, so that a slow name server does not delay the next one. */
    private fun begin(query: DnsQuery) {
        val job = scope.launch { answer(query.id, look(query)) }
        running[query.id] = job
        job.invokeOnCompletion { running.remove(query.id) }
    }

    private suspend fun look(query: DnsQuery): DnsAnswer =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) SystemQuery.answer(query) else DnsAnswer.Unable

    /** Cancels the queries. The core ends the loop that takes them. */
    override fun close(): Unit = running.values.forEach { it.cancel() }

    /** A separate class, so that older systems never load [DnsResolver]. */
    private object SystemQuery {
        suspend fun answer(query: DnsQuery): DnsAnswer =
            suspendCancellableCoroutine { waiting ->
                val cancellation = CancellationSignal()
                val isAnswered = AtomicBoolean()
                val answer = { answer: DnsAnswer -> if (isAnswered.compareAndSet(false, true)) waiting.resume(answer) }
                waiting.invokeOnCancellation { cancellation.cancel() }
                try {
                    DnsResolver.getInstance().rawQuery(
                        null,
                        query.name,
                        DnsResolver.CLASS_IN,
                        query.records.number,
                        DnsResolver.FLAG_EMPTY,
                        executor,
                        cancellation,
                        object : DnsResolver.Callback<ByteArray> {
                            // The message has the code, too.
                            override fun onAnswer(
                                message: ByteArray,
                                code: Int,
                            ) = answer(DnsAnswer.Message(message))

                            override fun onError(error: DnsResolver.DnsException) = answer(DnsAnswer.Unable)
                        },
                    )
                } catch (_: RuntimeException) {
                    // Some versions throw where others report an error: the limit of descriptors, a descriptor in use.
                    answer(DnsAnswer.Unable)
                }
            }
    }

    companion object {
        /** What the core is informed of: the version of Android decides which sources are asked for names. */
        val system: NameSystem get() = NameSystem.Android(Build.VERSION.SDK_INT.toUInt())

        /**
         * Reads the answers, and calls back: one thread, which ends after 10 s without work. It is never shut down, since the
         * system hands tasks over on the main thread, which a refusal would crash.
         */
        private val executor: Executor =
            ThreadPoolExecutor(1, 1, 10, TimeUnit.SECONDS, LinkedBlockingQueue()) { task ->
                Thread(task, "snapback-dns").apply { isDaemon = true }
            }.apply { allowCoreThreadTimeOut(true) }

        /** The number of the type in the DNS (RFC 1035 section 3.2.2, RFC 3596, RFC 2782). */
        private val RecordType.number: Int
            get() =
                when (this) {
                    RecordType.A -> DnsResolver.TYPE_A
                    RecordType.AAAA -> DnsResolver.TYPE_AAAA
                    RecordType.SRV -> 33
                }
    }
}
