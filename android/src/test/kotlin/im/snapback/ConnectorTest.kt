package im.snapback

import com.sun.jna.Library
import com.sun.jna.Native
import kotlinx.coroutines.awaitCancellation
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.ConnectException
import java.net.InetAddress
import java.nio.ByteBuffer
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger

/** Connections that the app opens. */
class ConnectorTest {
    /** The JVM does not hand descriptors out; the C library does. */
    @Suppress("FunctionName")
    private interface C : Library {
        fun socket(
            domain: Int,
            type: Int,
            protocol: Int,
        ): Int

        fun connect(
            socket: Int,
            address: ByteArray,
            length: Int,
        ): Int
    }

    private val c = Native.load("c", C::class.java)

    /** Connects a socket of TCP over IPv4, as Linux has it. */
    private fun connected(
        address: String,
        port: Int,
    ): Int {
        val inet: Short = 2
        val name = ByteBuffer.allocate(16)
        name.order(java.nio.ByteOrder.nativeOrder()).putShort(inet)
        name.order(java.nio.ByteOrder.BIG_ENDIAN).putShort(port.toShort())
        name.put(InetAddress.getByName(address).address)
        val socket = c.socket(inet.toInt(), 1, 0)
        check(c.connect(socket, name.array(), 16) == 0)
        return socket
    }

    @Test
    fun `a connection of the app carries a session, and the next one after a cut`() =
        real {
            TestServer().use { server ->
                val addresses = CopyOnWriteArrayList<String>()
                val own =
                    Connector { address, port ->
                        addresses += "$address:$port"
                        connected(address, port)
                    }
                open(server) { connector = own }.use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    client.send(ROMEO, "one").awaitAcked()
                    server.tell("cut")
                    assertEquals(SessionOutcome.RESUMED, client.next<Event.Online>().outcome)
                    assertEquals(2, addresses.size)
                    assertEquals(1, addresses.toSet().size)
                }
            }
        }

    @Test
    fun `a connector that fails or hangs is an attempt that failed, and may be cancelled`() =
        real {
            TestServer().use { server ->
                val calls = AtomicInteger()
                val failing =
                    Connector { _, _ ->
                        if (calls.incrementAndGet() == 1) throw ConnectException("planted")
                        awaitCancellation()
                    }
                open(server) { connector = failing }.use { client ->
                    client.connect()
                    val ended = client.next<Event.Ended>()
                    assertTrue(ended.retryable)
                    val fates = ended.dial.addresses.map { it.fate }
                    assertTrue(fates.singleOrNull() is DialFate.Failed, "$fates")
                }
            }
        }
}
