package im.snapback.android

import android.Manifest
import android.app.Application
import android.content.Context
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import im.snapback.Configuration
import im.snapback.Credentials
import im.snapback.SnapbackException
import im.snapback.TestServer
import im.snapback.android.DeviceAspect.CERTIFICATE
import im.snapback.android.DeviceAspect.CONNECTION
import im.snapback.android.DeviceAspect.LIBRARY
import im.snapback.android.DeviceAspect.LOGIN
import im.snapback.android.DeviceAspect.NETWORK
import im.snapback.android.DeviceAspect.SUSPEND_AND_RESUME
import im.snapback.android.DeviceAspect.VAULT
import im.snapback.android.DeviceVerdict.FAILED
import im.snapback.android.DeviceVerdict.PASSED
import im.snapback.android.DeviceVerdict.SKIPPED
import im.snapback.on
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetworkCapabilities
import java.io.File
import java.security.KeyStoreException
import java.security.Security
import kotlin.time.Duration.Companion.seconds

/** The check of a device, with real TLS to the reference server. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE)
class DeviceCheckTest {
    private val application: Application = RuntimeEnvironment.getApplication()

    @Before
    fun prepare() {
        FakeKeystore.reset()
        Security.addProvider(FakeKeystore())
        shadowOf(application).grantPermissions(Manifest.permission.ACCESS_NETWORK_STATE)
        network(NetworkCapabilities.NET_CAPABILITY_INTERNET, NetworkCapabilities.NET_CAPABILITY_VALIDATED)
    }

    @After
    fun remove() = Security.removeProvider("AndroidKeyStore")

    private fun network(vararg capabilities: Int) {
        val manager = application.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
        val wifi = ShadowNetworkCapabilities.newInstance()
        capabilities.forEach(shadowOf(wifi)::addCapability)
        shadowOf(wifi).addTransportType(NetworkCapabilities.TRANSPORT_WIFI)
        shadowOf(manager).setNetworkCapabilities(manager.activeNetwork, wifi)
    }

    /** Robolectric has neither the folder's sync nor the verifier's native half. */
    private fun check(
        credentials: Credentials?,
        account: String = "juliet@localhost",
        initialize: (Context) -> Unit = {},
        block: Configuration.() -> Unit,
    ): DeviceReport =
        runBlocking(Dispatchers.Default) {
            withTimeout(60.seconds) {
                DeviceChecks(application, account, credentials, block, { KeystoreVault(it, {}) }, initialize).run()
            }
        }

    private fun DeviceReport.verdict(aspect: DeviceAspect) = findings.single { it.aspect == aspect }.verdict

    @Test
    fun `everything is examined with an account, and nothing is left of it`() =
        TestServer().use { server ->
            val report = check(Credentials.password("r0m30")) { on(server) }
            val text = report.toText()
            assertTrue(text, report.hasPassed)
            assertEquals(DeviceAspect.entries, report.findings.map { it.aspect })
            listOf(LIBRARY, VAULT, NETWORK, CONNECTION, CERTIFICATE, LOGIN, SUSPEND_AND_RESUME).forEach {
                assertEquals(text, PASSED, report.verdict(it))
            }
            assertTrue(text, "Wi-Fi, validated" in text && "API 34" in text)
            listOf("juliet", "localhost", "127.0.0.1", "r0m30", application.packageName).forEach { assertFalse(text, it in text) }
            assertEquals(emptyList<String>(), File(application.noBackupFilesDir, "snapback").list().orEmpty().toList())
        }

    @Test
    fun `without credentials it ends after the certificate`() =
        TestServer().use { server ->
            val report = check(null) { on(server) }
            assertTrue(report.toText(), report.hasPassed)
            assertEquals(PASSED, report.verdict(CERTIFICATE))
            assertEquals(SKIPPED, report.verdict(LOGIN))
        }

    @Test
    fun `a certificate that is not trusted is found`() =
        TestServer().use { server ->
            TestServer().use { other ->
                val report = check(null) {
                    on(server)
                    danger { trustOnlyTheseRoots(other.authority) }
                }
                assertEquals(report.toText(), FAILED, report.verdict(CERTIFICATE))
                assertEquals(SKIPPED, report.verdict(LOGIN))
            }
        }

    @Test
    fun `a wrong password, a vault and a library that fail, and a portal are found`() =
        TestServer().use { server ->
            FakeKeystore.failure = KeyStoreException("busy")
            network(NetworkCapabilities.NET_CAPABILITY_INTERNET, NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL)
            val broken = { _: Context -> throw SnapbackException.VerifierNotInitialized() }
            val report = check(Credentials.password("wrong"), initialize = broken) { on(server) }
            listOf(LIBRARY, VAULT, NETWORK).forEach { assertEquals(report.toText(), FAILED, report.verdict(it)) }
            assertFalse(report.hasPassed)
        }

    @Test
    fun `a refused login and a server that is not there are found`() =
        TestServer().use { server ->
            val refused = check(Credentials.password("wrong")) { on(server) }
            assertEquals(refused.toText(), PASSED, refused.verdict(CERTIFICATE))
            assertEquals(refused.toText(), FAILED, refused.verdict(LOGIN))
            val gone = check(null) { server("127.0.0.1", 1) }
            assertEquals(gone.toText(), FAILED, gone.verdict(CONNECTION))
            assertEquals(SKIPPED, gone.verdict(CERTIFICATE))
        }

    @Test
    fun `a text that is no account is an error`() {
        assertThrows(SnapbackException.InvalidJid::class.java) { check(null, "@") {} }
    }
}
