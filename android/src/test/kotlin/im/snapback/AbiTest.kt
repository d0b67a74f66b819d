package im.snapback

import kotlinx.validation.ExternalApi
import kotlinx.validation.api.dump
import kotlinx.validation.api.filterOutNonPublic
import kotlinx.validation.api.loadApiFromJvmClasses
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.io.StringWriter

/**
 * The public ABI is the one in `android/api/snapback.api`, so that no change of it goes unseen. After one that is meant, run
 * the test with `REGENERATE=1`, and commit the file.
 */
@OptIn(ExternalApi::class)
class AbiTest {
    private val sources = File(System.getProperty("snapback.test.sources"))
    private val committed = File(sources, "api/snapback.api")

    /** Classes that UniFFI has generated and the API names: those of its `typealias`es. */
    private val aliased: Set<String> =
        File(sources, "src/main/kotlin")
            .walk()
            .filter { it.extension == "kt" }
            .flatMap { ALIAS.findAll(it.readText()) }
            .map { it.groupValues[1].replace('.', '/') }
            .toSet()

    private val classes = File(System.getProperty("snapback.test.classes"))

    private fun isApi(file: File): Boolean {
        val name = file.relativeTo(classes).path.removeSuffix(".class")
        return !name.startsWith(GENERATED) || aliased.any { name == it || name.startsWith("$it$") }
    }

    /** The classes as text, ordered by it. */
    private fun dumps(): List<String> =
        classes
            .walk()
            .filter { it.extension == "class" && isApi(it) }
            .map { it.inputStream() }
            .loadApiFromJvmClasses()
            .filterOutNonPublic()
            .map { signature -> StringWriter().also { listOf(signature).dump(it) }.toString() }
            .sorted()

    @Test
    fun `the public ABI is the committed one`() {
        val found = dumps().joinToString("")
        if (System.getenv("REGENERATE") != null) committed.apply { parentFile.mkdirs() }.writeText(found)
        val before = committed.readText()
        val (removed, added) = listOf(before to found, found to before).map { (one, other) -> one.lines() - other.lines().toSet() }
        assertTrue(before == found, "run with REGENERATE=1 if this is meant; removed: $removed, added: $added")
    }

    @Test
    fun `nothing of the generated binding is in it but what the API names`() {
        assertTrue(aliased.isNotEmpty())
        val names = dumps().mapNotNull { NAME.find(it)?.groupValues?.get(1) }
        assertTrue(names.containsAll(aliased), "${aliased - names.toSet()}")
        assertEquals(emptyList<String>(), names.filter { it.substringAfterLast('/').startsWith("Uniffi") })
    }

    private companion object {
        const val GENERATED = "im/snapback/ffi/"
        val NAME = Regex("""^public .*?(?:class|interface) (\S+)""")
        val ALIAS = Regex("""(?m)^public typealias \w+ = (im\.snapback\.ffi\.\w+)""")
    }
}
