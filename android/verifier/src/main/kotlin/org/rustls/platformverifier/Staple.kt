package org.rustls.platformverifier

import java.security.GeneralSecurityException
import java.security.cert.CertPathValidator
import java.security.cert.CertPathValidatorException
import java.security.cert.CertPathValidatorException.BasicReason
import java.security.cert.CertificateFactory
import java.security.cert.PKIXParameters
import java.security.cert.PKIXRevocationChecker
import java.security.cert.TrustAnchor
import java.security.cert.X509Certificate
import java.util.Date

/** The OCSP response (RFC 6960) that a server sends with its certificate. */
internal object Staple {
    /**
     * Returns whether the response says that [leaf] is revoked: signed by [issuer] or by whom it has delegated that to, about
     * this certificate, and valid at [now]. Any other response says nothing.
     *
     * The platform's checker is given the response, so it asks no responder, and may not turn to lists of revocations. The
     * path is the certificate alone, below its issuer, so nothing is asked about any other certificate either.
     */
    fun saysRevoked(
        response: ByteArray,
        leaf: X509Certificate,
        issuer: X509Certificate,
        now: Date,
    ): Boolean =
        try {
            val validator = CertPathValidator.getInstance("PKIX")
            val checker = validator.revocationChecker as PKIXRevocationChecker
            checker.options = setOf(PKIXRevocationChecker.Option.NO_FALLBACK)
            checker.ocspResponses = mapOf(leaf to response)
            val parameters = PKIXParameters(setOf(TrustAnchor(issuer, null)))
            parameters.date = now
            parameters.isRevocationEnabled = false
            parameters.addCertPathChecker(checker)
            validator.validate(CertificateFactory.getInstance("X.509").generateCertPath(listOf(leaf)), parameters)
            false
        } catch (error: CertPathValidatorException) {
            error.reason == BasicReason.REVOKED
        } catch (_: GeneralSecurityException) {
            false
        } catch (_: RuntimeException) {
            // A response that the platform's parser chokes on is a response that says nothing.
            false
        }
}
