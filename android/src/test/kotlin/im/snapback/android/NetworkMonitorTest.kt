package im.snapback.android

import android.Manifest
import android.app.Application
import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.os.Build
import im.snapback.NetworkState
import im.snapback.PrivateDns
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runTest
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowConnectivityManager
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowNetworkCapabilities
import org.robolectric.util.ReflectionHelpers
import java.net.Inet6Address
import java.net.InetAddress
import java.net.NetworkInterface
import kotlin.time.Duration.Companion.seconds

/** The callbacks of the system about networks, and what the client is informed of. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE, shadows = [Refusing::class])
class NetworkMonitorTest {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val manager = application.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
    private val reported = mutableListOf<NetworkState>()
    private val nameSettings = mutableListOf<NetworkState>()
    private var monitor: NetworkMonitor? = null
    private val wifi = ShadowNetwork.newInstance(7)
    private val internet =
        ShadowNetworkCapabilities.newInstance().also {
            shadowOf(it).addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET)
        }
    private val link = LinkProperties().apply { setDnsServers(listOf(InetAddress.getByName("192.0.2.1"))) }
    private val callback: ConnectivityManager.NetworkCallback get() = shadowOf(manager).networkCallbacks.single()

    @Before
    fun grant() {
        Refusing.refusals = 0
        shadowOf(application).grantPermissions(Manifest.permission.ACCESS_NETWORK_STATE)
    }

    /** Some tests change it. */
    private val sdk = Build.VERSION.SDK_INT

    @After
    fun close() {
        monitor?.close()
        ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", sdk)
    }

    private fun TestScope.open() {
        monitor = NetworkMonitor(application, backgroundScope, reported::add, nameSettings::add)
        reported.clear()
    }

    private fun arrive(network: Network) {
        callback.onAvailable(network)
        callback.onCapabilitiesChanged(network, internet)
        callback.onLinkPropertiesChanged(network, link)
    }

    @Test
    fun `a network is reported once, when all facts are known`() =
        runTest {
            open()
            arrive(wifi)
            assertEquals(emptyList<NetworkState>(), reported)
            callback.onBlockedStatusChanged(wifi, false)
            advanceTimeBy(5.seconds)
            assertEquals(listOf(NetworkState(true, listOf("192.0.2.1"))), reported)
        }

    @Test
    fun `a network that is blocked for the app is never reported as available`() =
        runTest {
            open()
            arrive(wifi)
            callback.onBlockedStatusChanged(wifi, true)
            advanceTimeBy(5.seconds)
            assertEquals(listOf(false), reported.map { it.available })
        }

    @Test
    @Config(sdk = [24])
    fun `Android 7 has neither that callback nor Private DNS`() =
        runTest {
            open()
            arrive(wifi)
            advanceTimeBy(5.seconds)
            assertEquals(listOf(NetworkState(true, listOf("192.0.2.1"))), reported)
            callback.onLost(wifi)
            advanceTimeBy(5.seconds)
            assertFalse(reported.last().available)
        }

    @Test
    fun `Android 9 has no callback for a blocked network`() =
        runTest {
            ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", Build.VERSION_CODES.P)
            open()
            arrive(wifi)
            assertEquals(listOf(NetworkState(true, listOf("192.0.2.1"))), reported)
        }

    @Test
    fun `Private DNS is reported with the network from Android 9 on`() =
        runTest {
            val strict = PrivateDns.Strict("dns.example")
            open()
            for ((version, active, host, expected) in listOf(
                Mode(Build.VERSION_CODES.P, false, null, null),
                Mode(Build.VERSION_CODES.P, true, null, PrivateDns.Opportunistic),
                Mode(Build.VERSION_CODES.P, true, "dns.example", strict),
                // The named server has not answered yet.
                Mode(Build.VERSION_CODES.P, false, "dns.example", strict),
                Mode(Build.VERSION_CODES.UPSIDE_DOWN_CAKE, true, null, PrivateDns.Opportunistic),
                Mode(Build.VERSION_CODES.UPSIDE_DOWN_CAKE, true, "dns.example", strict),
                Mode(Build.VERSION_CODES.UPSIDE_DOWN_CAKE, false, null, null),
                Mode(Build.VERSION_CODES.O_MR1, true, "dns.example", null),
            )) {
                ReflectionHelpers.setStaticField(Build.VERSION::class.java, "SDK_INT", version)
                link.setUsePrivateDns(active)
                link.setPrivateDnsServerName(host)
                val network = ShadowNetwork.newInstance(100 + reported.size)
                arrive(network)
                callback.onBlockedStatusChanged(network, false)
                assertEquals(NetworkState(true, listOf("192.0.2.1"), expected), reported.last())
            }
            assertEquals(8, reported.size)
        }

    @Test
    fun `Private DNS that becomes active is no change of the network`() =
        runTest {
            open()
            arrive(wifi)
            callback.onBlockedStatusChanged(wifi, false)
            link.setUsePrivateDns(true)
            callback.onLinkPropertiesChanged(wifi, link)
            assertEquals(listOf(null), reported.map { it.privateDns })
            assertEquals(listOf(PrivateDns.Opportunistic), nameSettings.map { it.privateDns })
        }

    @Test
    fun `another network below a VPN is reported once`() =
        runTest {
            val below = { carrier: Int ->
                ShadowNetworkCapabilities.newInstance().also {
                    shadowOf(it).addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET)
                    listOf(NetworkCapabilities.TRANSPORT_VPN, carrier).forEach(shadowOf(it)::addTransportType)
                }
            }
            open()
            val vpn = ShadowNetwork.newInstance(8)
            callback.onAvailable(vpn)
            callback.onCapabilitiesChanged(vpn, below(NetworkCapabilities.TRANSPORT_WIFI))
            callback.onLinkPropertiesChanged(vpn, link)
            callback.onBlockedStatusChanged(vpn, false)
            callback.onCapabilitiesChanged(vpn, below(NetworkCapabilities.TRANSPORT_WIFI))
            assertEquals(1, reported.size)
            callback.onCapabilitiesChanged(vpn, below(NetworkCapabilities.TRANSPORT_CELLULAR))
            advanceTimeBy(5.seconds)
            assertEquals(List(2) { NetworkState(true, listOf("192.0.2.1")) }, reported)
        }

    @Test
    fun `Data Saver and metered networks`() =
        runTest {
            open()
            arrive(wifi)
            // Data Saver begins and ends while the app is in the background on a metered network.
            listOf(false, true, false).forEach { callback.onBlockedStatusChanged(wifi, it) }
            // That a network becomes metered is no change of the network.
            internet.also { shadowOf(it).addCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED) }
            callback.onCapabilitiesChanged(wifi, internet)
            assertEquals(listOf(true, false, true), reported.map { it.available })
        }

    @Test
    fun `a captive portal is left`() =
        runTest {
            open()
            shadowOf(internet).addCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL)
            arrive(wifi)
            callback.onBlockedStatusChanged(wifi, false)
            shadowOf(internet).removeCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL)
            shadowOf(internet).addCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED)
            callback.onCapabilitiesChanged(wifi, internet)
            assertEquals(listOf(false, true), reported.map { it.available })
        }

    @Test
    fun `a change from one network to another is reported once`() =
        runTest {
            open()
            arrive(wifi)
            callback.onBlockedStatusChanged(wifi, false)
            val cellular = ShadowNetwork.newInstance(9)
            arrive(cellular)
            callback.onBlockedStatusChanged(cellular, false)
            callback.onLost(wifi)
            advanceTimeBy(5.seconds)
            assertEquals(listOf(true, true), reported.map { it.available })
        }

    @Test
    fun `a link-local name server keeps its interface`() =
        runTest {
            val scoped = Inet6Address.getByAddress(null, InetAddress.getByName("fe80::1").address, 3)
            val loopback = checkNotNull(NetworkInterface.getByInetAddress(InetAddress.getByName("127.0.0.1")))
            link.setDnsServers(listOf(scoped, InetAddress.getByName("fe80::2"), InetAddress.getByName("2001:db8::1")))
            link.setInterfaceName(loopback.name)
            open()
            arrive(wifi)
            callback.onBlockedStatusChanged(wifi, false)
            val expected = listOf("fe80:0:0:0:0:0:0:1%3", "fe80:0:0:0:0:0:0:2%${loopback.index}", "2001:db8:0:0:0:0:0:1")
            assertEquals(expected, reported.last().nameServers)
        }

    /** What the system says about Private DNS, and what is reported. */
    private data class Mode(
        val version: Int,
        val active: Boolean,
        val host: String?,
        val expected: PrivateDns?,
    )

    @Test
    fun `a refused registration is retried, and networks are polled meanwhile`() =
        runTest {
            Refusing.refusals = 3
            open()
            assertEquals(0, shadowOf(manager).networkCallbacks.size)
            val network = checkNotNull(manager.activeNetwork)
            shadowOf(manager).setNetworkCapabilities(network, internet)
            shadowOf(manager).setLinkProperties(network, link)
            advanceTimeBy(2.seconds)
            assertEquals(listOf(NetworkState(true, listOf("192.0.2.1"))), reported)
            advanceTimeBy(60.seconds)
            arrive(network)
            callback.onBlockedStatusChanged(network, false)
            assertEquals(1, reported.size)
            callback.onLost(network)
            assertEquals(listOf(true, false), reported.map { it.available })
        }

    @Test
    fun `a monitor that never registered can be closed`() =
        runTest {
            Refusing.refusals = 1
            open()
            monitor?.close()
            advanceTimeBy(600.seconds)
            assertEquals(0, shadowOf(manager).networkCallbacks.size)
        }

    @Test
    fun `an app without the permission gets an exception`() =
        runTest {
            shadowOf(application).denyPermissions(Manifest.permission.ACCESS_NETWORK_STATE)
            assertThrows(SecurityException::class.java) { open() }
        }
}

/** Refuses registrations with an exception that Android 11 sometimes throws. */
@Implements(ConnectivityManager::class)
internal class Refusing : ShadowConnectivityManager() {
    @Implementation
    override fun registerDefaultNetworkCallback(callback: ConnectivityManager.NetworkCallback) {
        if (refusals > 0) {
            refusals -= 1
            throw SecurityException("Package android does not belong to 10123")
        }
        super.registerDefaultNetworkCallback(callback)
    }

    companion object {
        var refusals = 0
    }
}
