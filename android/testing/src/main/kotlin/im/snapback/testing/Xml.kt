package im.snapback.testing

import im.snapback.ffi.XmlAttribute
import im.snapback.ffi.XmlElement
import im.snapback.ffi.XmlNode
import im.snapback.ffi.XmlProblem
import org.xml.sax.Attributes
import org.xml.sax.InputSource
import org.xml.sax.SAXException
import org.xml.sax.SAXParseException
import org.xml.sax.helpers.DefaultHandler
import java.io.StringReader
import javax.xml.parsers.SAXParserFactory

/** Reads XML with the parser of the platform, and writes it. */
internal object Xml {
    private const val XML = "http://www.w3.org/XML/1998/namespace"

    /** Comments, document types and processing instructions, which XMPP forbids (RFC 6120 section 11.1). */
    private val FORBIDDEN = Regex("""<!(?!\[CDATA\[)|<\?""")
    private val NAME = Regex("""[\p{L}_][\p{L}\p{N}_.\-]*""")

    /** Parses one element. As in a stream, its default namespace is that of the client. */
    fun parse(xml: String): XmlElement {
        if (FORBIDDEN.containsMatchIn(xml)) throw XmlProblem.BadXml()
        val factory = SAXParserFactory.newInstance()
        factory.isNamespaceAware = true
        val reader = Reader()
        try {
            factory.newSAXParser().parse(InputSource(StringReader("<stream xmlns='jabber:client'>$xml</stream>")), reader)
        } catch (_: SAXException) {
            throw XmlProblem.BadXml()
        }
        val content = reader.root.filterNot { it is XmlNode.Text && it.text.isBlank() }
        val node = content.singleOrNull() as? XmlNode.Element ?: throw XmlProblem.BadXml()
        return node.element
    }

    /** Builds elements from the events of a parser. */
    private class Reader : DefaultHandler() {
        private class Open(
            val name: String,
            val namespace: String,
            val attributes: List<XmlAttribute>,
        ) {
            val nodes = mutableListOf<XmlNode>()
        }

        private val open = mutableListOf<Open>()

        /** What is in the stream. */
        lateinit var root: List<XmlNode>
            private set

        override fun startElement(
            uri: String,
            localName: String,
            qName: String,
            attributes: Attributes,
        ) {
            val kept =
                (0 until attributes.length).map {
                    XmlAttribute(attributes.getURI(it), attributes.getLocalName(it), attributes.getValue(it))
                }
            open += Open(localName, uri, kept)
        }

        override fun characters(
            chars: CharArray,
            start: Int,
            length: Int,
        ) {
            val nodes = open.last().nodes
            val before = nodes.lastOrNull() as? XmlNode.Text
            if (before != null) nodes.removeAt(nodes.lastIndex)
            nodes += XmlNode.Text(before?.text.orEmpty() + String(chars, start, length))
        }

        override fun endElement(
            uri: String,
            localName: String,
            qName: String,
        ) {
            val ended = open.removeAt(open.lastIndex)
            val outer = open.lastOrNull()
            val element = ended.run { XmlElement(name, namespace, attributes, nodes) }
            if (outer == null) root = ended.nodes else outer.nodes += XmlNode.Element(element)
        }

        override fun fatalError(error: SAXParseException): Nothing = throw error
    }

    fun write(element: XmlElement): String = StringBuilder().also { write(element, null, it) }.toString()

    private fun write(
        element: XmlElement,
        outer: String?,
        out: StringBuilder,
    ) {
        out.append('<').append(name(element.name))
        if (element.namespace != outer) attribute("xmlns", element.namespace, out)
        val names = element.attributes.map { it.namespace to it.name }
        if (names.toSet().size != names.size) throw XmlProblem.BadXml()
        element.attributes.forEachIndexed { index, attribute ->
            val name = name(attribute.name)
            when (attribute.namespace) {
                "" -> attribute(name, attribute.value, out)
                XML -> attribute("xml:$name", attribute.value, out)
                else -> {
                    attribute("xmlns:a$index", attribute.namespace, out)
                    attribute("a$index:$name", attribute.value, out)
                }
            }
        }
        out.append('>')
        for (node in element.nodes) {
            when (node) {
                is XmlNode.Element -> write(node.element, element.namespace, out)
                is XmlNode.Text -> out.append(escape(node.text))
            }
        }
        out.append("</").append(element.name).append('>')
    }

    private fun name(text: String): String = if (NAME.matches(text)) text else throw XmlProblem.BadXml()

    private fun attribute(
        name: String,
        value: String,
        out: StringBuilder,
    ) {
        out.append(' ').append(name).append("='").append(escape(value)).append('\'')
    }

    fun escape(text: String): String {
        val out = StringBuilder()
        for (char in text) {
            when (char) {
                '<' -> out.append("&lt;")
                '>' -> out.append("&gt;")
                '&' -> out.append("&amp;")
                '\'' -> out.append("&apos;")
                '"' -> out.append("&quot;")
                '\t', '\n', '\r' -> out.append("&#").append(char.code).append(';')
                else -> out.append(if (isForbidden(char)) '\uFFFD' else char)
            }
        }
        return out.toString()
    }

    private fun isForbidden(char: Char): Boolean = char < ' ' || char == '\uFFFE' || char == '\uFFFF'

    fun children(element: XmlElement): List<XmlElement> = element.nodes.mapNotNull { (it as? XmlNode.Element)?.element }

    fun text(element: XmlElement): String = element.nodes.filterIsInstance<XmlNode.Text>().joinToString("") { it.text }
}
