package im.snapback.android

import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.StorageProblem
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File
import java.security.Security

/** What is stored of accounts, and deleted, with real stores. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE)
class AccountFilesTest {
    private val context = RuntimeEnvironment.getApplication()
    private val folder = File(context.noBackupFilesDir, "snapback")

    @Before
    fun install() {
        FakeKeystore.reset()
        Security.addProvider(FakeKeystore())
    }

    @After
    fun remove() = Security.removeProvider("AndroidKeyStore")

    /** Robolectric cannot open a folder, which syncing it to the disk requires. */
    private fun files(account: String) = AccountFiles(context, account) { KeystoreVault(it, {}) }

    private fun use(account: String): Unit =
        runBlocking {
            SnapbackClient.open(account, "password") {
                storage = files(account).storage()
                server("127.0.0.1", 1)
            }.run {
                send("romeo@localhost", "kept")
                shutdown()
            }
        }

    @Test
    fun `an account is removed with its file and its keys, and no other is`() {
        listOf("juliet@localhost", "nurse@localhost").forEach(::use)
        val (juliet, nurse) = listOf("Juliet@LOCALHOST", "nurse@localhost").map(::files)
        val before = folder.walk().filter { it.isFile }.toList()
        assertTrue(before.any { it.name == "${juliet.name}.db" })
        juliet.delete()
        assertFalse(folder.walk().any { it.name.startsWith(juliet.name) })
        assertTrue(File(folder, "${nurse.name}.db").exists())
        // Two secrets of one account, and the lock.
        assertEquals(3, File(folder, "keys").listFiles().orEmpty().size)
        nurse.delete()
        assertEquals(listOf("lock"), folder.walk().filter { it.isFile }.map { it.name }.toList())
    }

    @Test
    fun `an account that is in use is not removed`() {
        use("juliet@localhost")
        val files = files("juliet@localhost")
        OpenAccounts.use(files.name).use {
            val refused = assertThrows(SnapbackException.Storage::class.java) { files.delete() }
            assertEquals(StorageProblem.OWNED_ELSEWHERE, refused.problem)
        }
        files.delete()
    }

    @Test
    fun `after a reset the next client begins with an empty store, and says so`() {
        use("juliet@localhost")
        val place = File(folder, "keys")
        KeystoreVault(place, {}).reset()
        runBlocking {
            val client = SnapbackClient.open("juliet@localhost", "password") { storage = files("juliet@localhost").storage() }
            assertTrue(client.openReport.mayHaveLostStanzas)
            client.shutdown()
            val next = SnapbackClient.open("juliet@localhost", "password") { storage = files("juliet@localhost").storage() }
            assertFalse(next.openReport.mayHaveLostStanzas)
            next.shutdown()
        }
    }

    @Test
    fun `removing an account that was never opened does nothing`() {
        files("juliet@localhost").delete()
    }

    @Test
    fun `a text that is no account is an error`() {
        assertThrows(SnapbackException.InvalidJid::class.java) { files("@") }
    }
}
