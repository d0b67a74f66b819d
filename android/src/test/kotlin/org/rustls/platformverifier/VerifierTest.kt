package org.rustls.platformverifier

import com.sun.net.httpserver.HttpServer
import org.bouncycastle.asn1.x509.KeyPurposeId
import org.bouncycastle.cert.ocsp.CertificateStatus
import org.bouncycastle.cert.ocsp.UnknownStatus
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Test
import java.net.InetAddress
import java.net.InetSocketAddress
import java.security.KeyStore
import java.security.cert.CertPathValidatorException
import java.security.cert.CertPathValidatorException.BasicReason
import java.security.cert.CertificateException
import java.util.Date
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.hours

/** Verdicts on chains as servers send them. */
class VerifierTest {
    private val now = Date()
    private val authority = Authority(now)
    private val trust = PlatformTrust.of(roots(authority.root))

    /** The number of requests for a CRL or to an OCSP responder. */
    private val asked = AtomicInteger()
    private val web =
        HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0).apply {
            createContext("/") { exchange ->
                asked.incrementAndGet()
                exchange.sendResponseHeaders(404, -1)
                exchange.close()
            }
            start()
        }
    private val place = "http://127.0.0.1:${web.address.port}"

    @AfterEach
    fun nothingWasFetched() {
        web.stop(0)
        assertEquals(0, asked.get(), "requests")
    }

    private fun roots(vararg identities: Identity): KeyStore =
        KeyStore.getInstance(KeyStore.getDefaultType()).apply {
            load(null)
            identities.forEachIndexed { index, identity -> setCertificateEntry("$index", identity.certificate) }
        }

    private fun judge(
        server: Identity,
        staple: ByteArray? = null,
        trust: PlatformTrust = this.trust,
        chain: List<Identity> = listOf(server, authority.intermediate),
    ): StatusCode = judge(chain.map { it.certificate.encoded }, staple, trust)

    private fun judge(
        chain: List<ByteArray>,
        staple: ByteArray? = null,
        trust: PlatformTrust = this.trust,
    ): StatusCode {
        val presented = CertificateVerifier.Presented("example.org", "UNKNOWN", chain.toTypedArray(), staple)
        val result = CertificateVerifier.verify(trust, presented, arrayOf(SERVER_AUTH), now)
        val status = StatusCode.entries.single { it.value == result.code }
        // The Rust side panics without a text.
        if (status == StatusCode.UnknownCert || status == StatusCode.Revoked) assertNotNull(result.message)
        return status
    }

    @Test
    fun `a certificate with a CRL and no responder is accepted, as Let's Encrypt issues them`() {
        assertEquals(StatusCode.Ok, judge(authority.server(Pointers(revocationList = "$place/list.crl"))))
    }

    @Test
    fun `a certificate with a responder is accepted without a request to it`() {
        assertEquals(StatusCode.Ok, judge(authority.server(Pointers("$place/list.crl", "$place/ocsp"))))
    }

    @Test
    fun `a stapled good response is accepted, without a request about the intermediate`() {
        val server = authority.server(Pointers("$place/list.crl", "$place/ocsp"))
        assertEquals(StatusCode.Ok, judge(server, authority.staple(server, CertificateStatus.GOOD)))
    }

    @Test
    fun `a stapled revoked response refuses, signed by the issuer or its responder`() {
        val server = authority.server(Pointers(revocationList = "$place/list.crl"))
        assertEquals(StatusCode.Revoked, judge(server, authority.staple(server, authority.revoked())))
        val delegated = authority.staple(server, authority.revoked(), signer = authority.responder())
        assertEquals(StatusCode.Revoked, judge(server, delegated))
        // The issuer is one of the roots and is not sent.
        val pinned = PlatformTrust.of(roots(authority.intermediate))
        assertEquals(
            StatusCode.Revoked,
            judge(server, authority.staple(server, authority.revoked()), pinned, chain = listOf(server)),
        )
    }

    @Test
    fun `a response that does not count does not revoke`() {
        val server = authority.server(Pointers("$place/list.crl", "$place/ocsp"))
        val other = authority.server()
        val strangers = Authority(now, "Strangers")
        val revoked = authority.revoked()
        val staples =
            mapOf(
                "unknown" to authority.staple(server, UnknownStatus()),
                "out of date" to authority.staple(server, revoked, from = (-10).days, until = (-3).days),
                "of tomorrow" to authority.staple(server, revoked, from = 24.hours, until = 48.hours),
                "about another certificate" to authority.staple(other, revoked),
                "signed by strangers" to authority.staple(server, revoked, signer = strangers.intermediate),
                "signed by a server" to authority.staple(server, revoked, signer = other),
                "nothing" to ByteArray(0),
                "noise" to ByteArray(300) { (it * 7).toByte() },
                "cut" to authority.staple(server, revoked).copyOf(100),
            )
        staples.forEach { (what, staple) -> assertEquals(StatusCode.Ok, judge(server, staple), what) }
    }

    @Test
    fun `a certificate that is not valid now is Expired`() {
        assertEquals(StatusCode.Expired, judge(authority.server(from = (-90).days, until = (-1).hours)))
        assertEquals(StatusCode.Expired, judge(authority.server(from = 1.days, until = 90.days)))
    }

    @Test
    fun `an unknown root is refused, also with the roots of the system`() {
        val strangers = Authority(now, "Strangers")
        val server = strangers.server()
        assertEquals(StatusCode.UnknownCert, judge(server, chain = listOf(server, strangers.intermediate)))
        val chain = listOf(server, strangers.intermediate).map { it.certificate.encoded }.toTypedArray()
        val result =
            CertificateVerifier.verifyCertificateChain(
                null,
                "example.org",
                "UNKNOWN",
                arrayOf(SERVER_AUTH),
                null,
                now.time,
                chain,
            )
        assertEquals(StatusCode.UnknownCert.value, result.code)
    }

    @Test
    fun `a good staple does not replace a trusted root`() {
        val strangers = Authority(now, "Strangers")
        val server = strangers.server()
        val staple = strangers.staple(server, CertificateStatus.GOOD)
        assertEquals(StatusCode.UnknownCert, judge(server, staple, chain = listOf(server, strangers.intermediate)))
    }

    @Test
    fun `a chain with a missing certificate is refused`() {
        val server = authority.server()
        assertEquals(StatusCode.UnknownCert, judge(server, chain = listOf(server)))
    }

    @Test
    fun `a certificate for another use is refused`() {
        // A platform that does not check the use.
        val careless = PlatformTrust { chain, _, _ -> chain }
        val mail = authority.server(purposes = listOf(KeyPurposeId.id_kp_emailProtection))
        assertEquals(StatusCode.InvalidExtension, judge(mail, trust = careless))
        val both = listOf(KeyPurposeId.id_kp_clientAuth, KeyPurposeId.id_kp_serverAuth)
        assertEquals(StatusCode.Ok, judge(authority.server(purposes = both)))
        assertEquals(StatusCode.Ok, judge(authority.server(purposes = emptyList())))
    }

    @Test
    fun `input that is not exactly one certificate in DER is refused`() {
        val der = authority.server().certificate.encoded
        val pem = "-----BEGIN CERTIFICATE-----\n${java.util.Base64.getMimeEncoder().encodeToString(der)}\n-----END CERTIFICATE-----\n"
        val chains =
            listOf(
                emptyList(),
                listOf(ByteArray(0)),
                listOf(der.copyOf(der.size - 1)),
                listOf(der + 0),
                listOf(pem.toByteArray()),
                listOf(der, ByteArray(20)),
            )
        chains.forEach { assertEquals(StatusCode.InvalidEncoding, judge(it)) }
    }

    @Test
    fun `a refusal by the platform keeps its reason`() {
        fun refusing(error: Exception) = PlatformTrust { _, _, _ -> throw error }
        val server = authority.server()
        val expired = CertPathValidatorException("", null, null, -1, BasicReason.EXPIRED)
        val blocked = CertPathValidatorException("", null, null, -1, BasicReason.REVOKED)
        val unchecked = CertPathValidatorException("", null, null, -1, BasicReason.UNDETERMINED_REVOCATION_STATUS)
        assertEquals(StatusCode.Expired, judge(server, trust = refusing(CertificateException(expired))))
        assertEquals(StatusCode.Revoked, judge(server, trust = refusing(CertificateException(RuntimeException(blocked)))))
        assertEquals(StatusCode.UnknownCert, judge(server, trust = refusing(CertificateException(unchecked))))
        assertEquals(StatusCode.UnknownCert, judge(server, trust = refusing(CertificateException("pin"))))
        assertEquals(StatusCode.Unavailable, judge(server, trust = refusing(IllegalStateException("not yet"))))
    }

    @Test
    fun `the platform receives the server's name and the whole chain`() {
        val seen = mutableListOf<Any>()
        val server = authority.server()
        val asking =
            PlatformTrust { chain, authType, name ->
                seen.add(listOf(chain.size, authType, name))
                chain
            }
        judge(server, trust = asking)
        assertEquals(listOf<Any>(listOf(2, "UNKNOWN", "example.org")), seen)
    }

    private companion object {
        const val SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    }
}
