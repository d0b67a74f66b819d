package org.example.chat

import java.io.File

/** The reference server in a separate process. */
internal class Server : AutoCloseable {
    private val process = ProcessBuilder(System.getProperty("snapback.test.server")).start()
    private val answers = process.inputStream.bufferedReader()
    private val ready = answers.readLine()

    val port = field("direct_port").toInt()
    val authority = File(field("ca_file")).readText()

    @Synchronized
    fun tell(command: String): String {
        process.outputStream.write("$command\n".toByteArray())
        process.outputStream.flush()
        return answers.readLine().also { check("\"ok\":true" in it) { it } }
    }

    private fun field(name: String): String =
        checkNotNull(Regex("\"$name\":\"?([^\",}]+)").find(ready)).groupValues[1]

    override fun close() {
        process.outputStream.close()
        process.waitFor()
    }
}
