package org.rustls.platformverifier

/** The result that the Rust side reads: the field [code] by its name as an `int`, and [message] as a `String`. */
internal class VerificationResult(
    status: StatusCode,
    /** Why the certificate is refused. The Rust side requires a text for [StatusCode.UnknownCert] and [StatusCode.Revoked]. */
    @JvmField val message: String? = null,
) {
    @JvmField val code: Int = status.value
}

/** The verdicts, with the numbers that `rustls-platform-verifier` 0.7.0 gives them. */
internal enum class StatusCode(val value: Int) {
    Ok(0),

    /** The platform's trust store cannot be used, so there is no verdict on the certificate. */
    Unavailable(1),

    /** Expired, or not yet valid. */
    Expired(2),
    UnknownCert(3),
    Revoked(4),
    InvalidEncoding(5),

    /** Not issued for TLS servers. */
    InvalidExtension(6),
}
