package org.rustls.platformverifier

import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.asn1.x509.AccessDescription
import org.bouncycastle.asn1.x509.AuthorityInformationAccess
import org.bouncycastle.asn1.x509.BasicConstraints
import org.bouncycastle.asn1.x509.CRLDistPoint
import org.bouncycastle.asn1.x509.CRLReason
import org.bouncycastle.asn1.x509.DistributionPoint
import org.bouncycastle.asn1.x509.DistributionPointName
import org.bouncycastle.asn1.x509.ExtendedKeyUsage
import org.bouncycastle.asn1.x509.Extension
import org.bouncycastle.asn1.x509.GeneralName
import org.bouncycastle.asn1.x509.GeneralNames
import org.bouncycastle.asn1.x509.KeyPurposeId
import org.bouncycastle.asn1.x509.KeyUsage
import org.bouncycastle.cert.X509CertificateHolder
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder
import org.bouncycastle.cert.ocsp.BasicOCSPRespBuilder
import org.bouncycastle.cert.ocsp.CertificateID
import org.bouncycastle.cert.ocsp.CertificateStatus
import org.bouncycastle.cert.ocsp.OCSPResp
import org.bouncycastle.cert.ocsp.OCSPRespBuilder
import org.bouncycastle.cert.ocsp.RespID
import org.bouncycastle.cert.ocsp.RevokedStatus
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder
import java.math.BigInteger
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.util.Date
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.hours

/** A certificate and its key. */
internal class Identity(
    val certificate: X509Certificate,
    val keys: KeyPair,
)

/** The addresses for revocation checks in a certificate. */
internal data class Pointers(
    val revocationList: String? = null,
    val responder: String? = null,
)

/** A root, an intermediate below it, and the certificates that the intermediate signs. */
internal class Authority(
    private val now: Date,
    name: String = "Test",
) {
    val root = issue("CN=$name Root", issuer = null, isAuthority = true)
    val intermediate = issue("CN=$name Intermediate", issuer = root, isAuthority = true)

    fun server(
        pointers: Pointers = Pointers(),
        from: Duration = -10.days,
        until: Duration = 80.days,
        purposes: List<KeyPurposeId> = listOf(KeyPurposeId.id_kp_serverAuth),
    ): Identity = issue("CN=example.org", intermediate, false, pointers, from, until, purposes)

    /** An OCSP responder that the intermediate has authorized. */
    fun responder(): Identity = issue("CN=Responder", intermediate, false, purposes = listOf(KeyPurposeId.id_kp_OCSPSigning))

    private fun issue(
        subject: String,
        issuer: Identity?,
        isAuthority: Boolean,
        pointers: Pointers = Pointers(),
        from: Duration = -10.days,
        until: Duration = 80.days,
        purposes: List<KeyPurposeId> = emptyList(),
    ): Identity {
        val keys = newKeys()
        val name = issuer?.let { X500Name(it.certificate.subjectX500Principal.name) } ?: X500Name(subject)
        serial += 1
        val builder =
            JcaX509v3CertificateBuilder(
                name,
                BigInteger.valueOf(serial),
                now + from,
                now + until,
                X500Name(subject),
                keys.public,
            )
        builder.addExtension(Extension.basicConstraints, true, BasicConstraints(isAuthority))
        val usage = if (isAuthority) KeyUsage.keyCertSign or KeyUsage.cRLSign else KeyUsage.digitalSignature
        builder.addExtension(Extension.keyUsage, true, KeyUsage(usage))
        if (purposes.isNotEmpty()) {
            builder.addExtension(Extension.extendedKeyUsage, false, ExtendedKeyUsage(purposes.toTypedArray()))
        }
        pointers.revocationList?.let {
            val place = DistributionPointName(GeneralNames(GeneralName(GeneralName.uniformResourceIdentifier, it)))
            val points = CRLDistPoint(arrayOf(DistributionPoint(place, null, null)))
            builder.addExtension(Extension.cRLDistributionPoints, false, points)
        }
        pointers.responder?.let {
            val place = GeneralName(GeneralName.uniformResourceIdentifier, it)
            val access = AuthorityInformationAccess(AccessDescription.id_ad_ocsp, place)
            builder.addExtension(Extension.authorityInfoAccess, false, access)
        }
        val signer = JcaContentSignerBuilder(SIGNATURE).build((issuer?.keys ?: keys).private)
        return Identity(JcaX509CertificateConverter().getCertificate(builder.build(signer)), keys)
    }

    /** Returns an OCSP response about [about], as a server staples it. */
    fun staple(
        about: Identity,
        status: CertificateStatus?,
        signer: Identity = intermediate,
        issuer: Identity = intermediate,
        from: Duration = -1.hours,
        until: Duration = 5.days,
    ): ByteArray {
        val digests = JcaDigestCalculatorProviderBuilder().build()
        val sha1 = digests.get(CertificateID.HASH_SHA1)
        val builder = BasicOCSPRespBuilder(RespID(X500Name(signer.certificate.subjectX500Principal.name)))
        val holder = X509CertificateHolder(issuer.certificate.encoded)
        val id = CertificateID(sha1, holder, about.certificate.serialNumber)
        builder.addResponse(id, status, now + from, now + until, null)
        val chain = arrayOf(X509CertificateHolder(signer.certificate.encoded))
        val response = builder.build(JcaContentSignerBuilder(SIGNATURE).build(signer.keys.private), chain, now + from)
        return OCSPRespBuilder().build(OCSPResp.SUCCESSFUL, response).encoded
    }

    fun revoked(): CertificateStatus = RevokedStatus(now + -2.days, CRLReason.keyCompromise)

    private var serial = 0L

    private fun newKeys(): KeyPair =
        KeyPairGenerator.getInstance("EC").run {
            initialize(ECGenParameterSpec("secp256r1"))
            generateKeyPair()
        }

    private companion object {
        const val SIGNATURE = "SHA256withECDSA"
    }
}

internal operator fun Date.plus(duration: Duration): Date = Date(time + duration.inWholeMilliseconds)
