package im.snapback

import im.snapback.ffi.JidProblem as CoreJidProblem
import im.snapback.ffi.parseJid

/**
 * An address (RFC 7622) in its normal form: `localpart@domain/resource`.
 *
 * Two addresses are equal if they name the same; `Romeo@Example.NET` and `romeo@example.net` do.
 */
public class Jid private constructor(
    /** Who; `null` for a server. */
    public val localpart: String?,
    /** Where. */
    public val domain: String,
    /** Which of their clients; `null` in a bare address. */
    public val resource: String?,
) {
    /** The same without the resource. */
    public val bare: Jid
        get() = if (resource == null) this else Jid(localpart, domain, null)

    override fun toString(): String =
        (localpart?.let { "$it@" } ?: "") + domain + (resource?.let { "/$it" } ?: "")

    override fun equals(other: Any?): Boolean = other is Jid && toString() == other.toString()

    override fun hashCode(): Int = toString().hashCode()

    public companion object {
        /**
         * Reads an address.
         *
         * @throws SnapbackException.InvalidJid if it is none.
         */
        @JvmStatic
        public fun parse(text: String): Jid =
            try {
                val parts = parseJid(text)
                Jid(parts.localpart, parts.domain, parts.resource)
            } catch (problem: JidProblem) {
                throw SnapbackException.InvalidJid(problem)
            }

        /** Reads an address; `null` if it is none. */
        @JvmStatic
        public fun parseOrNull(text: String): Jid? =
            try {
                parse(text)
            } catch (_: SnapbackException.InvalidJid) {
                null
            }
    }
}

/** What is wrong with a text that is no address. */
public typealias JidProblem = CoreJidProblem
