package im.snapback.testing

import im.snapback.ffi.XmlAttribute
import im.snapback.ffi.XmlElement
import im.snapback.ffi.XmlNode
import im.snapback.ffi.XmlProblem
import org.w3c.dom.Attr
import org.w3c.dom.CharacterData
import org.w3c.dom.Element
import org.xml.sax.InputSource
import org.xml.sax.SAXException
import org.xml.sax.SAXParseException
import org.xml.sax.helpers.DefaultHandler
import java.io.StringReader
import javax.xml.parsers.DocumentBuilderFactory

/** Reads XML with the parser of the platform, and writes it. */
internal object Xml {
    private const val XML = "http://www.w3.org/XML/1998/namespace"
    private const val XMLNS = "http://www.w3.org/2000/xmlns/"

    /** Comments, document types and processing instructions, which XMPP forbids (RFC 6120 section 11.1). */
    private val FORBIDDEN = Regex("""<!(?!\[CDATA\[)|<\?""")
    private val NAME = Regex("""[\p{L}_][\p{L}\p{N}_.\-]*""")

    fun parse(xml: String): XmlElement {
        if (FORBIDDEN.containsMatchIn(xml)) throw XmlProblem.BadXml()
        val factory = DocumentBuilderFactory.newInstance()
        factory.isNamespaceAware = true
        factory.isCoalescing = true
        val builder = factory.newDocumentBuilder()
        builder.setErrorHandler(
            object : DefaultHandler() {
                override fun fatalError(error: SAXParseException): Nothing = throw error
            },
        )
        try {
            return of(builder.parse(InputSource(StringReader(xml))).documentElement)
        } catch (_: SAXException) {
            throw XmlProblem.BadXml()
        }
    }

    private fun of(element: Element): XmlElement {
        val attributes = element.attributes
        val kept = (0 until attributes.length).map { attributes.item(it) as Attr }.filter { it.namespaceURI != XMLNS }
        val nodes = element.childNodes
        return XmlElement(
            element.localName,
            element.namespaceURI.orEmpty(),
            kept.map { XmlAttribute(it.namespaceURI.orEmpty(), it.localName, it.value) },
            (0 until nodes.length).map(nodes::item).map {
                if (it is CharacterData) XmlNode.Text(it.data) else XmlNode.Element(of(it as Element))
            },
        )
    }

    fun write(element: XmlElement): String = StringBuilder().also { write(element, "", it) }.toString()

    private fun write(
        element: XmlElement,
        outer: String,
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
