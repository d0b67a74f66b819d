package im.snapback

import im.snapback.ffi.LogRecord as CoreRecord
import im.snapback.ffi.LogSink as CoreSink

/** The severity of a log record. */
public typealias LogLevel = im.snapback.ffi.LogLevel

/**
 * A log record. It contains no message content, no JID and no secret, so that it is safe to write it to any log.
 */
public class LogRecord internal constructor(
    public val level: LogLevel,
    /** The name of what happened: a fixed word such as `online`. */
    public val name: String,
    /** Details, by their names. */
    public val fields: Map<String, String>,
) {
    override fun toString(): String = name + fields.entries.joinToString("") { (key, value) -> " $key=\"$value\"" }
}

/** Functions that concern all clients of the process. */
public object Snapback {
    /**
     * Starts to load the native library on a thread of its own, and returns at once. Loading takes a part of a second on a slow
     * device. A function that needs the library and is not suspending, such as [Jid.parse], waits for that, so it should not be the
     * first in a process that is called on the main thread. On Android, the library's content provider calls this when the
     * process starts. A second call does nothing.
     */
    @JvmStatic
    public fun preload(): Unit = NativeLibrary.preload()

    /**
     * Escapes a text for use in XML, inside an element or an attribute. A character that XML forbids becomes U+FFFD. An [Element]
     * escapes its texts by itself.
     */
    @JvmStatic
    public fun escapeXml(text: String): String = Functions.current.escapeXml(text)

    /**
     * Sets the function that receives log records from now on; `null` stops logging. [sink] is called on any thread. It should
     * return quickly, and must not call a client. This does not load the native library, and may be called on the main thread.
     */
    @JvmStatic
    public fun log(sink: ((LogRecord) -> Unit)?) {
        LogSinks.set(
            sink?.let {
                object : CoreSink {
                    override fun log(record: CoreRecord) =
                        it(LogRecord(record.level, record.name, record.fields.associate { field -> field.name to field.value }))
                }
            },
        )
    }
}
