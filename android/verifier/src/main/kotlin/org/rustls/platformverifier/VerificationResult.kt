package org.rustls.platformverifier

/** What Rust reads: [code] is looked up by this name, as an `int`, and [message] as a `String`. */
internal class VerificationResult(
    status: StatusCode,
    /** Why the certificate is refused. Rust requires a text for [StatusCode.UnknownCert] and [StatusCode.Revoked]. */
    @JvmField val message: String? = null,
) {
    @JvmField val code: Int = status.value
}

/** The verdicts, with the numbers that `rustls-platform-verifier` 0.7.0 gives them. */
internal enum class StatusCode(val value: Int) {
    Ok(0),

    /** The platform's trust store cannot be asked: no verdict on the certificate. */
    Unavailable(1),

    /** Expired, or not yet valid. */
    Expired(2),
    UnknownCert(3),
    Revoked(4),
    InvalidEncoding(5),

    /** Not issued for TLS servers. */
    InvalidExtension(6),
}
