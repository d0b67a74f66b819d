package im.snapback.android

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.os.Build
import im.snapback.NetworkState
import im.snapback.NetworkTracker
import im.snapback.NetworkTracker.Facts
import im.snapback.PrivateDns
import im.snapback.Registration
import kotlinx.coroutines.CoroutineScope
import java.net.Inet6Address
import java.net.InetAddress
import java.net.NetworkInterface
import java.net.SocketException

/**
 * Follows the default network of the device and reports it to a client.
 *
 * @throws SecurityException if the app has removed the permission `ACCESS_NETWORK_STATE`, which the library's manifest
 *   requests.
 */
internal class NetworkMonitor(
    context: Context,
    scope: CoroutineScope,
    deliver: (NetworkState) -> Unit,
    deliverNameSettings: (NetworkState) -> Unit,
) : AutoCloseable {
    private val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
    private val tracker = NetworkTracker(scope, deliver, deliverNameSettings)

    private val callback =
        object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) {
                // Since Android 8, the other callbacks follow immediately after this one.
                if (Build.VERSION.SDK_INT < Build.VERSION_CODES.O) look(network)
            }

            override fun onCapabilitiesChanged(
                network: Network,
                capabilities: NetworkCapabilities,
            ) = tracker.changed(network) { it.with(capabilities) }

            override fun onLinkPropertiesChanged(
                network: Network,
                link: LinkProperties,
            ) = tracker.changed(network) { it.with(link) }

            override fun onBlockedStatusChanged(
                network: Network,
                blocked: Boolean,
            ) = tracker.changed(network) { it.copy(isBlocked = blocked) }

            override fun onLost(network: Network) = tracker.lost(network)
        }

    private val registration: Registration

    init {
        if (context.checkSelfPermission(PERMISSION) != PackageManager.PERMISSION_GRANTED) {
            throw SecurityException("$PERMISSION is missing")
        }
        // Without a network, no callback is called.
        if (manager.activeNetwork == null) tracker.none()
        registration =
            Registration(
                scope,
                // Android 11 sometimes throws SecurityException although the app has the permission.
                register = { manager.registerDefaultNetworkCallback(callback) },
                unregister = { manager.unregisterNetworkCallback(callback) },
                poll = { look(manager.activeNetwork) },
            )
    }

    private fun look(network: Network?) {
        if (network == null) return tracker.none()
        val capabilities = manager.getNetworkCapabilities(network) ?: return
        val link = manager.getLinkProperties(network)
        tracker.changed(network) { facts ->
            val known = facts.with(capabilities).copy(isBlocked = facts.isBlocked ?: false)
            if (link == null) known.copy(nameServers = known.nameServers.orEmpty()) else known.with(link)
        }
    }

    override fun close(): Unit = registration.close()

    private companion object {
        /** From cellular to USB; newer ones carry no default network. */
        val TRANSPORTS = NetworkCapabilities.TRANSPORT_CELLULAR..8

        const val PERMISSION = Manifest.permission.ACCESS_NETWORK_STATE

        fun Facts.with(capabilities: NetworkCapabilities): Facts =
            copy(
                transports = TRANSPORTS.filter(capabilities::hasTransport).toSet(),
                hasInternet = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET),
                isValidated = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED),
                isPortal = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL),
                // Before Android 10, there is no callback for it.
                isBlocked = isBlocked ?: if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) false else null,
            )

        fun Facts.with(link: LinkProperties): Facts =
            copy(
                nameServers = link.dnsServers.mapNotNull { it.text(link) },
                privateDns = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) link.privateDns() else null,
            )

        /**
         * Private DNS: the name that the user has set, or else whether a name server of the network was found to support TLS.
         * A setting of "automatic" is inactive until then, and queries are in cleartext.
         */
        @NewerApi(Build.VERSION_CODES.P)
        fun LinkProperties.privateDns(): PrivateDns? {
            val host = privateDnsServerName
            return when {
                !host.isNullOrEmpty() -> PrivateDns.Strict(host)
                isPrivateDnsActive -> PrivateDns.Opportunistic
                else -> null
            }
        }

        /** The address; a link-local one with the index of its interface, without which it cannot be reached. */
        fun InetAddress.text(link: LinkProperties): String? {
            val address = hostAddress?.substringBefore('%')
            if (this !is Inet6Address || !isLinkLocalAddress) return address
            val index = scopeId.takeIf { it > 0 } ?: link.interfaceName?.let(::indexOf) ?: return null
            return "$address%$index"
        }

        fun indexOf(name: String): Int? =
            try {
                NetworkInterface.getByName(name)?.index?.takeIf { it > 0 }
            } catch (_: SocketException) {
                null
            }
    }
}
