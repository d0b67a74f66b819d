package im.snapback

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File

/** A server in a separate process, with a link that can be cut; see `tests/scenarios/README.md`. */
internal class TestServer private constructor(program: List<String>) : AutoCloseable {
    /** The reference server, with these options. */
    constructor(vararg arguments: String) : this(listOf(System.getProperty("snapback.test.server"), *arguments))

    private val process: Process = ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val input = process.outputStream.bufferedWriter()
    private val output = process.inputStream.bufferedReader()
    private val ready = line()

    /** Why a [real] server is not available on this machine; `null` if it runs. */
    val unavailable: String? = ready["unavailable"]?.asString
    val directPort: Int by lazy { ready["direct_port"].asInt }
    val startTlsPort: Int by lazy { ready["starttls_port"].asInt }

    /** The port of the link in front of a [real] server. */
    val linkPort: Int by lazy { ready["link_port"].asInt }
    val authority: String by lazy { ready["ca_pem"]?.asString ?: File(ready["ca_file"].asString).readText() }

    /** Passwords by bare address. */
    val passwords: Map<String, String> by lazy {
        ready["accounts"].asJsonArray.map { it.asJsonObject }.associate { it["jid"].asString to it["password"].asString }
    }

    /** Sends a command and returns the server's answer. */
    fun tell(
        world: String,
        vararg fields: Pair<String, Any>,
    ): JsonObject {
        val command = JsonObject().apply { addProperty("world", world) }
        fields.forEach { (name, value) ->
            when (value) {
                is Number -> command.addProperty(name, value)
                is Boolean -> command.addProperty(name, value)
                else -> command.addProperty(name, value.toString())
            }
        }
        return obey(command)
    }

    /** Sends a command that is given as JSON. */
    @Synchronized
    fun obey(command: JsonObject): JsonObject {
        input.write("$command\n")
        input.flush()
        val answer = line()
        check(answer["ok"].asBoolean) { "$command: $answer" }
        return answer
    }

    /** Returns the bodies of the messages that romeo received from juliet, in order and with duplicates. */
    fun received(): List<String> = tell("received")["messages"].asJsonArray.map { it.asJsonObject["body"].asString }

    private fun line(): JsonObject =
        JsonParser.parseString(checkNotNull(output.readLine()) { "the server is gone" }).asJsonObject

    override fun close() {
        input.close()
        process.waitFor()
    }

    companion object {
        /** Prosody or ejabberd as packaged: `tests/interop/src/bin/real_server.rs`. */
        fun real(name: String): TestServer = TestServer(listOf(System.getProperty("snapback.test.real.server"), name))
    }
}
