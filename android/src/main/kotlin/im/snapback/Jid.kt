package im.snapback

import im.snapback.ffi.Jid as CoreJid
import im.snapback.ffi.JidProblem as CoreJidProblem

/**
 * A JID (RFC 7622) in its normalized form: `localpart@domain/resource`.
 *
 * Two JIDs are equal if their normalized forms are: `Romeo@Example.NET` equals `romeo@example.net`.
 */
public class Jid private constructor(
    /** The localpart: the account; `null` in the JID of a server. */
    public val localpart: String?,
    /** The domainpart: the server. */
    public val domain: String,
    /** The resourcepart: one client of the account; `null` in a bare JID. */
    public val resource: String?,
) {
    /** The bare JID: the same without the resource. */
    public val bare: Jid
        get() = if (resource == null) this else Jid(localpart, domain, null)

    override fun toString(): String =
        (localpart?.let { "$it@" } ?: "") + domain + (resource?.let { "/$it" } ?: "")

    override fun equals(other: Any?): Boolean = other is Jid && toString() == other.toString()

    override fun hashCode(): Int = toString().hashCode()

    public companion object {
        /**
         * Parses and normalizes a JID. The first call in a process waits until the native library is loaded: see [Snapback.preload].
         *
         * @throws SnapbackException.InvalidJid if [text] is not a JID.
         * @throws SnapbackException.NativeLibrary if the library cannot be loaded.
         */
        @JvmStatic
        @Throws(SnapbackException::class)
        public fun parse(text: String): Jid =
            try {
                of(Functions.current.parseJid(text))
            } catch (problem: CoreJidProblem) {
                throw SnapbackException.InvalidJid(problem)
            }

        internal fun of(parts: CoreJid): Jid = Jid(parts.localpart, parts.domain, parts.resource)

        /** Parses and normalizes a JID; returns `null` if [text] is not a JID. */
        @JvmStatic
        public fun parseOrNull(text: String): Jid? =
            try {
                parse(text)
            } catch (_: SnapbackException.InvalidJid) {
                null
            }
    }
}

/** The attribute `from` or `to` of an inbound stanza. [toString] returns it as it stands in the stanza. */
public sealed interface StanzaAddress {
    /**
     * The JID; `null` for both [Absent] and [Unreadable]. Do not conclude from `null` that the user's own server sent the
     * stanza: check for [Absent].
     */
    public val jid: Jid?

    /**
     * The stanza does not have the attribute. A stanza without `from` comes from the user's own account, on whose behalf the
     * server answers (RFC 6120 section 8.1.2.1); no contact can send one.
     */
    public data object Absent : StanzaAddress {
        override val jid: Jid? get() = null

        override fun toString(): String = ""
    }

    /** The attribute is a JID. */
    public data class Named(override val jid: Jid) : StanzaAddress {
        override fun toString(): String = jid.toString()
    }

    /**
     * The attribute is not a JID by RFC 7622. Some servers check less strictly and forward such stanzas, so any contact can
     * send one.
     */
    public data class Unreadable(
        /** The attribute as it stands in the stanza. */
        val text: String,
    ) : StanzaAddress {
        override val jid: Jid? get() = null

        override fun toString(): String = text
    }
}

/** A part of a JID. */
public typealias JidPart = im.snapback.ffi.JidPart

/** Why a text is not a JID (RFC 7622 section 3). */
public enum class JidProblem {
    /** A part is present but empty, or empty after normalization. */
    EMPTY,

    /** A part is longer than 1023 bytes. */
    TOO_LONG,

    /** A part contains characters that its PRECIS profile does not allow. */
    DISALLOWED,

    /** A label of the domain is not a valid label of a host name. */
    DOMAIN_LABEL,

    /** The domain begins with `[` but is not an IPv6 address in brackets. */
    IP_LITERAL,

    /** A bare JID was expected, and this one has a resource. */
    UNEXPECTED_RESOURCE,

    /** A full JID was expected, and this one has no resource. */
    MISSING_RESOURCE,
    ;

    internal companion object {
        fun of(problem: CoreJidProblem): JidProblem =
            when (problem) {
                is CoreJidProblem.Empty -> EMPTY
                is CoreJidProblem.TooLong -> TOO_LONG
                is CoreJidProblem.Disallowed -> DISALLOWED
                is CoreJidProblem.DomainLabel -> DOMAIN_LABEL
                is CoreJidProblem.IpLiteral -> IP_LITERAL
                is CoreJidProblem.UnexpectedResource -> UNEXPECTED_RESOURCE
                is CoreJidProblem.MissingResource -> MISSING_RESOURCE
            }

        fun partOf(problem: CoreJidProblem): JidPart? =
            when (problem) {
                is CoreJidProblem.Empty -> problem.part
                is CoreJidProblem.TooLong -> problem.part
                is CoreJidProblem.Disallowed -> problem.part
                else -> null
            }
    }
}
