package im.snapback

import im.snapback.ffi.setLogSink
import im.snapback.ffi.LogRecord as CoreRecord
import im.snapback.ffi.LogSink as CoreSink

/** How much a record matters. */
public typealias LogLevel = im.snapback.ffi.LogLevel

/**
 * One thing that happened, for the app's log. It holds no content, no address and no secret, and may be written anywhere.
 */
public class LogRecord internal constructor(
    public val level: LogLevel,
    /** What happened, as a fixed word such as `online`. */
    public val name: String,
    /** What more there is to say. */
    public val fields: Map<String, String>,
) {
    override fun toString(): String = name + fields.entries.joinToString("") { (key, value) -> " $key=\"$value\"" }
}

/** What concerns all clients. */
public object Snapback {
    /**
     * Where records go from now on; `null` for nowhere. Called from any thread: [sink] should come back soon, and must not
     * call a client.
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
