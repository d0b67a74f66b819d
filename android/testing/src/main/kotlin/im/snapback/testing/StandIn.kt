package im.snapback.testing

import im.snapback.Functions
import im.snapback.ffi.JidPart
import im.snapback.ffi.JidProblem
import im.snapback.ffi.SubscriptionNotice
import im.snapback.ffi.SubscriptionStep
import im.snapback.ffi.XmlElement
import im.snapback.ffi.Jid as CoreJid

/** What stands in for the functions of the native library: JIDs in ASCII, and XML with the parser of the platform. */
internal object StandIn : Functions {
    private const val CLIENT = "jabber:client"
    private const val NICK = "http://jabber.org/protocol/nick"

    /** In bytes (RFC 7622 section 3). */
    private const val MAX_PART = 1023
    private const val MAX_LABEL = 63
    private const val FORBIDDEN_IN_LOCALPART = "\"&'/:<>@ "
    private val LABEL = Regex("[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
    private val IP_LITERAL = Regex("""\[[0-9a-f:.]+]""")

    /** Makes the types of the library use this object from now on, unless the native library is loaded. */
    fun install() {
        Functions.standIn = this
    }

    override fun parseJid(text: String): CoreJid {
        // Other characters have to be normalized with the tables of Unicode.
        if (text.any { it.code > ASCII_END }) return Functions.Native.parseJid(text)
        val resource = if ('/' in text) text.substringAfter('/') else null
        val bare = text.substringBefore('/')
        val localpart = if ('@' in bare) bare.substringBefore('@') else null
        val domain = (if ('@' in bare) bare.substringAfter('@') else bare).removeSuffix(".").lowercase()
        localpart?.let { check(it, JidPart.LOCALPART) { char -> char in FORBIDDEN_IN_LOCALPART || char.isISOControl() } }
        check(domain, JidPart.DOMAIN) { false }
        checkHost(domain)
        resource?.let { check(it, JidPart.RESOURCE) { char -> char.isISOControl() } }
        return CoreJid(localpart?.lowercase(), domain, resource)
    }

    private fun check(
        text: String,
        part: JidPart,
        isForbidden: (Char) -> Boolean,
    ) {
        if (text.isEmpty()) throw JidProblem.Empty(part)
        if (text.length > MAX_PART) throw JidProblem.TooLong(part)
        if (text.any(isForbidden)) throw JidProblem.Disallowed(part)
    }

    private fun checkHost(domain: String) {
        if (domain.startsWith('[')) {
            if (!IP_LITERAL.matches(domain)) throw JidProblem.IpLiteral()
            return
        }
        if (!domain.split('.').all { LABEL.matches(it) && it.length <= MAX_LABEL }) throw JidProblem.DomainLabel()
    }

    override fun parseElement(xml: String): XmlElement = Xml.parse(xml)

    override fun parseReceivedElement(xml: String): XmlElement = Xml.parse(xml)

    override fun writeElement(element: XmlElement): String = Xml.write(element)

    override fun clientNamespace(): String = CLIENT

    override fun escapeXml(text: String): String = Xml.escape(text)

    override fun notifyFeature(node: String): String = "$node+notify"

    override fun subscriptionNotice(presence: String): SubscriptionNotice? {
        val stanza = Xml.parse(presence)
        val attributes = stanza.attributes.filter { it.namespace.isEmpty() }.associate { it.name to it.value }
        val step =
            when (attributes["type"]) {
                "subscribe" -> SubscriptionStep.REQUESTED
                "subscribed" -> SubscriptionStep.APPROVED
                "unsubscribed" -> SubscriptionStep.REFUSED
                "unsubscribe" -> SubscriptionStep.ENDED
                else -> return null
            }
        val nick = Xml.children(stanza).firstOrNull { it.name == "nick" && it.namespace == NICK }?.let(Xml::text)
        return attributes["from"]?.let { SubscriptionNotice(it.substringBefore('/'), step, nick) }
    }

    private const val ASCII_END = 0x7f
}
