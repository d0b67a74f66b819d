package im.snapback

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File

/** The reference server as a process of its own, behind a link that can be cut; see `tests/scenarios/README.md`. */
internal class TestServer(vararg arguments: String) : AutoCloseable {
    private val process: Process =
        ProcessBuilder(System.getProperty("snapback.test.server"), *arguments)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    private val input = process.outputStream.bufferedWriter()
    private val output = process.inputStream.bufferedReader()
    private val ready = line()

    val directPort: Int = ready["direct_port"].asInt
    val startTlsPort: Int = ready["starttls_port"].asInt
    val authority: String = File(ready["ca_file"].asString).readText()

    /** Has something done, and answers what the server says about it. */
    @Synchronized
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
        input.write("$command\n")
        input.flush()
        val answer = line()
        check(answer["ok"].asBoolean) { "$world: $answer" }
        return answer
    }

    /** Bodies of what romeo got from juliet, in order, as often as they came. */
    fun received(): List<String> = tell("received")["messages"].asJsonArray.map { it.asJsonObject["body"].asString }

    private fun line(): JsonObject =
        JsonParser.parseString(checkNotNull(output.readLine()) { "the server is gone" }).asJsonObject

    override fun close() {
        input.close()
        process.waitFor()
    }
}
