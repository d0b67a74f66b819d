package im.snapback.android

import android.os.Build
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import android.system.ErrnoException
import android.system.OsConstants
import im.snapback.VaultException
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.security.KeyStoreException
import java.security.NoSuchAlgorithmException
import java.security.ProviderException
import java.security.Security
import java.security.UnrecoverableKeyException
import java.util.concurrent.CyclicBarrier
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import kotlin.concurrent.thread

/** The vault, with a key store that fails as those of phones do. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 34], manifest = Config.NONE)
class KeystoreVaultTest {
    @get:Rule
    val folder = TemporaryFolder()

    @Before
    fun install() {
        FakeKeystore.reset()
        Security.addProvider(FakeKeystore())
    }

    /** Robolectric cannot open a folder, which syncing it to the disk requires. */
    private fun vault(place: File) = KeystoreVault(place, {})

    /** What the key store of Android 12 and later answers (`ResponseCode` of Keystore 2, and a code of KeyMint). */
    private companion object {
        const val SYSTEM_ERROR = 4
        const val KEY_NOT_FOUND = 7
        const val VALUE_CORRUPTED = 8
        const val KEYMINT_TOO_MANY_OPERATIONS = -31
    }

    @After
    fun remove() = Security.removeProvider("AndroidKeyStore")

    @Test
    fun `a secret can be read again, and is lost without its key`() {
        val vault = vault(File(folder.root, "new/keys"))
        assertNull(vault.read("a"))
        vault.write("a", byteArrayOf(1, 2))
        assertArrayEquals(byteArrayOf(1, 2), vault(File(folder.root, "new/keys")).read("a"))
        FakeKeystore.keys.clear()
        assertNull(vault.read("a"))
    }

    @Test
    fun `a secret that cannot be read now is not lost`() {
        val place = File(folder.root, "keys")
        vault(place).write("a", byteArrayOf(1, 2))
        val refusals =
            listOf(OsConstants.EACCES, OsConstants.EIO, OsConstants.EMFILE)
                .map { FileNotFoundException("open failed").initCause(ErrnoException("open", it)) } + IOException("read failed")
        for (refusal in refusals) {
            val failing = KeystoreVault(place, {}, load = { throw refusal })
            assertThrows(VaultException.Locked::class.java) { failing.read("a") }
        }
        val absent = FileNotFoundException("open failed").initCause(ErrnoException("open", OsConstants.ENOENT))
        assertNull(KeystoreVault(place, {}, load = { throw absent }).read("a"))
        assertArrayEquals(byteArrayOf(1, 2), vault(place).read("a"))
    }

    @Test
    fun `two accounts that are opened at once share one key`() {
        val barrier = CyclicBarrier(2)
        // Both threads have found no key before either continues; the second lookupup is under the lock.
        val looks = ThreadLocal.withInitial { 0 }
        FakeKeystore.looked = {
            looks.set(looks.get() + 1)
            if (looks.get() == 1) barrier.await(10, TimeUnit.SECONDS)
        }
        val vaults = listOf("one", "two").map { it to vault(File(folder.root, "keys")) }
        vaults.map { (name, vault) -> thread { vault.write(name, name.toByteArray()) } }.forEach { it.join() }
        FakeKeystore.looked = {}
        assertEquals(1, FakeKeystore.generated.get())
        vaults.forEach { (name, vault) -> assertArrayEquals(name.toByteArray(), vault.read(name)) }
    }

    @Test
    fun `vaults in different folders share one key`() {
        val inside = CyclicBarrier(2)
        val looks = ThreadLocal.withInitial { 0 }
        FakeKeystore.looked = {
            looks.set(looks.get() + 1)
            try {
                // Both threads must not be in the second lookupup at the same time.
                inside.await(if (looks.get() == 1) 10_000 else 200, TimeUnit.MILLISECONDS)
            } catch (_: TimeoutException) {
                inside.reset()
            } catch (_: java.util.concurrent.BrokenBarrierException) {
                // The other thread has timed out.
            }
        }
        val names = listOf("one", "two")
        names
            .map { name -> thread { vault(File(folder.root, name)).write(name, name.toByteArray()) } }
            .forEach { it.join() }
        FakeKeystore.looked = {}
        assertEquals(1, FakeKeystore.generated.get())
        names.forEach { assertArrayEquals(it.toByteArray(), vault(File(folder.root, it)).read(it)) }
    }

    @Test
    fun `a temporary failure is Locked, and no secret is lost`() {
        val vault = vault(folder.root)
        vault.write("a", byteArrayOf(1))
        val passing =
            listOf(
                UserNotAuthenticatedException(),
                UnrecoverableKeyException("Failed to obtain information about key"),
                KeyStoreException("busy"),
                ProviderException("Failed to load generated key"),
            )
        passing.forEach { failure ->
            FakeKeystore.failure = failure
            assertThrows(VaultException.Locked::class.java) { vault.read("a") }
            assertThrows(VaultException.Locked::class.java) { vault.write("a", byteArrayOf(2)) }
            FakeKeystore.failure = null
            assertArrayEquals(byteArrayOf(1), vault.read("a"))
        }
        assertEquals(1, FakeKeystore.generated.get())
    }

    @Test
    fun `a permanent failure is Broken`() {
        val vault = vault(folder.root)
        listOf(KeyPermanentlyInvalidatedException(), NoSuchAlgorithmException()).forEach { failure ->
            FakeKeystore.failure = failure
            assertThrows(VaultException.Broken::class.java) { vault.read("a") }
        }
    }

    @Test
    @Config(sdk = [34])
    fun `a key that the system reports as damaged is Broken from Android 13 on, and a reset ends that`() {
        val vault = vault(folder.root)
        vault.write("a", byteArrayOf(1))
        for ((code, expected) in listOf(
            KEY_NOT_FOUND to VaultException.Broken::class.java,
            VALUE_CORRUPTED to VaultException.Broken::class.java,
            SYSTEM_ERROR to VaultException.Locked::class.java,
            KEYMINT_TOO_MANY_OPERATIONS to VaultException.Locked::class.java,
        )) {
            val reason = android.security.KeyStoreException(code, "from the key store")
            FakeKeystore.failure = UnrecoverableKeyException("Failed to obtain information about key").apply { initCause(reason) }
            assertThrows("$code", expected) { vault.read("a") }
        }
        vault.reset()
        FakeKeystore.failure = null
        assertNull(vault.read("a"))
        vault.write("a", byteArrayOf(2))
        assertArrayEquals(byteArrayOf(2), vault.read("a"))
        assertEquals(2, FakeKeystore.generated.get())
    }

    @Test
    fun `before Android 13 no key is reported as damaged`() {
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", Build.VERSION_CODES.S)
        try {
            val reason = android.security.KeyStoreException(KEY_NOT_FOUND, "from the key store")
            FakeKeystore.failure = UnrecoverableKeyException().apply { initCause(reason) }
            assertThrows(VaultException.Locked::class.java) { vault(folder.root).read("a") }
        } finally {
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
        }
    }

    @Test
    fun `a full device is temporary`() {
        val vault = KeystoreVault(folder.root, {}, open = { throw IOException("write failed: ENOSPC (No space left on device)") })
        assertThrows(VaultException.Locked::class.java) { vault.write("a", byteArrayOf(1)) }
        vault(folder.root).write("a", byteArrayOf(1))
        assertArrayEquals(byteArrayOf(1), vault.read("a"))
    }

    @Test
    fun `the folder is on the disk after each write`() {
        val synced = mutableListOf<File>()
        val place = File(folder.root, "keys")
        KeystoreVault(place, synced::add).write("a", byteArrayOf(1))
        assertEquals(listOf(folder.root, place), synced)
    }

    @Test
    fun `a secret is deleted, and the key stays for the vaults in other folders`() {
        val vault = vault(folder.root)
        listOf("a", "b").forEach { vault.write(it, byteArrayOf(1)) }
        vault.delete(listOf("a"))
        assertNull(vault.read("a"))
        assertArrayEquals(byteArrayOf(1), vault.read("b"))
        vault.delete(listOf("b"))
        assertEquals(1, FakeKeystore.keys.size)
    }

    @Test
    fun `creating the folder is tried again after a failure`() {
        val place = File(folder.root, "keys")
        place.writeText("in the way")
        val vault = vault(place)
        assertThrows(VaultException.Locked::class.java) { vault.write("a", byteArrayOf(1)) }
        place.delete()
        vault.write("a", byteArrayOf(1))
        assertArrayEquals(byteArrayOf(1), vault.read("a"))
    }
}
