package im.snapback

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.RandomAccessFile
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Secrets in files of a folder, sealed with AES-GCM under a key that is given with each call.
 *
 * @param sync puts on the disk which files a folder has: a file that was renamed may have its old name after a power loss else.
 */
internal class SealedFiles(
    private val folder: File,
    private val sync: (File) -> Unit,
) {
    /** The secret of that name. A file that another key has sealed is none: what it held is lost. */
    fun read(
        name: String,
        key: SecretKey,
    ): ByteArray? {
        val file = fileOf(name)
        if (!file.exists()) return null
        val sealed = file.readBytes()
        if (sealed.size <= NONCE) return null
        val cipher = Cipher.getInstance(ALGORITHM)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, sealed, 0, NONCE))
        cipher.updateAAD(name.toByteArray())
        return try {
            cipher.doFinal(sealed, NONCE, sealed.size - NONCE)
        } catch (_: AEADBadTagException) {
            null
        }
    }

    /** Keeps the secret; it is on the disk when this returns, and a kill in between leaves the old one. */
    fun write(
        name: String,
        secret: ByteArray,
        key: SecretKey,
    ) {
        val cipher = Cipher.getInstance(ALGORITHM)
        // The key store insists on a nonce of its own making: fresh and random for each seal.
        cipher.init(Cipher.ENCRYPT_MODE, key)
        cipher.updateAAD(name.toByteArray())
        val sealed = cipher.iv + cipher.doFinal(secret)
        if (cipher.iv.size != NONCE) throw IOException("unexpected nonce")
        prepare()
        val file = fileOf(name)
        val fresh = File(file.path + ".new")
        FileOutputStream(fresh).use {
            it.write(sealed)
            it.fd.sync()
        }
        if (!fresh.renameTo(file)) throw IOException("cannot rename")
        sync(folder)
    }

    private fun prepare() {
        if (folder.isDirectory) return
        if (!folder.mkdirs() && !folder.isDirectory) throw IOException("cannot make the folder")
        folder.absoluteFile.parentFile?.let(sync)
    }

    /** Runs [work] while no other process does. */
    fun <T> exclusively(work: () -> T): T {
        prepare()
        return RandomAccessFile(File(folder, LOCK), "rw").use { file -> file.channel.lock().use { work() } }
    }

    /** Names are the store's; as hexadecimal digits they cannot lead out of the folder. */
    private fun fileOf(name: String): File =
        File(folder, name.toByteArray().joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') })

    private companion object {
        const val ALGORITHM = "AES/GCM/NoPadding"
        const val NONCE = 12

        /** No secret's file: their names are hexadecimal digits. */
        const val LOCK = "lock"
        const val TAG_BITS = 128
    }
}
