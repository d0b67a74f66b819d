package im.snapback.android

import android.content.Context
import im.snapback.Configuration
import im.snapback.ConnectionState
import im.snapback.Credentials
import im.snapback.DialFate
import im.snapback.DialReport
import im.snapback.EndReason
import im.snapback.Event
import im.snapback.Jid
import im.snapback.NameResult
import im.snapback.SessionOutcome
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.Storage
import im.snapback.VaultException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeout
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** Checks whether this device, on this network, can do what a client needs. For a settings page, and for bug reports. */
public object DeviceCheck {
    /**
     * Examines everything of [DeviceAspect], and returns what was found. It takes a few seconds, and at most about a minute. It uses
     * a store of its own, which it deletes, and changes nothing of the clients of the app.
     *
     * @param account the bare JID; only its domain is used without [credentials].
     * @param credentials what to log in with. Default `null`: the check ends after the certificate was examined, without a login.
     * @param block changes the configuration, as for [SnapbackAndroid.open].
     * @throws SnapbackException.InvalidJid if [account] is not a JID.
     */
    @JvmStatic
    public suspend fun run(
        context: Context,
        account: String,
        credentials: Credentials? = null,
        block: Configuration.() -> Unit = {},
    ): DeviceReport = DeviceChecks(context.applicationContext, account, credentials, block).run()
}

