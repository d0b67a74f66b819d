package im.snapback

import im.snapback.ffi.XmlAttribute
import im.snapback.ffi.XmlElement
import im.snapback.ffi.XmlNode
import im.snapback.ffi.XmlProblem

/**
 * An XML element: a name, a namespace, attributes and content. Names are expanded, so there are no prefixes. Immutable.
 *
 * ```
 * val join = Element("x", "http://jabber.org/protocol/muc") { child("history") { attribute("maxstanzas", "0") } }
 * val max = error.find("file-too-large", UPLOAD)?.find("max-file-size")?.text
 * ```
 *
 * [toString] prints names only, since the content may be private; [toXml] returns everything.
 */
public class Element internal constructor(
    /** The local name. */
    public val name: String,
    /** The namespace; empty if there is none. */
    public val namespace: String,
    /** The attributes, in order. */
    public val attributes: List<Attribute>,
    /** Child elements and texts, in order. */
    public val nodes: List<Node>,
) {
    /** An attribute. [namespace] is empty for an attribute without a prefix. */
    public data class Attribute(val name: String, val value: String, val namespace: String = "") {
        override fun toString(): String = name
    }

    /** What is inside of an element. */
    public sealed interface Node {
        /** A child element. */
        public data class Child(val element: Element) : Node

        /** Character data. [toString] prints its length only. */
        public data class Text(val text: String) : Node {
            override fun toString(): String = "Text(${text.length} characters)"
        }
    }

    /** The levels of nesting, this one included. */
    private val depth: Int = 1 + (nodes.maxOfOrNull { (it as? Node.Child)?.element?.depth ?: 0 } ?: 0)

    /** The child elements, in order. */
    public val children: List<Element> get() = nodes.mapNotNull { (it as? Node.Child)?.element }

    /** The element's own character data, without that of its children. */
    public val text: String get() = nodes.filterIsInstance<Node.Text>().joinToString("") { it.text }

    /** Returns the value of the attribute of this name; `null` if there is none. */
    @JvmOverloads
    public fun attribute(
        name: String,
        namespace: String = "",
    ): String? = attributes.firstOrNull { it.name == name && it.namespace == namespace }?.value

    /** Returns the first child of this name, in the namespace of this element or in another one; `null` if there is none. */
    @JvmOverloads
    public fun find(
        name: String,
        namespace: String = this.namespace,
    ): Element? = children.firstOrNull { it.name == name && it.namespace == namespace }

    /**
     * Returns the element as XML, escaped and with the declarations that it needs.
     *
     * @throws SnapbackException.BadXml if it has a name that XML does not allow, or an attribute twice.
     * @throws SnapbackException.TooComplex if it exceeds a limit of its receivers.
     */
    @Throws(SnapbackException::class)
    public fun toXml(): String {
        if (depth > MAX_DEPTH) throw SnapbackException.TooComplex("depth")
        return translating { Functions.current.writeElement(toCore()) }
    }

    override fun equals(other: Any?): Boolean =
        other is Element && name == other.name && namespace == other.namespace &&
            attributes == other.attributes && nodes == other.nodes

    override fun hashCode(): Int = 31 * (31 * name.hashCode() + namespace.hashCode()) + nodes.size

    override fun toString(): String = "Element($name, $namespace)"

    private fun toCore(): XmlElement =
        XmlElement(
            name,
            namespace,
            attributes.map { XmlAttribute(it.namespace, it.name, it.value) },
            nodes.map {
                when (it) {
                    is Node.Child -> XmlNode.Element(it.element.toCore())
                    is Node.Text -> XmlNode.Text(it.text)
                }
            },
        )

    /** Builds an element. */
    @SnapbackDsl
    public class Builder internal constructor(private val name: String, private val namespace: String) {
        private val attributes = mutableListOf<Attribute>()
        private val nodes = mutableListOf<Node>()

        /** Adds an attribute. */
        @JvmOverloads
        public fun attribute(
            name: String,
            value: String,
            namespace: String = "",
        ) {
            attributes += Attribute(name, value, namespace)
        }

        /** Adds character data. It is escaped when the element is written. */
        public fun text(text: String) {
            nodes += Node.Text(text)
        }

        /** Adds a child element, in the namespace of this element or in another one. */
        @JvmOverloads
        public fun child(
            name: String,
            namespace: String = this.namespace,
            block: Builder.() -> Unit = {},
        ): Unit = child(Element(name, namespace, block))

        /** Adds a child element. */
        public fun child(element: Element) {
            nodes += Node.Child(element)
        }

        internal fun build() = Element(name, namespace, attributes.toList(), nodes.toList())
    }

    public companion object {
        /** The namespace of stanzas and of their own children, such as `body`. */
        public val clientNamespace: String by lazy { Functions.current.clientNamespace() }

        /** The deepest that is passed on: as deep as a received stanza. */
        private const val MAX_DEPTH = 68

        /** Builds an element. */
        @JvmOverloads
        public operator fun invoke(
            name: String,
            namespace: String,
            block: Builder.() -> Unit = {},
        ): Element = Builder(name, namespace).apply(block).build()

        /**
         * Parses exactly one element. The limits are those of received stanzas.
         *
         * @throws SnapbackException.BadXml if [xml] is anything else.
         * @throws SnapbackException.TooBig if it has more bytes than receivers accept.
         * @throws SnapbackException.TooComplex if it exceeds another limit.
         */
        @JvmStatic
        @Throws(SnapbackException::class)
        public fun parse(xml: String): Element = of(translating { Functions.current.parseElement(xml) })

        /** Parses what the core has written. */
        internal fun received(xml: String): Element = of(translating { Functions.current.parseReceivedElement(xml) })

        private fun of(core: XmlElement): Element =
            Element(
                core.name,
                core.namespace,
                core.attributes.map { Attribute(it.name, it.value, it.namespace) },
                core.nodes.map {
                    when (it) {
                        is XmlNode.Element -> Node.Child(of(it.element))
                        is XmlNode.Text -> Node.Text(it.text)
                    }
                },
            )

        private inline fun <T> translating(call: () -> T): T =
            try {
                call()
            } catch (problem: XmlProblem) {
                throw SnapbackException.of(problem)
            }
    }
}
