package im.snapback.android

import android.content.Context
import im.snapback.Jid
import im.snapback.SnapbackException
import im.snapback.Storage
import im.snapback.StorageProblem
import java.io.File
import java.security.MessageDigest

/** Where [SnapbackAndroid.open] keeps the state of an account: in the folder that Android never backs up. */
internal class AccountFiles(
    context: Context,
    account: String,
    makeVault: (File) -> KeystoreVault = ::KeystoreVault,
) {
    private val folder = folder(context)
    private val vault = makeVault(keys(context))

    /** A hash of the normalized JID: it does not reveal the account, and is the same for each spelling of it. */
    val name: String =
        MessageDigest
            .getInstance("SHA-256")
            .digest(Jid.parse(account).toString().toByteArray())
            .take(16)
            .joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }

    fun storage(): Storage {
        folder.mkdirs()
        return Storage.InFile(File(folder, "$name.db"), vault)
    }

    /** Deletes the keys first, since the rest cannot be read without them, then the file and what lies beside it. */
    fun delete() {
        if (OpenAccounts.isOpen(name)) throw SnapbackException.Storage(StorageProblem.OWNED_ELSEWHERE)
        vault.delete(SECRETS.map { "snapback.$name.$it" })
        val files = folder.listFiles { file -> file.name.startsWith("$name.") }.orEmpty()
        val isComplete = files.map { it.delete() || !it.exists() }.all { it }
        if (!isComplete) throw SnapbackException.Storage(StorageProblem.BROKEN)
    }

    companion object {
        /** What the store names its secrets, after a hash of the account that is the name of its file. */
        private val SECRETS = listOf("key", "epoch")

        private fun folder(context: Context): File = File(context.noBackupFilesDir, "snapback")

        /** The folder of the vault, which all accounts share. */
        fun keys(context: Context): File = File(folder(context), "keys")
    }
}
