package im.snapback

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.NativeLong
import com.sun.jna.Structure
import java.io.File
import java.lang.management.ManagementFactory

/** What this process holds: threads and open files as the system counts them, memory in bytes. */
internal data class Held(
    val threads: Int,
    val files: Int,
    /** Of Java objects that are in use. */
    val heap: Long,
    /** Of what the C library has given out, to the core and to the JVM itself. */
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
            val allocated = libc.mallinfo2()
            return Held(
                threads = status.first { it.startsWith("Threads:") }.filter { it.isDigit() }.toInt(),
                files = File("/proc/self/fd").list().orEmpty().size,
                heap = ManagementFactory.getMemoryMXBean().heapMemoryUsage.used,
                native = allocated.uordblks.toLong() + allocated.hblkhd.toLong(),
            )
        }
    }
}
