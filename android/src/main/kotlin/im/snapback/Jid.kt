package im.snapback

import im.snapback.ffi.Jid as CoreJid
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
                of(parseJid(text))
            } catch (problem: CoreJidProblem) {
                throw SnapbackException.InvalidJid(problem)
            }

        internal fun of(parts: CoreJid): Jid = Jid(parts.localpart, parts.domain, parts.resource)

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

/** An address as a stanza names it: whom it is from, or whom it is for. Prints as it stands there. */
public sealed interface StanzaAddress {
    /** The address; `null` both where there is none and where it cannot be read: never a sign that our server spoke. */
    public val jid: Jid?

    /**
     * The stanza names nobody. A stanza from nobody is from our own account, for which our server speaks (RFC 6120 section
     * 8.1.2.1); no contact can send one.
     */
    public data object Absent : StanzaAddress {
        override val jid: Jid? get() = null

        override fun toString(): String = ""
    }

    /** An address. */
    public data class Named(override val jid: Jid) : StanzaAddress {
        override fun toString(): String = jid.toString()
    }

    /**
     * Something that is no address by the rules of RFC 7622, some of which servers know less strictly. Any contact can send
     * this.
     */
    public data class Unreadable(
        /** As it stands in the stanza. */
        val text: String,
    ) : StanzaAddress {
        override val jid: Jid? get() = null

        override fun toString(): String = text
    }
}

/** A part of an address. */
public typealias JidPart = im.snapback.ffi.JidPart

/** What is wrong with a text that is no address. */
public enum class JidProblem {
    /** A part is there but empty, or becomes so. */
    EMPTY,

    /** A part is longer than 1023 bytes. */
    TOO_LONG,

    /** A part contains what its profile does not allow. */
    DISALLOWED,

    /** A label of the domain is not one of a host name. */
    DOMAIN_LABEL,

    /** The domain begins with `[` but is no IPv6 address in brackets. */
    IP_LITERAL,

    /** A bare address was expected, this one has a resource. */
    UNEXPECTED_RESOURCE,

    /** A full address was expected, this one has no resource. */
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
