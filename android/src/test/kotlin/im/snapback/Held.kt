package im.snapback

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.NativeLong
import com.sun.jna.Structure
import java.io.File
import java.lang.management.ManagementFactory
import javax.management.ObjectName
import kotlin.math.abs

/** What this process holds: threads and open files as the system counts them, memory in bytes. */
internal data class Held(
    val threads: Int,
    val files: Int,
    /** Of Java objects that are in use. */
    val heap: Long,
    /** Of what the C library has given out, without what the JVM has for itself ([ofTheJvm]). */
    val native: Long,
) {
    /** As in `malloc.h`. */
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

        /** The two figures cannot be read at once; what the JVM's compiler takes or gives back in between is seen, and waited for. */
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
         * What the JVM has from the C library for its own work, as its Native Memory Tracking counts it. The arenas of its
         * compiler alone go up and down by 10 MB from one moment to the next, which is more than a leak of some kilobytes
         * for each of a thousand clients. What Java code causes stays out, and so in [native]: direct buffers ("Other") and
         * JNI handles ("Internal"). The core's memory and JNA's are none of the JVM's.
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

        /** Milliseconds. */
        private const val BETWEEN_READINGS = 20L

        /** Bytes; an arena of the compiler has more. */
        private const val SAME = 16 * 1024
    }
}
