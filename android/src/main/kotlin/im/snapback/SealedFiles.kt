package im.snapback

import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException
import java.io.RandomAccessFile
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Secrets in files of a folder, encrypted with AES-GCM under a key that is given with each call.
 *
 * @param sync writes a folder's directory entries to the disk; without it, a rename may be lost in a power failure.
 * @param open opens a file to write it anew.
 * @param load reads a file.
 * @param isAbsent returns whether the error says that there is no such file, and not that it cannot be opened now.
 */
internal class SealedFiles(
    private val folder: File,
    private val sync: (File) -> Unit,
    private val open: (File) -> FileOutputStream = ::FileOutputStream,
    private val load: (File) -> ByteArray = File::readBytes,
    private val isAbsent: (FileNotFoundException) -> Boolean = { true },
) {
    /** Returns the secret of that name; `null` if there is none, or if it was encrypted with another key and is lost. */
    fun read(
        name: String,
        key: SecretKey,
    ): ByteArray? {
        val sealed = sealed(name) ?: return null
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

    /** An absent secret is lost, and with it all that it protects: only the system may say that, and not any failure to read. */
    private fun sealed(name: String): ByteArray? =
        try {
            load(fileOf(name))
        } catch (error: FileNotFoundException) {
            if (isAbsent(error)) null else throw error
        }

    /** Stores the secret. It is on the disk when this returns; if the process is killed before that, the old secret remains. */
    fun write(
        name: String,
        secret: ByteArray,
        key: SecretKey,
    ) {
        val cipher = Cipher.getInstance(ALGORITHM)
        // The Android Keystore requires that it generates the nonce: a new random one for each encryption.
        cipher.init(Cipher.ENCRYPT_MODE, key)
        cipher.updateAAD(name.toByteArray())
        val sealed = cipher.iv + cipher.doFinal(secret)
        if (cipher.iv.size != NONCE) throw IOException("unexpected nonce")
        prepare()
        val file = fileOf(name)
        val fresh = File(file.path + NEW)
        try {
            open(fresh).use {
                it.write(sealed)
                it.fd.sync()
            }
            if (!fresh.renameTo(file)) throw IOException("cannot rename")
        } catch (error: IOException) {
            // Half a file must not take room on a full device.
            fresh.delete()
            throw error
        }
        sync(folder)
    }

    /** Deletes the secrets of these names. They are off the disk when this returns. */
    fun delete(names: List<String>) {
        if (!folder.isDirectory) return
        names.map(::fileOf).flatMap { listOf(it, File(it.path + NEW)) }.forEach(::delete)
        sync(folder)
    }

    /** Deletes all secrets. */
    fun clear() {
        if (!folder.isDirectory) return
        secrets().forEach(::delete)
        sync(folder)
    }

    private fun secrets(): List<File> = folder.listFiles { file -> file.name != LOCK }.orEmpty().toList()

    private fun delete(file: File) {
        if (!file.delete() && file.exists()) throw IOException("cannot delete")
    }

    private fun prepare() {
        if (folder.isDirectory) return
        if (!folder.mkdirs() && !folder.isDirectory) throw IOException("cannot make the folder")
        folder.absoluteFile.parentFile?.let(sync)
    }

    /** Runs [work] under a lock that excludes other processes. */
    fun <T> exclusively(work: () -> T): T {
        prepare()
        return RandomAccessFile(File(folder, LOCK), "rw").use { file -> file.channel.lock().use { work() } }
    }

    /** The store chooses the names. They are written as hexadecimal digits, so that none is a path out of the folder. */
    private fun fileOf(name: String): File =
        File(folder, name.toByteArray().joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') })

    private companion object {
        const val ALGORITHM = "AES/GCM/NoPadding"
        const val NONCE = 12

        /** The lock file. No secret has this name, since their names are hexadecimal digits. */
        const val LOCK = "lock"
        const val TAG_BITS = 128

        /** The suffix of a file that is being written. */
        const val NEW = ".new"
    }
}
