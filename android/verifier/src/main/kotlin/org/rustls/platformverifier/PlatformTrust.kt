package org.rustls.platformverifier

import android.net.http.X509TrustManagerExtensions
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.cert.CertificateException
import java.security.cert.X509Certificate
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager

/** The platform's judgement of a chain. */
internal fun interface PlatformTrust {
    /**
     * Returns the certificates among which the issuers are: on Android the path that was found, from the server's
     * certificate to the root.
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
         * What the system trusts now: asked for anew each time, since users install and remove roots.
         *
         * @throws java.security.GeneralSecurityException if there is no trust manager.
         */
        fun ofSystem(): PlatformTrust = of(null)

        /** The same with the roots of [roots] in place of the system's. */
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

    /** Android's: with a network security configuration that has domains in it, there is no judgement without the name. */
    private class OfDomain(manager: X509TrustManager) : PlatformTrust {
        private val extensions = X509TrustManagerExtensions(manager)

        override fun check(
            chain: List<X509Certificate>,
            authType: String,
            serverName: String,
        ): List<X509Certificate> = extensions.checkServerTrusted(chain.toTypedArray(), authType, serverName)
    }

    /** A desktop JVM's. */
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
