package im.snapback

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.ByteArrayOutputStream
import java.io.File
import javax.crypto.spec.SecretKeySpec
import kotlin.random.Random

/** What Android's side decides by itself, without Android. */
class PlatformTest {
    private class Answer(flags: Int, questions: Int, answers: Int) {
        private val bytes = ByteArrayOutputStream()

        init {
            short(7).short(flags).short(questions).short(answers).short(0).short(0)
        }

        fun short(value: Int) = apply { bytes.write(value shr 8).also { bytes.write(value and 0xff) } }

        fun name(vararg labels: String) =
            apply {
                labels.forEach {
                    bytes.write(it.length)
                    bytes.write(it.toByteArray())
                }
                bytes.write(0)
            }

        fun pointer(to: Int) = short(0xc000 or to)

        fun question() = name("_xmpps-client", "_tcp", "example", "org").short(33).short(1)

        fun record(type: Int, length: Int) = pointer(12).short(type).short(1).short(0).short(300).short(length)

        fun toByteArray(): ByteArray = bytes.toByteArray()
    }

    @Test
    fun `srv records are read, with names that point back`() {
        val good =
            Answer(0x8180, 1, 3)
                .question()
                .record(33, 6 + 10)
                .short(5).short(0).short(5223).name("xmpp", "net")
                .record(5, 2).short(0)
                .record(33, 6 + 2)
                .short(10).short(1).short(443).pointer(12 + 14 + 5)
        val records = checkNotNull(SrvAnswer.read(good.toByteArray()))
        assertEquals(listOf("xmpp.net", "example.org"), records.map { it.target })
        assertEquals(listOf(5223, 443), records.map { it.port.toInt() })
    }

    @Test
    fun `no such name means none, and a failing server means somebody else should be asked`() {
        assertEquals(emptyList<SrvRecord>(), SrvAnswer.read(Answer(0x8183, 1, 0).question().toByteArray()))
        assertEquals(emptyList<SrvRecord>(), SrvAnswer.read(Answer(0x8180, 1, 0).question().toByteArray()))
        assertNull(SrvAnswer.read(Answer(0x8182, 1, 0).question().toByteArray()))
        assertNull(SrvAnswer.read(Answer(0x8380, 1, 0).question().toByteArray()))
        assertNull(SrvAnswer.read(ByteArray(0)))
        assertNull(SrvAnswer.read(Answer(0x8180, 1, 1).question().record(33, 8).short(0).short(0).short(0).pointer(66).toByteArray()))
    }

    @Test
    fun `no bytes make the reader of answers do anything but answer`() {
        val random = Random(20261122)
        val seed = Answer(0x8180, 1, 1).question().record(33, 16).short(5).short(0).short(5223).name("xmpp", "net").toByteArray()
        repeat(20_000) {
            val bytes = seed.copyOf(random.nextInt(seed.size + 8))
            repeat(random.nextInt(4)) { if (bytes.isNotEmpty()) bytes[random.nextInt(bytes.size)] = random.nextInt().toByte() }
            SrvAnswer.read(bytes)
        }
    }

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
