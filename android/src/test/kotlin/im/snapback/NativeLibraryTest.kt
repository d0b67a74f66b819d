package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** Loading the native library, each time in a process of its own: it can be loaded only once. */
class NativeLibraryTest {
    private val usual = System.getProperty("jna.library.path")

    private fun run(
        what: String,
        libraries: String = usual,
    ): List<String> {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val settings = listOf("-Djna.library.path=$libraries", "-Djna.nosys=true")
        val command = listOf(java, "-cp", System.getProperty("java.class.path")) + settings + "im.snapback.LoadingKt" + what
        val builder = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT)
        // The build's own folder, where the library is, too.
        builder.environment().remove("LD_LIBRARY_PATH")
        val child = builder.start()
        val said = child.inputStream.bufferedReader().readLines()
        assertEquals(0, child.waitFor())
        return said
    }

    @Test
    fun `a missing library is a typed error of each call, and of none that needs no library`(@TempDir empty: File) {
        assertEquals(List(6) { "NativeLibrary" }, run("missing", empty.path))
    }

    @Test
    fun `a library that is none is a typed error`(@TempDir folder: File) {
        File(folder, System.mapLibraryName("snapback_ffi")).writeText("not a library")
        assertEquals(List(6) { "NativeLibrary" }, run("missing", folder.path))
    }

    @Test
    fun `the log is set without the library, and receives records once it is loaded`() {
        assertEquals(listOf("not loaded", "records"), run("log"))
    }

    @Test
    fun `the library is loaded on a thread of its own`() {
        assertEquals(listOf("loaded by snapback-load"), run("preload"))
    }

    @Test
    fun `a client loads the library on another thread than the caller's`() {
        assertEquals(listOf("the caller went on"), run("open"))
    }
}
