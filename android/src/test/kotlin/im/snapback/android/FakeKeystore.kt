package im.snapback.android

import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Date
import java.util.Enumeration
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec

/** A fake of a phone's key store: one for the process, found by its provider's name, with failures on demand. */
@Suppress("DEPRECATION")
internal class FakeKeystore : Provider("AndroidKeyStore", 1.0, "for tests") {
    init {
        put("KeyStore.AndroidKeyStore", Store::class.java.name)
        put("KeyGenerator.AES", Generator::class.java.name)
    }

    class Store : KeyStoreSpi() {
        override fun engineGetKey(
            alias: String,
            password: CharArray?,
        ): Key? {
            failure?.let { throw it }
            return keys[alias].also { looked() }
        }

        override fun engineLoad(
            stream: InputStream?,
            password: CharArray?,
        ) = Unit

        override fun engineContainsAlias(alias: String) = keys.containsKey(alias)

        override fun engineIsKeyEntry(alias: String) = keys.containsKey(alias)

        override fun engineAliases(): Enumeration<String> = keys.keys()

        override fun engineSize() = keys.size

        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

        override fun engineGetCertificate(alias: String): Certificate? = null

        override fun engineGetCreationDate(alias: String): Date? = null

        override fun engineSetKeyEntry(
            alias: String,
            key: Key,
            password: CharArray?,
            chain: Array<Certificate>?,
        ) = throw UnsupportedOperationException()

        override fun engineSetKeyEntry(
            alias: String,
            key: ByteArray,
            chain: Array<Certificate>?,
        ) = throw UnsupportedOperationException()

        override fun engineSetCertificateEntry(
            alias: String,
            certificate: Certificate,
        ) = throw UnsupportedOperationException()

        override fun engineDeleteEntry(alias: String) {
            keys.remove(alias)
        }

        override fun engineIsCertificateEntry(alias: String) = false

        override fun engineGetCertificateAlias(certificate: Certificate): String? = null

        override fun engineStore(
            stream: OutputStream?,
            password: CharArray?,
        ) = throw UnsupportedOperationException()
    }

    class Generator : KeyGeneratorSpi() {
        override fun engineInit(random: SecureRandom?) = Unit

        override fun engineInit(
            parameters: AlgorithmParameterSpec?,
            random: SecureRandom?,
        ) = Unit

        override fun engineInit(
            size: Int,
            random: SecureRandom?,
        ) = Unit

        override fun engineGenerateKey(): SecretKey {
            failure?.let { throw it }
            generated.incrementAndGet()
            val key = SecretKeySpec(ByteArray(32).also(SecureRandom()::nextBytes), "AES")
            // As on a phone, a second key under the name replaces the first.
            keys["im.snapback.vault"] = key
            return key
        }
    }

    companion object {
        val keys = ConcurrentHashMap<String, SecretKey>()
        val generated = AtomicInteger()

        /** The exception that each call throws, if any. */
        @Volatile
        var failure: Exception? = null

        /** Called after each lookup of a key. */
        @Volatile
        var looked: () -> Unit = {}

        fun reset() {
            keys.clear()
            generated.set(0)
            failure = null
            looked = {}
        }

    }
}
