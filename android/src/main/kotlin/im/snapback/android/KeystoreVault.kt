package im.snapback.android

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.security.keystore.UserNotAuthenticatedException
import im.snapback.KeyVault
import im.snapback.SealedFiles
import im.snapback.VaultException
import java.io.File
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyStore
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * Keeps secrets in small files, each sealed with a key that never leaves the Android Keystore.
 *
 * The key needs no unlocked device: a push may come while the phone is locked.
 */
public class KeystoreVault(folder: File) : KeyVault {
    private val files = SealedFiles(folder)

    override fun read(name: String): ByteArray? =
        guarded {
            val key = existingKey() ?: return null
            files.read(name, key)
        }

    override fun write(
        name: String,
        secret: ByteArray,
    ): Unit = guarded { files.write(name, secret, existingKey() ?: newKey()) }

    private fun existingKey(): SecretKey? {
        val store = KeyStore.getInstance(STORE).apply { load(null) }
        return store.getKey(ALIAS, null) as SecretKey?
    }

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
        } catch (_: UserNotAuthenticatedException) {
            throw VaultException.Locked()
        } catch (_: GeneralSecurityException) {
            throw VaultException.Broken()
        } catch (_: IOException) {
            throw VaultException.Broken()
        }

    private companion object {
        const val STORE = "AndroidKeyStore"
        const val ALIAS = "im.snapback.vault"
        const val KEY_BITS = 256
    }
}
