package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** XML as a tree. */
class ElementTest {
    @Test
    fun `an element is built, written and parsed`() {
        val join =
            Element("x", MUC) {
                attribute("a", "'\"<&>\n")
                child("history") { attribute("maxstanzas", "0") }
                text("1 < 2")
                child(Element("y", "urn:y"))
            }
        val xml = join.toXml()
        assertEquals(join, Element.parse(xml))
        assertEquals("'\"<&>\n", Element.parse(xml).attribute("a"))
        assertEquals("0", join.find("history")?.attribute("maxstanzas"))
        assertEquals("1 < 2", join.text)
        assertEquals(listOf("history", "y"), join.children.map { it.name })
        assertEquals("y", join.find("y", "urn:y")?.name)
        assertNull(join.find("y"))
        assertFalse("1 < 2" in "$join ${join.nodes}")
    }

    @Test
    fun `what is no XML is refused, in both directions`() {
        for (xml in listOf("", "text", "<x>", "<x/><y/>", "<p:x/>")) assertThrows(SnapbackException.BadXml::class.java) { Element.parse(xml) }
        for (name in listOf("", "a b", "a:b", "><")) {
            assertThrows(SnapbackException.BadXml::class.java) { Element(name, MUC).toXml() }
            assertThrows(SnapbackException.BadXml::class.java) { Element("x", MUC) { attribute(name, "") }.toXml() }
        }
        assertThrows(SnapbackException.BadXml::class.java) { Element("x", MUC) { attribute("xmlns", "urn:y") }.toXml() }
        val deep = (1..100).fold(Element("x", MUC)) { inner, _ -> Element("x", MUC) { child(inner) } }
        assertEquals("depth", assertThrows(SnapbackException.TooComplex::class.java) { deep.toXml() }.limit)
        val text = "<a b=\"c\" d='e'>&amp;"
        assertEquals(text, Element.parse("<x>${Snapback.escapeXml(text)}</x>").text)
    }

    private companion object {
        const val MUC = "http://jabber.org/protocol/muc"
    }
}
