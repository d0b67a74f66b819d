package im.snapback.android

import android.app.Application
import android.content.Context
import im.snapback.Configuration
import im.snapback.Credentials
import im.snapback.NativeLibrary
import im.snapback.Snapback
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.SnapbackFutures
import im.snapback.StorageProblem
import im.snapback.VaultException
import java.util.concurrent.CompletableFuture
import java.util.function.Consumer
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** Opens clients with everything that Android provides: key store, network monitor, resolver and foreground tracking. */
public object SnapbackAndroid {
    /**
     * Loads the native library and gives the certificate verifier access to the Java VM. [open] does this as well; a second
     * call does nothing.
     *
     * This blocks while the library is loaded; [Snapback.preload] loads it on another thread.
     *
     * @throws SnapbackException.VerifierNotInitialized if the verifier cannot be initialized.
     * @throws SnapbackException.NativeLibrary if the library cannot be loaded.
     */
    @JvmStatic
    @Throws(SnapbackException::class)
    public fun initialize(context: Context) {
        NativeLibrary.load()
        val isInitialized = NativeLibrary.checked { Verifier.initialized(context.applicationContext) }
        if (!isInitialized) throw SnapbackException.VerifierNotInitialized()
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

    /**
     * The same for Java; see [SnapbackFutures].
     *
     * @param pauseInBackgroundAfterMillis in milliseconds; `null` as in [open].
     */
    @JvmStatic
    public fun openAsync(
        context: Context,
        account: String,
        password: String?,
        pauseInBackgroundAfterMillis: Long?,
        configure: Consumer<Configuration>,
    ): CompletableFuture<SnapbackClient> =
        SnapbackFutures.opened {
            open(context, account, password, pauseInBackgroundAfterMillis?.milliseconds) { configure.accept(this) }
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
                val files = AccountFiles(app, account)
                configuration.storage = files.storage()
                configuration.system = SystemResolver.system
                configuration.block()
                val client = SnapbackClient.open(account, credentials, configuration)
                opened = client
                client.companions += OpenAccounts.use(files.name)
                client.companions += KeepaliveAlarm.follow(client::probe)
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
     * Deletes what [open] has stored about an account on this device: the file with session, queue, roster and tokens, and the keys
     * that encrypt it. The account at its server stays. To invalidate its tokens there as well, call [SnapbackClient.logOut] first; then
     * [SnapbackClient.shutdown]. Deleting an account that was never opened does nothing.
     *
     * @throws SnapbackException.InvalidJid if [account] is not a JID.
     * @throws SnapbackException.Storage with [im.snapback.StorageProblem.OWNED_ELSEWHERE] while a client of this process has the
     *   account open, or if a file cannot be deleted.
     */
    @JvmStatic
    public suspend fun removeAccount(
        context: Context,
        account: String,
    ): Unit = withContext(Dispatchers.IO) { storing { AccountFiles(context.applicationContext, account).delete() } }

    /**
     * Deletes the keys of all accounts: for a phone whose Android Keystore has lost or damaged the key of the app, so that [open]
     * fails again and again with [im.snapback.StorageProblem.VAULT_LOCKED] or [im.snapback.StorageProblem.VAULT_BROKEN]. The next
     * client of each account begins with an empty store, and its [SnapbackClient.openReport] says so. Close all clients first.
     *
     * @throws SnapbackException.Storage if the key store or the disk does not allow it now.
     */
    @JvmStatic
    public suspend fun resetVault(context: Context): Unit =
        withContext(Dispatchers.IO) { storing { KeystoreVault(AccountFiles.keys(context.applicationContext)).reset() } }

    /**
     * Sets an alarm that wakes the device once for all clients of the process, at most every [interval]: each client that is connected
     * sends a liveness probe, and each one that waits for a retry retries. Without it, timers stop while the processor sleeps, and a
     * connection that the network has dropped is noticed with the next wake-up. For apps that hold a connection in a foreground
     * service; an app that is woken by push notifications needs none. `null` ends it; that is the default.
     *
     * The alarm is inexact, needs no permission, and is delayed by the system: in Doze to about nine minutes and more.
     *
     * @throws IllegalArgumentException if [interval] is less than a minute.
     */
    @JvmStatic
    public fun setAlarmKeepalive(
        context: Context,
        interval: Duration?,
    ): Unit = KeepaliveAlarm.set(context.applicationContext, interval)

    private inline fun storing(work: () -> Unit) {
        try {
            work()
        } catch (_: VaultException.Locked) {
            throw SnapbackException.Storage(StorageProblem.VAULT_LOCKED)
        } catch (_: VaultException.Broken) {
            throw SnapbackException.Storage(StorageProblem.VAULT_BROKEN)
        }
    }
}
