package org.rustls.platformverifier

import android.content.Context
import java.io.ByteArrayInputStream
import java.security.GeneralSecurityException
import java.security.cert.CertPathValidatorException
import java.security.cert.CertPathValidatorException.BasicReason
import java.security.cert.CertificateException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateFactory
import java.security.cert.CertificateNotYetValidException
import java.security.cert.X509Certificate
import java.util.Date

/**
 * Verifies certificates for the Rust crate `rustls-platform-verifier` 0.7.0, which finds this class and
 * [verifyCertificateChain] by their names.
 *
 * The platform's trust manager decides, with the roots of the system and the user, and with the app's network security
 * configuration. The only source of revocation is the OCSP response that the server stapled (RFC 6066 section 8): nothing is
 * fetched, and a certificate without a usable response counts as not revoked.
 *
 * The name of the server is not compared with the certificate here, because the Rust side does that.
 */
internal object CertificateVerifier {
    /**
     * Verifies a chain. Called by Rust through JNI. It never throws: each failure is a verdict.
     *
     * @param context not needed; part of the signature that Rust calls.
     * @param serverName selects the domain's part of the network security configuration.
     * @param authType the key exchange algorithm; the platform ignores it.
     * @param allowedEkus OIDs; if the certificate restricts its use (RFC 5280 section 4.2.1.12), it must name one of them.
     * @param ocspResponse the OCSP response that the server stapled, in DER, or `null`.
     * @param time the current time, in milliseconds since 1970.
     * @param certChain the certificates in DER, the server's own first.
     */
    @JvmStatic
    @Suppress("UNUSED_PARAMETER", "unused")
    fun verifyCertificateChain(
        context: Context?,
        serverName: String,
        authType: String,
        allowedEkus: Array<String>,
        ocspResponse: ByteArray?,
        time: Long,
        certChain: Array<ByteArray>,
    ): VerificationResult {
        val trust =
            try {
                PlatformTrust.ofSystem()
            } catch (error: GeneralSecurityException) {
                return refused(StatusCode.Unavailable, error)
            }
        return verify(trust, Presented(serverName, authType, certChain, ocspResponse), allowedEkus, Date(time))
    }

    /** What the server has sent in the handshake. */
    class Presented(
        val serverName: String,
        val authType: String,
        val chain: Array<ByteArray>,
        val ocspResponse: ByteArray?,
    )

    fun verify(
        trust: PlatformTrust,
        presented: Presented,
        allowedEkus: Array<String>,
        now: Date,
    ): VerificationResult {
        val chain =
            try {
                parsed(presented.chain)
            } catch (error: CertificateException) {
                return refused(StatusCode.InvalidEncoding, error)
            }
        val leaf = chain.firstOrNull() ?: return VerificationResult(StatusCode.InvalidEncoding, "no certificate")
        val path =
            try {
                leaf.checkValidity(now)
                trust.check(chain, presented.authType, presented.serverName)
            } catch (error: CertificateException) {
                return refused(statusOf(error), error)
            } catch (error: RuntimeException) {
                // The platform failed, which is no verdict on the certificate.
                return refused(StatusCode.Unavailable, error)
            }
        val usages =
            try {
                leaf.extendedKeyUsage
            } catch (error: CertificateException) {
                return refused(StatusCode.InvalidEncoding, error)
            }
        if (usages != null && usages.none(allowedEkus::contains)) {
            return VerificationResult(StatusCode.InvalidExtension, "not for this use")
        }
        val staple = presented.ocspResponse ?: return VerificationResult(StatusCode.Ok)
        val issuer = issuerOf(leaf, path) ?: return VerificationResult(StatusCode.Ok)
        return if (Staple.saysRevoked(staple, leaf, issuer, now)) {
            VerificationResult(StatusCode.Revoked, "the stapled OCSP response says revoked")
        } else {
            VerificationResult(StatusCode.Ok)
        }
    }

    private fun parsed(chain: Array<ByteArray>): List<X509Certificate> {
        val factory = CertificateFactory.getInstance("X.509")
        return chain.map { der ->
            val certificate = factory.generateCertificate(ByteArrayInputStream(der)) as X509Certificate
            // The factory also accepts PEM and trailing data; the Rust side accepts neither.
            if (!certificate.encoded.contentEquals(der)) throw CertificateException("not one certificate in DER")
            certificate
        }
    }

    /**
     * Returns the certificate whose key has signed [leaf]. Other certificates may have the same subject, so the signature is
     * checked.
     */
    private fun issuerOf(
        leaf: X509Certificate,
        candidates: List<X509Certificate>,
    ): X509Certificate? =
        candidates.firstOrNull { candidate ->
            candidate != leaf && candidate.subjectX500Principal == leaf.issuerX500Principal && leaf.isSignedBy(candidate)
        }

    private fun X509Certificate.isSignedBy(other: X509Certificate): Boolean =
        try {
            verify(other.publicKey)
            true
        } catch (_: GeneralSecurityException) {
            false
        }

    private fun statusOf(error: CertificateException): StatusCode {
        val causes = generateSequence<Throwable>(error) { it.cause }.take(MAX_CAUSES)
        val reasons = causes.filterIsInstance<CertPathValidatorException>().map { it.reason }.toSet()
        val isOutOfDate = causes.any { it is CertificateExpiredException || it is CertificateNotYetValidException }
        return when {
            BasicReason.REVOKED in reasons -> StatusCode.Revoked
            isOutOfDate || BasicReason.EXPIRED in reasons || BasicReason.NOT_YET_VALID in reasons -> StatusCode.Expired
            else -> StatusCode.UnknownCert
        }
    }

    private fun refused(
        status: StatusCode,
        error: Exception,
    ) = VerificationResult(status, error.toString())

    /** The maximum number of nested causes that are examined, since causes may form a cycle. */
    private const val MAX_CAUSES = 16
}
