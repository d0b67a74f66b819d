package im.snapback

import im.snapback.ffi.XmlElement
import im.snapback.testing.StandIn
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** What stands in for the native library in tests of apps does what the library does, as far as it says. */
class StandInTest {
    private fun read(
        functions: Functions,
        text: String,
    ): String =
        try {
            functions.parseJid(text).run { "$localpart|$domain|$resource" }
        } catch (problem: im.snapback.ffi.JidProblem) {
            "${JidProblem.of(problem)} ${JidProblem.partOf(problem)}"
        }

    @Test
    fun `addresses in ASCII`() {
        val long = "a".repeat(1024)
        val texts =
            listOf("romeo@example.net", "Romeo@Example.NET/Orchard x", "example.net", "a@b/c@d/e", "@b", "a@", "", "a@b/", "/c", "a b@c") +
                listOf("a@b.", "a@-b", "a@b..c", "a@b_c", "a@[::1]", "a@[::1", "a@127.0.0.1", "a\"@b", "a&b@c", "a@b@c", "$long@b", "a@b/$long") +
                listOf("a@b/\u0007", "a@${"b".repeat(64)}", "a<@b", "a'@b", "a:@b", "A.B+c=d@e-f.g", "a@b c", "ROMEO@b", "[::1]", "a@b/ ", "a@1")
        val differing = texts.map { Triple(it, read(Functions.Native, it), read(StandIn, it)) }.filter { (_, one, other) -> one != other }
        assertEquals(emptyList<Any>(), differing)
    }

    private fun parsed(
        functions: Functions,
        xml: String,
    ): Any =
        try {
            text(functions.parseElement(xml))
        } catch (problem: im.snapback.ffi.XmlProblem) {
            problem.javaClass.simpleName
        }

    private fun text(element: XmlElement): String = Functions.Native.writeElement(element)

    @Test
    fun `XML`() {
        val texts =
            listOf("<a/>", "<a xmlns='b'><c xmlns='d' e='f'>g&lt;&#x1F44D;</c> <h/></a>", "<a><b></a>", "", "x", "<a/><b/>", "<!--x--><a/>") +
                listOf(" <a/>", "<a/>\n", "<a xmlns=''/>", "<a/></stream><stream>", "<a xmlns:b=''/>", "<a>]]&gt;</a>") +
                listOf("<a><!--x--></a>", "<!DOCTYPE a><a/>", "<a xml:lang='en'/>", "<x:a xmlns:x='y' x:b='c' d='e'/>", "<x:a/>") +
                listOf("<a b='1' b='2'/>", "<a>\n\t</a>", "<a><![CDATA[<b>]]>c</a>", "<a b='&amp;&quot;&apos;'/>", "<a>&x;</a>", "<a><?b?></a>")
        val differing = texts.map { Triple(it, parsed(Functions.Native, it), parsed(StandIn, it)) }.filter { (_, one, other) -> one != other }
        assertEquals(emptyList<Any>(), differing)
    }

    @Test
    fun `what is written is read again by the library`() {
        val xml = "<a xmlns='b' xml:lang='en' c='&lt;&amp;&apos;&quot;&#10;'>&#13;<d xmlns=''>]]&gt;</d><e xmlns:f='g' f:h='i'/></a>"
        val element = Functions.Native.parseElement(xml)
        assertEquals(text(element), text(Functions.Native.parseElement(StandIn.writeElement(element))))
        for (text in listOf("<&>'\"", "a\u0001b", "👍", "")) assertEquals(Functions.Native.escapeXml(text), StandIn.escapeXml(text))
        assertEquals(Functions.Native.notifyFeature("urn:x"), StandIn.notifyFeature("urn:x"))
        assertEquals(Functions.Native.clientNamespace(), StandIn.clientNamespace())
    }
}
