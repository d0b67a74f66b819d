package im.snapback.android

import android.app.Application
import android.content.Context
import im.snapback.Configuration
import im.snapback.Credentials
import im.snapback.Jid
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.Storage
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File
import java.security.MessageDigest
import kotlin.time.Duration

/** Opens clients with everything that Android provides: key store, network monitor, resolver and foreground tracking. */
public object SnapbackAndroid {
    /**
     * Loads the native library and gives the certificate verifier access to the Java VM. [open] does this as well; a second
     * call does nothing.
     *
     * @throws SnapbackException.VerifierNotInitialized if the verifier cannot be initialized.
     */
    @JvmStatic
    public fun initialize(context: Context) {
        if (!Verifier.initialized(context.applicationContext)) throw SnapbackException.VerifierNotInitialized()
    }

    /**
     * Opens a client that
     * - keeps its state in a file that is excluded from backups and encrypted with a key of the Android Keystore;
     * - follows the default network, its name servers, its Private DNS, and its captive portals;
     * - resolves services and hosts with the system's resolver (since Android 10; before, with the network's name servers and
     *   `getaddrinfo`), and as Private DNS says where that does not answer;
     * - detects whether the app is in the foreground, and informs the server (XEP-0352).
     *
     * @param context any context of the app.
     * @param account the bare JID to log in as, such as `juliet@example.org`.
     * @param password the password; `null` to log in with a FAST token or SCRAM keys from the store.
     * @param pauseInBackgroundAfter the time in the background after which the client closes connection and file, as with
     *   [SnapbackClient.pause]. Default `null`: it stays connected until the system ends the process. One minute suits an app
     *   that is woken by push notifications.
     * @param block changes the configuration.
     * @throws SnapbackException as [SnapbackClient.open] does, and [SnapbackException.VerifierNotInitialized].
     * @throws SecurityException if the app has removed the permission `ACCESS_NETWORK_STATE`.
     */
    @JvmStatic
    public suspend fun open(
        context: Context,
        account: String,
        password: String?,
        pauseInBackgroundAfter: Duration? = null,
        block: Configuration.() -> Unit = {},
    ): SnapbackClient {
        val credentials = password?.let(Credentials::password) ?: Credentials.stored()
        return open(context, account, credentials, pauseInBackgroundAfter, block)
    }

    /** The same with credentials other than a password: a bearer token, a client certificate, or none. */
    @JvmStatic
    public suspend fun open(
        context: Context,
        account: String,
        credentials: Credentials,
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
                configuration.system = SystemResolver.system
                configuration.block()
                val client = SnapbackClient.open(account, credentials, configuration)
                opened = client
                client.companions += SystemResolver(client)
                client.companions +=
                    NetworkMonitor(app, client.pumpScope, client::networkChanged, client::nameSettingsChanged)
                (app as? Application)?.let {
                    client.companions += ActivityMonitor(it, client.asTracked, client.pumpScope, pauseInBackgroundAfter)
                }
                client
            }
        } catch (error: Throwable) {
            // The caller was cancelled, or a permission is missing. The caller does not have the client, so it is closed here.
            opened?.close()
            throw error
        }
    }

    /**
     * Returns a file in the folder that Android never backs up. Its name is a hash of the normalized JID: it does not reveal
     * the account, and is the same for each spelling of it.
     */
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
