package im.snapback.android

import android.app.Application
import android.content.Context
import im.snapback.Configuration
import im.snapback.Jid
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.Storage
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File
import java.security.MessageDigest
import kotlin.time.Duration

/** Snapback with everything that Android has to offer. */
public object SnapbackAndroid {
    /**
     * Loads the library and tells the certificate verifier where Java is. [open] does it as well; a second time does
     * nothing.
     *
     * @throws SnapbackException.VerifierNotInitialized if Java does not play along.
     */
    @JvmStatic
    public fun initialize(context: Context) {
        if (!Verifier.initialized(context.applicationContext)) throw SnapbackException.VerifierNotInitialized()
    }

    /**
     * Opens a client that
     * - keeps what it remembers in a file of its own, outside of backups, sealed with a key of the Android Keystore;
     * - follows the default network, its name servers, and its portals;
     * - asks the system for SRV records (from Android 10; before, the network's name servers);
     * - knows when the user looks at the app, and tells the server (XEP-0352).
     *
     * @param pauseInBackgroundAfter let go of connection and file when nobody has looked for so long; `null` (default) to
     *   stay connected for as long as the system lets the process live. An app that is woken by pushes wants a minute.
     * @throws SnapbackException that says what cannot be used.
     */
    @JvmStatic
    public suspend fun open(
        context: Context,
        account: String,
        password: String?,
        pauseInBackgroundAfter: Duration? = null,
        block: Configuration.() -> Unit = {},
    ): SnapbackClient {
        val app = context.applicationContext
        var opened: SnapbackClient? = null
        try {
            return withContext(Dispatchers.IO) {
                initialize(app)
                val configuration = Configuration()
                configuration.storage = storage(app, account)
                configuration.askPlatform = true
                configuration.block()
                val client = SnapbackClient.open(account, password, configuration)
                opened = client
                client.companions += SystemResolver(client)
                client.companions += NetworkMonitor(app, client.pumpScope, client::networkChanged)
                (app as? Application)?.let {
                    client.companions += ActivityMonitor(it, client.asTracked, client.pumpScope, pauseInBackgroundAfter)
                }
                client
            }
        } catch (error: Throwable) {
            // It was cancelled in the last moment, or a permission is missing; and nobody else could close the client.
            opened?.close()
            throw error
        }
    }

    /** A file whose name does not tell the account, however it is written, in the folder that Android never backs up. */
    private fun storage(
        context: Context,
        account: String,
    ): Storage {
        val folder = File(context.noBackupFilesDir, "snapback").apply { mkdirs() }
        val digest = MessageDigest.getInstance("SHA-256").digest(Jid.parse(account).toString().toByteArray())
        val name = digest.take(16).joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }
        return Storage.InFile(File(folder, "$name.db"), KeystoreVault(File(folder, "keys")))
    }
}
