package im.snapback

import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import java.io.IOException
import javax.crypto.spec.SecretKeySpec
import kotlin.time.Duration.Companion.seconds

/** The decisions of the Android part, tested without Android. */
class PlatformTest {
    private val reported = mutableListOf<NetworkState>()
    private val nameSettings = mutableListOf<NetworkState>()
    private val wifi = listOf("192.0.2.1")

    private companion object {
        const val CELLULAR = 0
        const val WIFI = 1
        const val VPN = 4
    }

    private fun NetworkTracker.arrived(network: Any, blocked: Boolean = false) {
        changed(network) { it.copy(hasInternet = true) }
        changed(network) { it.copy(nameServers = wifi) }
        changed(network) { it.copy(isBlocked = blocked) }
    }

    @Test
    fun `a network is reported once, and again after a change or a validation`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.none()
            tracker.arrived("wifi")
            tracker.changed("wifi") { it.copy(nameServers = wifi) }
            tracker.changed("wifi") { it.copy(isPortal = true) }
            tracker.changed("wifi") { it.copy(isPortal = false, isValidated = true) }
            tracker.arrived("cell")
            tracker.lost("wifi")
            tracker.changed("cell") { it.copy(isBlocked = true) }
            tracker.lost("cell")
            advanceTimeBy(5.seconds)
            val expected = listOf(false, true, false, true, true, false, false)
            assertEquals(expected, reported.map { it.available })
            assertEquals(listOf(emptyList<String>()), reported.map { it.nameServers }.distinct() - listOf(wifi))
        }

    @Test
    fun `a network is not reported before it is known whether the app may use it`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.arrived("wifi", blocked = true)
            advanceTimeBy(5.seconds)
            assertEquals(listOf(NetworkState(false, wifi)), reported)
        }

    @Test
    fun `a missing fact delays the report only for a time`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.changed("wifi") { it.copy(hasInternet = true) }
            assertEquals(emptyList<NetworkState>(), reported)
            advanceTimeBy(1.seconds)
            tracker.changed("wifi") { it.copy(nameServers = wifi) }
            advanceTimeBy(1.seconds)
            assertEquals(listOf(NetworkState(true, emptyList()), NetworkState(true, wifi)), reported)
        }

    @Test
    fun `Private DNS that changes is no change of the network`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.arrived("wifi")
            tracker.changed("wifi") { it.copy(privateDns = PrivateDns.Opportunistic) }
            tracker.changed("wifi") { it.copy(privateDns = PrivateDns.Opportunistic) }
            assertEquals(listOf(NetworkState(true, wifi)), reported)
            assertEquals(listOf(NetworkState(true, wifi, PrivateDns.Opportunistic)), nameSettings)
            // Together with anything else, it is.
            tracker.changed("wifi") { it.copy(privateDns = null, isBlocked = true) }
            tracker.changed("wifi") { it.copy(isBlocked = false) }
            tracker.changed("wifi") { it.copy(privateDns = PrivateDns.Strict("dns.example"), isValidated = true) }
            assertEquals(listOf(true, false, true, true), reported.map { it.available })
            assertEquals(PrivateDns.Strict("dns.example"), reported.last().privateDns)
            assertEquals(1, nameSettings.size)
        }

    @Test
    fun `a network that is lost before all is known is not reported`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.none()
            tracker.changed("wifi") { it.copy(hasInternet = true) }
            tracker.lost("wifi")
            advanceTimeBy(5.seconds)
            assertEquals(listOf(NetworkState(false, emptyList())), reported)
        }

    @Test
    fun `another network below a VPN is reported`() =
        runTest {
            val tracker = NetworkTracker(backgroundScope, reported::add, nameSettings::add)
            tracker.changed("vpn") { it.copy(transports = setOf(VPN, WIFI)) }
            tracker.arrived("vpn")
            tracker.changed("vpn") { it.copy(transports = setOf(VPN, WIFI)) }
            assertEquals(1, reported.size)
            tracker.changed("vpn") { it.copy(transports = setOf(VPN)) }
            tracker.changed("vpn") { it.copy(transports = setOf(VPN, CELLULAR)) }
            assertEquals(List(3) { NetworkState(true, wifi) }, reported)
        }

    @Test
    fun `a full device costs neither the old secret nor room`(@TempDir folder: File) {
        val key = SecretKeySpec(ByteArray(32) { 1 }, "AES")
        SealedFiles(folder, {}).write("a", byteArrayOf(1), key)
        val full =
            SealedFiles(folder, {}, open = {
                it.writeText("half")
                throw IOException("No space left on device")
            })
        assertThrows(IOException::class.java) { full.write("a", byteArrayOf(2), key) }
        assertEquals(1, folder.listFiles().orEmpty().size)
        assertArrayEquals(byteArrayOf(1), full.read("a", key))
    }

    @Test
    fun `secrets are deleted by name or all at once`(@TempDir folder: File) {
        val key = SecretKeySpec(ByteArray(32) { 1 }, "AES")
        val synced = mutableListOf<File>()
        val files = SealedFiles(folder, synced::add)
        listOf("a", "b", "c").forEach { files.write(it, byteArrayOf(1), key) }
        synced.clear()
        files.delete(listOf("a", "missing"))
        assertNull(files.read("a", key))
        assertArrayEquals(byteArrayOf(1), files.read("b", key))
        files.exclusively { files.clear() }
        assertNull(files.read("b", key))
        assertEquals(listOf("lock"), folder.list().orEmpty().toList())
        assertEquals(listOf(folder, folder), synced)
    }

    @Test
    fun `a secret can be read only with its key and under its name`(@TempDir folder: File) {
        val synced = mutableListOf<File>()
        val files = SealedFiles(folder, synced::add)
        val key = SecretKeySpec(ByteArray(32) { 1 }, "AES")
        val other = SecretKeySpec(ByteArray(32) { 2 }, "AES")
        assertNull(files.read("a/../b", key))
        files.write("a/../b", byteArrayOf(1, 2, 3), key)
        files.write("a/../b", byteArrayOf(4, 5, 6), key)
        assertArrayEquals(byteArrayOf(4, 5, 6), files.read("a/../b", key))
        assertNull(files.read("a/../b", other))
        // A rename is durable when the folder is on the disk.
        assertEquals(listOf(folder, folder), synced)
        val file = folder.listFiles().orEmpty().single()
        assertFalse(file.readBytes().asList().windowed(3).any { it == listOf<Byte>(4, 5, 6) })
        file.copyTo(File(folder, "63"))
        assertNull(files.read("c", key))
    }
}
