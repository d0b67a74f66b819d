package im.snapback

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.NativeLong
import com.sun.jna.Structure
import java.io.File
import java.lang.management.ManagementFactory
import javax.management.ObjectName
import kotlin.math.abs

/** The resources of this process: the numbers of threads and open files, as the system counts them, and memory in bytes. */
internal data class Held(
    val threads: Int,
    val files: Int,
    /** Memory of Java objects that are in use. */
    val heap: Long,
    /** Memory that the C library has allocated, without the JVM's own ([ofTheJvm]). */
    val native: Long,
) {
    /** `struct mallinfo2` of `malloc.h`. */
    @Structure.FieldOrder("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    class Allocated : Structure(), Structure.ByValue {
        @JvmField var arena = NativeLong()

        @JvmField var ordblks = NativeLong()

        @JvmField var smblks = NativeLong()

        @JvmField var hblks = NativeLong()

        @JvmField var hblkhd = NativeLong()

        @JvmField var usmblks = NativeLong()

        @JvmField var fsmblks = NativeLong()

        @JvmField var uordblks = NativeLong()

        @JvmField var fordblks = NativeLong()

        @JvmField var keepcost = NativeLong()
    }

    interface CLibrary : Library {
        fun mallinfo2(): Allocated
    }

    companion object {
        private val libc = Native.load("c", CLibrary::class.java)

        fun now(): Held {
            repeat(3) {
                System.gc()
                System.runFinalization()
            }
            val status = File("/proc/self/status").readLines()
            return Held(
                threads = status.first { it.startsWith("Threads:") }.filter { it.isDigit() }.toInt(),
                files = File("/proc/self/fd").list().orEmpty().size,
                heap = ManagementFactory.getMemoryMXBean().heapMemoryUsage.used,
                native = native(),
            )
        }

        /** The two values cannot be read atomically. If the JVM allocates or frees memory in between, they are read again. */
        private fun native(): Long {
            repeat(MAX_READINGS) {
                val before = ofTheJvm()
                val allocated = libc.mallinfo2()
                val after = ofTheJvm()
                if (abs(after - before) < SAME) return allocated.uordblks.toLong() + allocated.hblkhd.toLong() - after
                Thread.sleep(BETWEEN_READINGS)
            }
            error("the JVM's own memory does not come to rest")
        }

        /**
         * Returns the memory that the JVM has allocated for itself, from its Native Memory Tracking. The arenas of its compiler
         * alone grow and shrink by 10 MB within moments, which is more than a leak of some kilobytes for each of a thousand
         * clients. Memory that Java code causes is excluded here, and so included in [native]: direct buffers ("Other") and JNI
         * handles ("Internal"). The memory of the core and of JNA is not the JVM's.
         */
        private fun ofTheJvm(): Long {
            val summary =
                ManagementFactory.getPlatformMBeanServer().invoke(
                    ObjectName("com.sun.management:type=DiagnosticCommand"),
                    "vmNativeMemory",
                    arrayOf(arrayOf("summary", "scale=b")),
                    arrayOf(Array<String>::class.java.name),
                ) as String
            val malloc = checkNotNull(Regex("""malloc: (\d+)""").find(summary)) { summary }
            val total = malloc.groupValues[1].toLong()
            val byKind = summary.split("\n-").associateBy { it.substringBefore('(').trim() }
            val ofJavaCode = listOf("Other", "Internal").mapNotNull { byKind[it] }.joinToString()
            return total - Regex("""(malloc|arena)=(\d+)""").findAll(ofJavaCode).sumOf { it.groupValues[2].toLong() }
        }

        private const val MAX_READINGS = 500

        /** In milliseconds. */
        private const val BETWEEN_READINGS = 20L

        /** In bytes; less than an arena of the compiler. */
        private const val SAME = 16 * 1024
    }
}
