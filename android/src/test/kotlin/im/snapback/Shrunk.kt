package im.snapback

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import java.io.BufferedReader
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlin.io.path.createTempDirectory
import kotlin.time.Duration.Companion.seconds

/**
 * The app that R8 shrinks in a check: it logs in at the reference server, whose program is the argument, sends and receives
 * messages, loses its connection and resumes. This passes structures, callbacks, errors and foreign objects through the binding.
 */
internal object Shrunk {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val server = ProcessBuilder(arguments.single()).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val answers = server.inputStream.bufferedReader()
        val folder = createTempDirectory("shrunk").toFile()
        try {
            runBlocking { withTimeout(60.seconds) { run(server, answers, folder) } }
            println("ran shrunk")
        } finally {
            server.outputStream.close()
            folder.deleteRecursively()
        }
    }

    private suspend fun run(
        server: Process,
        answers: BufferedReader,
        folder: File,
    ) {
        val records = mutableListOf<LogRecord>()
        Snapback.log { synchronized(records) { records += it } }
        val refused = runCatching { SnapbackClient.open("@", null) }.exceptionOrNull()
        check(refused is SnapbackException) { "$refused" }
        val ready = answers.readLine()
        val port = checkNotNull(Regex("\"direct_port\":([0-9]+)").find(ready)).groupValues[1].toInt()
        val authority = checkNotNull(Regex("\"ca_file\":\"([^\"]+)").find(ready)).groupValues[1]

        fun tell(command: String) {
            server.outputStream.write("$command\n".toByteArray())
            server.outputStream.flush()
            check("\"ok\":true" in answers.readLine())
        }
        val vault = Vault()
        val client =
            SnapbackClient.open("juliet@localhost", "r0m30") {
                server("127.0.0.1", port)
                danger { trustOnlyTheseRoots(File(authority).readText()) }
                storage = Storage.InFile(File(folder, "account.db"), vault)
            }
        client.use {
            client.connect()
            client.send("romeo@localhost", "Wherefore art thou?").awaitAcked()
            tell("""{"world":"message","body":"Here."}""")
            val message = client.events.first { it is Event.Message } as Event.Message
            check(message.message.body == "Here.") { message }
            message.confirm()
            check(client.roster().contacts.isEmpty())
            tell("""{"world":"cut"}""")
            client.events.first { it is Event.Online && it.outcome == SessionOutcome.RESUMED }
            client.close()
            client.events.toList()
        }
        check(vault.secrets.isNotEmpty() && synchronized(records) { records.isNotEmpty() })
    }

    /** Is called by the library. */
    private class Vault : KeyVault {
        val secrets = ConcurrentHashMap<String, ByteArray>()

        override fun read(name: String): ByteArray? = secrets[name]

        override fun write(
            name: String,
            secret: ByteArray,
        ) {
            secrets[name] = secret
        }
    }
}
