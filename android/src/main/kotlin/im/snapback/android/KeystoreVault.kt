package im.snapback.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.system.ErrnoException
import android.system.Os
import android.system.OsConstants
import im.snapback.KeyVault
import im.snapback.SealedFiles
import im.snapback.VaultException
import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.InvalidAlgorithmParameterException
import java.security.KeyStore
import java.security.NoSuchAlgorithmException
import java.security.NoSuchProviderException
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * A vault that keeps secrets in small files, each encrypted with a key that never leaves the Android Keystore.
 *
 * The key can be used while the device is locked, because a push notification may arrive then. All vaults of an app share one
 * key.
 *
 * Most failures count as temporary ([VaultException.Locked]): the key store of a phone is another process, which may be busy,
 * restarting or out of memory, and it reports that with the same exceptions as a lost key; a full device is temporary, too. Only
 * failures that are certain to be permanent are [VaultException.Broken]: among them, from Android 13 on, a key that the system
 * reports as damaged. [reset] ends both.
 */
public class KeystoreVault internal constructor(
    folder: File,
    sync: (File) -> Unit,
    open: (File) -> FileOutputStream = ::FileOutputStream,
    load: (File) -> ByteArray = File::readBytes,
) : KeyVault {
    private val files = SealedFiles(folder, sync, open, load, ::isAbsent)

    /** Creates a vault whose files are in [folder]; the folder is created when the first secret is written. */
    public constructor(folder: File) : this(folder, ::sync)

    override fun read(name: String): ByteArray? = guarded { existingKey()?.let { files.read(name, it) } }

    override fun write(
        name: String,
        secret: ByteArray,
    ): Unit = guarded { files.write(name, secret, existingKey() ?: onlyKey()) }

    /**
     * Deletes all secrets of this vault, and the key that all vaults of the app share; the next [write] creates another one. For a
     * phone that has lost or damaged the key. What the key has encrypted is lost: the next client of each account begins with an
     * empty store, and its [im.snapback.SnapbackClient.openReport] says so. Close the clients first. May block.
     *
     * @throws VaultException if the key store or the disk does not allow it now.
     */
    @Throws(VaultException::class)
    public fun reset(): Unit =
        guarded {
            // Under the lock, so that no other thread generates a key meanwhile.
            synchronized(MAKING) {
                files.exclusively {
                    files.clear()
                    keyStore().deleteEntry(ALIAS)
                }
            }
        }

    /** Deletes these secrets. The key stays: vaults in other folders use it, too. */
    internal fun delete(names: List<String>): Unit = guarded { files.delete(names) }

    private fun existingKey(): SecretKey? = keyStore().getKey(ALIAS, null) as SecretKey?

    private fun keyStore(): KeyStore = KeyStore.getInstance(STORE).apply { load(null) }

    /**
     * Returns the key, and generates it if there is none. Only one process and thread at a time does this: a second key under
     * the name would replace the first, and what the first has encrypted would be lost.
     */
    private fun onlyKey(): SecretKey = synchronized(MAKING) { files.exclusively { existingKey() ?: newKey() } }

    private fun newKey(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val specification =
            KeyGenParameterSpec
                .Builder(ALIAS, purposes)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setKeySize(KEY_BITS)
                .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE).run {
            init(specification)
            generateKey()
        }
    }

    private inline fun <T> guarded(work: () -> T): T =
        try {
            work()
        } catch (error: GeneralSecurityException) {
            throw if (lasts(error)) VaultException.Broken() else VaultException.Locked()
        } catch (_: ProviderException) {
            // The Android Keystore throws this where the interface declares no checked exception.
            throw VaultException.Locked()
        } catch (_: IOException) {
            throw VaultException.Locked()
        }

    private companion object {
        const val STORE = "AndroidKeyStore"
        const val ALIAS = "im.snapback.vault"
        const val KEY_BITS = 256

        /** The lock of all vaults in the process, held while a key is generated. */
        val MAKING = Any()

        fun lasts(error: GeneralSecurityException): Boolean =
            error is KeyPermanentlyInvalidatedException ||
                error is NoSuchAlgorithmException ||
                error is NoSuchProviderException ||
                error is InvalidAlgorithmParameterException ||
                (error is UnrecoverableKeyException && isDamaged(error))

        fun isDamaged(error: UnrecoverableKeyException): Boolean =
            Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU && isReportedAsDamaged(error)

        /** Before Android 13 the system gave no reason, and a key store that does not answer looks the same. */
        @NewerApi(Build.VERSION_CODES.TIRAMISU)
        fun isReportedAsDamaged(error: UnrecoverableKeyException): Boolean {
            val reasons = generateSequence<Throwable>(error) { it.cause }.filterIsInstance<android.security.KeyStoreException>()
            return reasons.any { !it.isTransientFailure && it.numericErrorCode in DAMAGED }
        }

        private val DAMAGED =
            setOf(
                android.security.KeyStoreException.ERROR_KEY_CORRUPTED,
                android.security.KeyStoreException.ERROR_KEY_DOES_NOT_EXIST,
            )

        /** Android names the error of the system as the cause: a file that cannot be opened for another reason is there. */
        fun isAbsent(error: FileNotFoundException): Boolean {
            val cause = error.cause as? ErrnoException ?: return true
            return cause.errno == OsConstants.ENOENT || cause.errno == OsConstants.ENOTDIR
        }

        fun sync(folder: File) {
            try {
                val descriptor = Os.open(folder.path, OsConstants.O_RDONLY, 0)
                try {
                    Os.fsync(descriptor)
                } finally {
                    Os.close(descriptor)
                }
            } catch (error: ErrnoException) {
                throw IOException("cannot sync the folder", error)
            }
        }
    }
}
