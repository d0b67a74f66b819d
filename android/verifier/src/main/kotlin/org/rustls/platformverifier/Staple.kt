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
     * Returns whether [response] says that [leaf] is revoked. The response counts only if it is signed by [issuer] or a
     * responder that [issuer] has authorized, is about this certificate, and is valid at [now].
     *
     * The platform's checker receives the response, so that it queries no responder, and it must not fall back to CRLs. The
     * path consists of this certificate alone, below its issuer, so that no other certificate is checked.
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
            // The platform's parser failed on the response, so the response does not count.
            false
        }
}
