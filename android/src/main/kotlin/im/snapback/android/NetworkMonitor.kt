package im.snapback.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import im.snapback.NetworkTracker
import im.snapback.SnapbackClient

/** Follows the default network of the device. */
internal class NetworkMonitor(
    context: Context,
    client: SnapbackClient,
) : AutoCloseable {
    private val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
    private val tracker = NetworkTracker(client::networkChanged)

    private val callback =
        object : ConnectivityManager.NetworkCallback() {
            override fun onCapabilitiesChanged(
                network: Network,
                capabilities: NetworkCapabilities,
            ) = tracker.changed(network) {
                it.copy(
                    hasInternet = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET),
                    isValidated = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED),
                    isPortal = capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL),
                )
            }

            override fun onLinkPropertiesChanged(
                network: Network,
                link: LinkProperties,
            ) = tracker.changed(network) { facts ->
                facts.copy(nameServers = link.dnsServers.mapNotNull { it.hostAddress?.substringBefore('%') })
            }

            override fun onBlockedStatusChanged(
                network: Network,
                blocked: Boolean,
            ) = tracker.changed(network) { it.copy(isBlocked = blocked) }

            override fun onLost(network: Network) = tracker.lost(network)
        }

    init {
        // Where there is none, nobody says so.
        if (manager.activeNetwork == null) tracker.none()
        manager.registerDefaultNetworkCallback(callback)
    }

    override fun close(): Unit = manager.unregisterNetworkCallback(callback)
}
