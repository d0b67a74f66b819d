package im.snapback

import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.KeyChange
import im.snapback.ffi.KeyException
import im.snapback.ffi.explainCertificate
import im.snapback.ffi.keyFingerprint
import im.snapback.ffi.RefusedCertificate as CoreRefused

/**
 * The public keys that the server of an account may show, from [SnapbackClient.serverKeys]. By default, certificates of the
 * authorities of the platform are accepted, and no others. All changes are stored with the account.
 *
 * ```
 * client.events.collect { event ->
 *     if (event is Event.CertificateRefused && event.certificate.mayBeTrusted) {
 *         val text = event.certificate.explanation("example.org")
 *         if (askUser(text, event.certificate.key.fingerprint)) client.serverKeys.trust(event.certificate.key)
 *     }
 * }
 * ```
 */
public class ServerKeys internal constructor(
    private val call: suspend (suspend CoreClientInterface.() -> Unit) -> Unit,
) {
    /**
     * Trusts the key of a certificate that was refused: certificates with this key are accepted from now on, regardless of who issued
     * them, whatever name and dates they have, unless they are revoked. A client that waits for a retry connects at once. At
     * most eight keys are trusted, the last ones.
     *
     * Ask the user first: an attacker between client and server causes the same event.
     *
     * @throws SnapbackException.KeyNotRefused if no certificate with this key was refused since the client was opened, or for
     *   a reason that no trust outweighs.
     * @throws SnapbackException.KeyProvenByAuthority if an authority has issued the certificate of an earlier login.
     */
    public suspend fun trust(key: ServerKey): Unit = call { changeKeys(KeyChange.Trust(key.sha256)) }

    /** Ends the trust in a key. A connection that relies on it is dropped. */
    public suspend fun forget(key: ServerKey): Unit = call { changeKeys(KeyChange.Forget(key.sha256)) }

    /**
     * Accepts no certificate without one of these keys from now on, not even one of an authority. An empty list ends the
     * demand. A key that is demanded is not trusted by that. Name two keys, the one in use and its successor: a server that
     * replaces its key cannot be reached until the demand is changed.
     *
     * @throws SnapbackException.TooManyKeys for more than eight keys.
     */
    public suspend fun require(keys: List<ServerKey>): Unit = call { changeKeys(KeyChange.Require(keys.map { it.sha256 })) }

    /**
     * Trusts any key, even if no certificate with it was refused, and even if an authority has issued the certificate of an
     * earlier login. **Dangerous**: after an authority, another certificate is what an attacker would show. For tests, and for
     * apps that contain their server's key.
     */
    public suspend fun dangerouslyTrust(key: ServerKey): Unit = call { changeKeys(KeyChange.DangerouslyTrust(key.sha256)) }
}

/**
 * A public key of a server, named by SHA-256 of its SubjectPublicKeyInfo, as in RFC 7469 section 2.4.
 *
 * @throws IllegalArgumentException if there are not 32 bytes.
 */
public class ServerKey(sha256: ByteArray) {
    internal val sha256: ByteArray = sha256.copyOf()

    init {
        require(sha256.size == 32) { "SHA-256 has 32 bytes" }
    }

    /** The key as people compare it: hexadecimal digits in groups of four. */
    public val fingerprint: String get() = native { keyFingerprint(sha256) }.orEmpty()

    /** Returns the 32 bytes. */
    public fun toByteArray(): ByteArray = sha256.copyOf()

    override fun equals(other: Any?): Boolean = other is ServerKey && sha256.contentEquals(other.sha256)

    override fun hashCode(): Int = sha256.contentHashCode()

    override fun toString(): String = "ServerKey($fingerprint)"
}

/** A certificate that was refused. */
public class RefusedCertificate internal constructor(
    /** Why it was refused. */
    public val problem: CertificateProblem,
    /** The certificates in DER, the server's own first, as sent: neither their order nor their relation is checked. */
    public val chain: List<ByteArray>,
    /** The public key of the first. */
    public val key: ServerKey,
    /**
     * Whether [ServerKeys.trust] accepts the key. Not after a revocation, not if another key is demanded, and not if an
     * authority has issued the certificate of an earlier login.
     */
    public val mayBeTrusted: Boolean,
) {
    /**
     * Returns what is wrong with the certificate and what can be done, in two or three English sentences for the user. An app
     * in another language translates by [problem].
     *
     * @param domain the domain of the account.
     */
    public fun explanation(domain: String): String = explainCertificate(problem, domain)

    override fun toString(): String = "RefusedCertificate(problem=$problem, key=$key)"
}

internal fun CoreRefused.toRefused(): RefusedCertificate =
    RefusedCertificate(problem, chain, ServerKey(key), mayBeTrusted)

internal fun KeyException.toSnapbackException(): SnapbackException =
    when (this) {
        is KeyException.NotRefused -> SnapbackException.KeyNotRefused()
        is KeyException.ProvenByAuthority -> SnapbackException.KeyProvenByAuthority()
        is KeyException.TooMany -> SnapbackException.TooManyKeys(limit.toLong())
        is KeyException.Storage -> SnapbackException.Storage(problem)
        is KeyException.Closed -> SnapbackException.Closed()
        // A ServerKey has 32 bytes.
        is KeyException.NotAKey, is KeyException.Internal -> SnapbackException.Internal()
    }
