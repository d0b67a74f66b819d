package im.snapback

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import javax.crypto.spec.SecretKeySpec

/** What Android's side decides by itself, without Android. */
class PlatformTest {
    @Test
    fun `a network is told once, and again when it is another or has been validated`() {
        val told = mutableListOf<NetworkState>()
        val tracker = NetworkTracker(told::add)
        tracker.none()
        tracker.changed("wifi") { it.copy(hasInternet = true) }
        tracker.changed("wifi") { it.copy(nameServers = listOf("192.0.2.1")) }
        tracker.changed("wifi") { it.copy(nameServers = listOf("192.0.2.1")) }
        tracker.changed("wifi") { it.copy(isPortal = true) }
        tracker.changed("wifi") { it.copy(isPortal = false, isValidated = true) }
        tracker.changed("cell") { it.copy(hasInternet = true) }
        tracker.lost("wifi")
        tracker.changed("cell") { it.copy(isBlocked = true) }
        tracker.lost("cell")
        val wifi = listOf("192.0.2.1")
        assertEquals(
            listOf(
                NetworkState(false, emptyList()),
                NetworkState(true, emptyList()),
                NetworkState(true, wifi),
                NetworkState(false, wifi),
                NetworkState(true, wifi),
                NetworkState(true, emptyList()),
                NetworkState(false, emptyList()),
                NetworkState(false, emptyList()),
            ),
            told,
        )
    }

    @Test
    fun `secrets come back from their files, and only with their key and under their name`(@TempDir folder: File) {
        val files = SealedFiles(folder)
        val key = SecretKeySpec(ByteArray(32) { 1 }, "AES")
        val other = SecretKeySpec(ByteArray(32) { 2 }, "AES")
        assertNull(files.read("a/../b", key))
        files.write("a/../b", byteArrayOf(1, 2, 3), key)
        files.write("a/../b", byteArrayOf(4, 5, 6), key)
        assertArrayEquals(byteArrayOf(4, 5, 6), files.read("a/../b", key))
        assertNull(files.read("a/../b", other))
        val file = folder.listFiles().orEmpty().single()
        assertFalse(file.readBytes().asList().windowed(3).any { it == listOf<Byte>(4, 5, 6) })
        file.copyTo(File(folder, "63"))
        assertNull(files.read("c", key))
    }
}
