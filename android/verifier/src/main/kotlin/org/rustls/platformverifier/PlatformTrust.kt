package org.rustls.platformverifier

import android.net.http.X509TrustManagerExtensions
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.cert.CertificateException
import java.security.cert.X509Certificate
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager

/** Verifies a chain with the platform's trust manager. */
internal fun interface PlatformTrust {
    /**
     * Returns certificates that include the issuers: on Android the path that was found, from the server's certificate to the
     * root.
     *
     * @throws CertificateException if the platform refuses the chain.
     */
    fun check(
        chain: List<X509Certificate>,
        authType: String,
        serverName: String,
    ): List<X509Certificate>

    companion object {
        /**
         * Returns what the system trusts now. Not cached, since users install and remove roots.
         *
         * @throws java.security.GeneralSecurityException if there is no trust manager.
         */
        fun ofSystem(): PlatformTrust = of(null)

        /** Returns the same with [roots] instead of the system's roots. */
        fun of(roots: KeyStore?): PlatformTrust {
            val factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm())
            factory.init(roots)
            val manager =
                factory.trustManagers.filterIsInstance<X509TrustManager>().firstOrNull()
                    ?: throw KeyStoreException("no X509TrustManager")
            return if (isAndroid) OfDomain(manager) else Plain(manager)
        }

        private val isAndroid: Boolean by lazy {
            try {
                Class.forName("android.net.http.X509TrustManagerExtensions")
                true
            } catch (_: ClassNotFoundException) {
                false
            }
        }
    }

    /** Android's trust manager. If the network security configuration names domains, it needs the server's name. */
    private class OfDomain(manager: X509TrustManager) : PlatformTrust {
        private val extensions = X509TrustManagerExtensions(manager)

        override fun check(
            chain: List<X509Certificate>,
            authType: String,
            serverName: String,
        ): List<X509Certificate> = extensions.checkServerTrusted(chain.toTypedArray(), authType, serverName)
    }

    /** The trust manager of a desktop JVM. */
    private class Plain(private val manager: X509TrustManager) : PlatformTrust {
        override fun check(
            chain: List<X509Certificate>,
            authType: String,
            serverName: String,
        ): List<X509Certificate> {
            manager.checkServerTrusted(chain.toTypedArray(), authType)
            return chain + manager.acceptedIssuers
        }
    }
}
