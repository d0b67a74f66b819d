package im.snapback.android

import android.app.ActivityManager
import android.app.usage.UsageStatsManager
import android.content.Context
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.os.Build
import android.os.PowerManager

/** What the system says about itself, the app and the network, without names and addresses. */
internal object DeviceFacts {
    /** The default network. */
    class Network(
        val isUsable: Boolean,
        val description: String,
        val privateDns: String,
    )

    fun system(context: Context): Map<String, String> {
        val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
        val connectivity = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
        return mapOf(
            "Android" to "${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})",
            "device" to "${Build.MANUFACTURER} ${Build.MODEL}",
            "architectures" to Build.SUPPORTED_ABIS.joinToString(),
            "battery optimization" to if (power.isIgnoringBatteryOptimizations(context.packageName)) "off" else "on",
            "battery saver" to if (power.isPowerSaveMode) "on" else "off",
            "Doze" to if (power.isDeviceIdleMode) "on" else "off",
            "Data Saver" to dataSaver(connectivity.restrictBackgroundStatus),
            "background" to background(context),
        )
    }

    private fun dataSaver(status: Int): String =
        when (status) {
            ConnectivityManager.RESTRICT_BACKGROUND_STATUS_DISABLED -> "off"
            ConnectivityManager.RESTRICT_BACKGROUND_STATUS_WHITELISTED -> "on, this app is exempted"
            else -> "on"
        }

    private fun background(context: Context): String =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) restrictions(context) else "unrestricted"

    @NewerApi(Build.VERSION_CODES.P)
    private fun restrictions(context: Context): String {
        val activities = context.getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager
        val usage = context.getSystemService(Context.USAGE_STATS_SERVICE) as? UsageStatsManager
        val restricted = if (activities.isBackgroundRestricted) "restricted by the user" else "unrestricted"
        return "$restricted, standby bucket ${usage?.appStandbyBucket ?: "unknown"}"
    }

    fun network(context: Context): Network {
        val manager = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
        val network =
            try {
                manager.activeNetwork
            } catch (_: SecurityException) {
                return Network(false, "the permission ACCESS_NETWORK_STATE is missing", "unknown")
            }
        val capabilities = network?.let(manager::getNetworkCapabilities)
        // A network that is blocked for the app is not shown to it.
        if (capabilities == null) return Network(false, "none, or blocked for this app", "unknown")
        val isUsable =
            capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET) &&
                !capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL)
        val isNewer = Build.VERSION.SDK_INT >= Build.VERSION_CODES.P
        return Network(isUsable, description(capabilities), if (isNewer) privateDns(manager, network) else "unknown")
    }

    private fun description(capabilities: NetworkCapabilities): String {
        val carriers = TRANSPORTS.filterKeys(capabilities::hasTransport).values
        val traits =
            listOf(
                "validated" to capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED),
                "captive portal" to capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL),
                "metered" to !capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED),
            )
        return (carriers + traits.filter { it.second }.map { it.first }).joinToString()
    }

    /** The name that the user has set is not shown. */
    @NewerApi(Build.VERSION_CODES.P)
    private fun privateDns(
        manager: ConnectivityManager,
        network: android.net.Network,
    ): String {
        val link = manager.getLinkProperties(network) ?: return "unknown"
        return when {
            !link.privateDnsServerName.isNullOrEmpty() -> if (link.isPrivateDnsActive) "strict" else "strict, and not active"
            link.isPrivateDnsActive -> "opportunistic"
            else -> "off"
        }
    }

    private val TRANSPORTS =
        mapOf(
            NetworkCapabilities.TRANSPORT_CELLULAR to "cellular",
            NetworkCapabilities.TRANSPORT_WIFI to "Wi-Fi",
            NetworkCapabilities.TRANSPORT_BLUETOOTH to "Bluetooth",
            NetworkCapabilities.TRANSPORT_ETHERNET to "Ethernet",
            NetworkCapabilities.TRANSPORT_VPN to "VPN",
        )
}
