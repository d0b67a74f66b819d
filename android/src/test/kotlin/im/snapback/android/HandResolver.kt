package im.snapback.android

import android.net.DnsResolver
import android.net.Network
import android.os.CancellationSignal
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executor

/** Stands for the system's resolver, whose queries go through a daemon that tests do not have. */
@Implements(DnsResolver::class)
internal class HandResolver {
    @Implementation
    @Suppress("LongParameterList", "UNUSED_PARAMETER")
    fun rawQuery(
        network: Network?,
        domain: String,
        nsClass: Int,
        nsType: Int,
        flags: Int,
        executor: Executor,
        cancellation: CancellationSignal?,
        callback: DnsResolver.Callback<in ByteArray>,
    ) {
        asked += Asked(domain, nsType)
        cancellation?.setOnCancelListener { cancelled += Asked(domain, nsType) }
        when (val reply = reply(domain, nsType)) {
            is Reply.Message -> executor.execute { answeredOn(callback) { it.onAnswer(reply.bytes, reply.bytes[3].toInt() and 15) } }
            Reply.Failure -> executor.execute { answeredOn(callback) { it.onError(failure()) } }
            Reply.Throws -> throw IllegalArgumentException("fd is in use")
            Reply.Twice ->
                executor.execute {
                    answeredOn(callback) { it.onError(failure()) }
                    answeredOn(callback) { it.onError(failure()) }
                }
            Reply.Silence -> Unit
        }
    }

    private fun answeredOn(
        callback: DnsResolver.Callback<in ByteArray>,
        answer: (DnsResolver.Callback<in ByteArray>) -> Unit,
    ) {
        threads += Thread.currentThread().name
        try {
            answer(callback)
        } catch (error: IllegalStateException) {
            errors += error
        }
    }

    /** Its constructor is not public; Robolectric adds another one. */
    private fun failure(): DnsResolver.DnsException {
        val type = DnsResolver.DnsException::class.java
        val constructor = type.getDeclaredConstructor(Int::class.javaPrimitiveType, Throwable::class.java)
        return constructor.apply { isAccessible = true }.newInstance(DnsResolver.ERROR_SYSTEM, RuntimeException("no daemon"))
    }

    data class Asked(
        val name: String,
        val type: Int,
    )

    sealed interface Reply {
        class Message(val bytes: ByteArray) : Reply

        data object Failure : Reply

        data object Throws : Reply

        data object Twice : Reply

        data object Silence : Reply
    }

    companion object {
        val asked = CopyOnWriteArrayList<Asked>()
        val cancelled = CopyOnWriteArrayList<Asked>()
        val threads = CopyOnWriteArrayList<String>()
        val errors = ConcurrentLinkedQueue<Throwable>()

        @Volatile
        var reply: (String, Int) -> Reply = { _, _ -> Reply.Failure }

        fun reset() {
            listOf(asked, cancelled, threads).forEach { it.clear() }
            errors.clear()
            reply = { _, _ -> Reply.Failure }
        }
    }
}

/** A reply of the DNS to a query (RFC 1035 section 4.1), with one record or none. */
internal fun dnsMessage(
    name: String,
    type: Int,
    code: Int,
    data: ByteArray?,
): ByteArray =
    byteArrayOf(0, 0, 0x81.toByte(), (0x80 or code).toByte(), 0, 1, 0, if (data == null) 0 else 1, 0, 0, 0, 0) +
        labels(name) + byteArrayOf(0, type.toByte(), 0, 1) +
        // The name of the question, the class IN, 60 seconds.
        (data?.let { byteArrayOf(0xc0.toByte(), 12, 0, type.toByte(), 0, 1, 0, 0, 0, 60, 0, it.size.toByte()) + it } ?: ByteArray(0))

/** The data of an SRV record (RFC 2782). */
internal fun srvData(
    port: Int,
    target: String,
): ByteArray = byteArrayOf(0, 1, 0, 1, (port shr 8).toByte(), port.toByte()) + labels(target)

private fun labels(name: String): ByteArray =
    name.split('.').fold(ByteArray(0)) { all, label -> all + label.length.toByte() + label.toByteArray() } + 0
