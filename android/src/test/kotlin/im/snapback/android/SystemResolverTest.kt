package im.snapback.android

import android.os.Build
import im.snapback.Event
import im.snapback.NetworkState
import im.snapback.PrivateDns
import im.snapback.SessionOutcome
import im.snapback.SnapbackClient
import im.snapback.TestServer
import im.snapback.android.HandResolver.Asked
import im.snapback.android.HandResolver.Reply
import im.snapback.ffi.DnsAnswer
import im.snapback.ffi.DnsQuery
import im.snapback.ffi.DnsRequest
import im.snapback.ffi.RecordType
import im.snapback.next
import im.snapback.real
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.SocketException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** Names are looked up by the system's resolver, and by the name servers that Private DNS allows. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE, shadows = [HandResolver::class])
class SystemResolverTest {
    private val scope = CoroutineScope(Job() + Dispatchers.Default)
    private val requests = Channel<DnsRequest>(Channel.UNLIMITED)
    private val answers = ConcurrentHashMap<ULong, CompletableDeferred<DnsAnswer>>()

    @Before
    fun reset() = HandResolver.reset()

    @After
    fun close() {
        scope.cancel()
        android(Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
    }

    private fun android(version: Int) = ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", version)

    private fun answer(id: ULong) = answers.computeIfAbsent(id) { CompletableDeferred() }

    private fun resolver() =
        SystemResolver(scope, { requests.receiveCatching().getOrNull() }) { id, answer -> answer(id).complete(answer) }

    private fun ask(
        id: ULong,
        records: RecordType,
    ) = requests.trySend(DnsRequest.Query(DnsQuery(id, NAME, records)))

    @Test
    fun `each type is asked for by itself, and answered away from the main thread`() =
        real {
            HandResolver.reply = { name, type -> Reply.Message(dnsMessage(name, type, 3, null)) }
            resolver()
            val types = mapOf(RecordType.SRV to 33, RecordType.A to 1, RecordType.AAAA to 28)
            types.keys.forEachIndexed { id, records -> ask(id.toULong(), records) }
            types.values.forEachIndexed { id, type ->
                val message = answer(id.toULong()).await() as DnsAnswer.Message
                assertArrayEquals(dnsMessage(NAME, type, 3, null), message.message)
            }
            assertEquals(types.values.map { Asked(NAME, it) }.toSet(), HandResolver.asked.toSet())
            assertEquals(setOf("snapback-dns"), HandResolver.threads.toSet())
        }

    @Test
    fun `an error of the system is no answer, however it is reported`() =
        real {
            resolver()
            listOf(Reply.Failure, Reply.Throws, Reply.Twice).forEachIndexed { id, reply ->
                HandResolver.reply = { _, _ -> reply }
                ask(id.toULong(), RecordType.A)
                assertEquals(DnsAnswer.Unable, answer(id.toULong()).await())
            }
            assertTrue(HandResolver.errors.isEmpty())
        }

    @Test
    fun `a query that is not needed any more is cancelled`() =
        real {
            HandResolver.reply = { _, _ -> Reply.Silence }
            val resolver = resolver()
            ask(1u, RecordType.SRV)
            ask(2u, RecordType.A)
            until { HandResolver.asked.size == 2 }
            requests.trySend(DnsRequest.Cancel(1u))
            requests.trySend(DnsRequest.Cancel(9u))
            until { HandResolver.cancelled.toList() == listOf(Asked(NAME, 33)) }
            resolver.close()
            until { HandResolver.cancelled.toList() == listOf(Asked(NAME, 33), Asked(NAME, 1)) }
        }

    @Test
    fun `before Android 10 there is no such resolver`() =
        real {
            android(Build.VERSION_CODES.P)
            resolver()
            ask(1u, RecordType.A)
            assertEquals(DnsAnswer.Unable, answer(1u).await())
            assertEquals(emptyList<Asked>(), HandResolver.asked.toList())
        }

    @Test
    fun `a server is found by the messages of the system's resolver`() =
        TestServer().use { server ->
            real {
                HandResolver.reply = { name, type ->
                    val data =
                        when {
                            name.startsWith("_xmpps-client.") -> srvData(server.directPort, NAME)
                            type == 1 -> byteArrayOf(127, 0, 0, 1)
                            else -> null
                        }
                    Reply.Message(dnsMessage(name, type, 0, data))
                }
                open("juliet@localhost", server.authority).use { client ->
                    client.connect()
                    assertEquals(SessionOutcome.BOUND, client.next<Event.Online>().outcome)
                }
            }
        }

    /** One row of the table of docs/names.md for each system and each setting of Private DNS. */
    @Test
    fun `the version and Private DNS decide who is asked`() =
        real {
            val strict = PrivateDns.Strict("dns.snapback.test")
            for (row in listOf(
                Row(Build.VERSION_CODES.UPSIDE_DOWN_CAKE, null, platform = true, cleartext = true),
                Row(Build.VERSION_CODES.Q, null, platform = true, cleartext = true),
                Row(Build.VERSION_CODES.Q, PrivateDns.Opportunistic, platform = true, cleartext = true),
                Row(Build.VERSION_CODES.Q, strict, platform = true, cleartext = false),
                Row(Build.VERSION_CODES.P, null, platform = false, cleartext = true),
                Row(Build.VERSION_CODES.P, PrivateDns.Opportunistic, platform = false, cleartext = true),
                Row(Build.VERSION_CODES.P, strict, platform = false, cleartext = false),
                Row(Build.VERSION_CODES.O_MR1, null, platform = false, cleartext = true),
                Row(Build.VERSION_CODES.N, null, platform = false, cleartext = true),
            )) {
                assertEquals(row, asked(row))
            }
        }

    private data class Row(
        val version: Int,
        val privateDns: PrivateDns?,
        val platform: Boolean,
        val cleartext: Boolean,
    )

    /** Returns who was asked in an attempt on this system, where no source has an answer. */
    private suspend fun asked(row: Row): Row {
        HandResolver.reset()
        android(row.version)
        return FailingNameServer().use { nameServer ->
            open("juliet@snapback.test", null).use { client ->
                client.networkChanged(NetworkState(true, listOf("127.0.0.1:${nameServer.port}"), row.privateDns))
                client.connect()
                client.next<Event.Ended>()
                val types = HandResolver.asked.map { it.type }.toSet()
                assertTrue("$types", types.isEmpty() || types == setOf(33, 1, 28))
                row.copy(platform = types.isNotEmpty(), cleartext = nameServer.queries.get() > 0)
            }
        }
    }

    /** Opens a client as `SnapbackAndroid` does, as far as names are concerned. */
    private suspend fun open(
        account: String,
        authority: String?,
    ): SnapbackClient {
        val client =
            SnapbackClient.open(account, "r0m30") {
                authority?.let { danger { trustOnlyTheseRoots(it) } }
                system = SystemResolver.system
            }
        client.companions += SystemResolver(client)
        return client
    }

    private suspend fun until(condition: () -> Boolean) {
        while (!condition()) delay(5)
    }

    private companion object {
        const val NAME = "xmpp.snapback.test"
    }
}

/** A name server that answers each query with SERVFAIL, and counts them. */
private class FailingNameServer : AutoCloseable {
    private val socket = DatagramSocket(0, InetAddress.getByName("127.0.0.1"))
    val port: Int = socket.localPort
    val queries = AtomicInteger()

    init {
        thread(isDaemon = true) {
            val packet = DatagramPacket(ByteArray(1500), 1500)
            try {
                while (true) {
                    packet.length = 1500
                    socket.receive(packet)
                    queries.incrementAndGet()
                    packet.data[2] = 0x81.toByte()
                    packet.data[3] = 0x82.toByte()
                    socket.send(packet)
                }
            } catch (_: SocketException) {
                // Closed.
            }
        }
    }

    override fun close() = socket.close()
}
