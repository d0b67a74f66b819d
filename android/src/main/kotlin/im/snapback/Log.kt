package im.snapback

import im.snapback.ffi.setLogSink
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
     * Escapes a text for use in XML, inside an element or an attribute. A character that XML forbids becomes U+FFFD. An [Element]
     * escapes its texts by itself.
     */
    @JvmStatic
    public fun escapeXml(text: String): String = im.snapback.ffi.escapeXml(text)

    /**
     * Sets the function that receives log records from now on; `null` stops logging. [sink] is called on any thread. It should
     * return quickly, and must not call a client.
     */
    @JvmStatic
    public fun log(sink: ((LogRecord) -> Unit)?) {
        setLogSink(
            sink?.let {
                object : CoreSink {
                    override fun log(record: CoreRecord) =
                        it(LogRecord(record.level, record.name, record.fields.associate { field -> field.name to field.value }))
                }
            },
        )
    }
}