/** One run. [makeVault] and [initialize] are replaced in tests. */
internal class DeviceChecks(
    private val context: Context,
    private val account: String,
    private val credentials: Credentials?,
    private val block: Configuration.() -> Unit,
    private val makeVault: (File) -> KeystoreVault = ::KeystoreVault,
    private val initialize: (Context) -> Unit = SnapbackAndroid::initialize,
) {
    private val findings = mutableListOf<DeviceFinding>()
    private val folder = File(context.noBackupFilesDir, "snapback/check-${System.nanoTime()}")
    private val vault = makeVault(File(folder, "keys"))

    suspend fun run(): DeviceReport =
        withContext(Dispatchers.IO) {
            try {
                examine(DeviceAspect.LIBRARY) { initialize(context).let { "loaded" } }
                examine(DeviceAspect.VAULT, ::useVault)
                val network = DeviceFacts.network(context)
                record(DeviceAspect.NETWORK, if (network.isUsable) DeviceVerdict.PASSED else DeviceVerdict.FAILED, network.description)
                record(DeviceAspect.PRIVATE_DNS, DeviceVerdict.PASSED, network.privateDns)
                connect()
            } finally {
                withContext(NonCancellable) { folder.deleteRecursively() }
            }
            DeviceAspect.entries.forEach { aspect ->
                if (findings.none { it.aspect == aspect }) record(aspect, DeviceVerdict.SKIPPED, "not examined")
            }
            DeviceReport(DeviceFacts.system(context), findings.sortedBy { it.aspect })
        }

    private fun record(
        aspect: DeviceAspect,
        verdict: DeviceVerdict,
        detail: String,
        took: Duration = Duration.ZERO,
    ) {
        findings += DeviceFinding(aspect, verdict, detail, took)
    }

    /** Records [work]'s result, or the name of its exception: the messages of the system may contain names. */
    private suspend fun examine(
        aspect: DeviceAspect,
        work: suspend () -> String,
    ) {
        val start = TimeSource.Monotonic.markNow()
        try {
            val detail = work()
            record(aspect, DeviceVerdict.PASSED, detail, start.elapsedNow())
        } catch (error: CancellationException) {
            throw error
        } catch (error: SnapbackException) {
            record(aspect, DeviceVerdict.FAILED, error.message.orEmpty(), start.elapsedNow())
        } catch (error: VaultException) {
            record(aspect, DeviceVerdict.FAILED, error.message.orEmpty(), start.elapsedNow())
        } catch (error: NotReached) {
            record(aspect, DeviceVerdict.FAILED, error.message.orEmpty(), start.elapsedNow())
        } catch (error: Exception) {
            record(aspect, DeviceVerdict.FAILED, error.javaClass.simpleName, start.elapsedNow())
        }
    }

    private fun useVault(): String {
        val secret = ByteArray(SECRET_BYTES) { it.toByte() }
        vault.write(SECRET, secret)
        val isSame = vault.read(SECRET)?.contentEquals(secret) == true
        vault.delete(listOf(SECRET))
        if (!isSame || vault.read(SECRET) != null) throw VaultException.Broken()
        return "written, read and deleted"
    }

    private suspend fun connect() {
        val jid = Jid.parse(account).bare
        val user = if (credentials == null) jid.domain else jid.toString()
        val isVaultUsable = findings.none { it.aspect == DeviceAspect.VAULT && it.verdict == DeviceVerdict.FAILED }
        val configuration = Configuration()
        configuration.storage = if (isVaultUsable) Storage.InFile(File(folder, "check.db"), vault) else Storage.Memory
        configuration.system = SystemResolver.system
        configuration.block()
        val client =
            try {
                SnapbackClient.open(user, credentials ?: Credentials.anonymous(), configuration)
            } catch (error: SnapbackException) {
                return record(DeviceAspect.CONNECTION, DeviceVerdict.FAILED, error.message.orEmpty())
            }
        try {
            client.companions += SystemResolver(client)
            client.companions +=
                NetworkMonitor(context, client.pumpScope, client::networkChanged, client::nameSettingsChanged)
            client.connect()
            attempt(client)
        } catch (_: SecurityException) {
            record(DeviceAspect.CONNECTION, DeviceVerdict.FAILED, "the permission ACCESS_NETWORK_STATE is missing")
        } finally {
            withContext(NonCancellable) { client.shutdown() }
        }
    }

    private suspend fun attempt(client: SnapbackClient) {
        var event: Event? = null
        examine(DeviceAspect.CONNECTION) {
            event =
                try {
                    withTimeout(TIMEOUT) { client.events.first { it is Event.Online || it is Event.Ended } }
                } catch (_: TimeoutCancellationException) {
                    throw SnapbackException.TimedOut()
                }
            connected(event)
        }
        when (val first = event) {
            is Event.Online -> online(client, first)
            is Event.Ended -> ended(first)
            else -> Unit
        }
    }

    /** Returns how the server was reached, or throws. */
    private fun connected(event: Event?): String {
        val dial = (event as? Event.Online)?.dial ?: (event as? Event.Ended)?.dial ?: return "no report"
        resolved(dial)
        val fates = dial.addresses.groupingBy { nameOf(it.fate) }.eachCount()
        val reason = (event as? Event.Ended)?.reason
        if (reason is EndReason.Resolve || reason is EndReason.Unreachable || reason is EndReason.ConnectTimedOut) {
            throw NotReached("${event.description} $fates")
        }
        return "$fates"
    }

    private fun resolved(dial: DialReport) {
        if (dial.queries.isEmpty()) return record(DeviceAspect.RESOLVER, DeviceVerdict.SKIPPED, "no name was looked up")
        val found = dial.queries.any { it.result is NameResult.Found && (it.result as NameResult.Found).records > 0 }
        val detail = dial.queries.joinToString("; ") { "${it.records} by ${it.source} ${nameOf(it.result)} in ${it.took.inWholeMilliseconds} ms" }
        record(DeviceAspect.RESOLVER, if (found) DeviceVerdict.PASSED else DeviceVerdict.FAILED, detail)
    }

    private fun ended(end: Event.Ended) {
        val reason = end.reason
        val isRefused = reason is EndReason.Certificate || reason is EndReason.VerifierUnavailable
        val tls = end.timeline?.tls
        when {
            isRefused -> record(DeviceAspect.CERTIFICATE, DeviceVerdict.FAILED, end.description)
            tls != null -> record(DeviceAspect.CERTIFICATE, DeviceVerdict.PASSED, tls.version)
        }
        // Without credentials, the end of the login is expected.
        if (tls != null && credentials != null) record(DeviceAspect.LOGIN, DeviceVerdict.FAILED, end.description)
    }

    private suspend fun online(
        client: SnapbackClient,
        online: Event.Online,
    ) {
        record(DeviceAspect.CERTIFICATE, DeviceVerdict.PASSED, online.timeline.tls?.version.orEmpty())
        record(DeviceAspect.LOGIN, DeviceVerdict.PASSED, "${online.timeline.roundTrips} round trips")
        examine(DeviceAspect.SUSPEND_AND_RESUME) {
            client.pause()
            client.resume()
            withTimeout(TIMEOUT) {
                val state = client.state.first { it is ConnectionState.Online } as ConnectionState.Online
                if (state.outcome != SessionOutcome.RESUMED) throw SnapbackException.SessionLost()
                "resumed in ${state.roundTrips} round trips"
            }
        }
    }

    /** The server was not reached; the text is safe to show. */
    private class NotReached(text: String) : Exception(text)

    private companion object {
        const val SECRET = "check"
        const val SECRET_BYTES = 32

        /** The time for one login: as long as the client's own timeouts leave it on a slow network. */
        val TIMEOUT = 40.seconds

        fun nameOf(fate: DialFate): String =
            when (fate) {
                is DialFate.Failed -> fate.problem
                else -> fate.toString()
            }

        fun nameOf(result: NameResult): String =
            when (result) {
                is NameResult.Found -> "found ${result.records}"
                is NameResult.Failed -> result.problem
                is NameResult.Unanswered -> "unanswered"
            }
    }
}
