package im.snapback

import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import java.util.concurrent.CopyOnWriteArrayList

/** The main function of the processes of [NativeLibraryTest]: prints what was observed. */
fun main(arguments: Array<String>): Unit =
    when (arguments.single()) {
        "missing" -> missing()
        "log" -> log()
        "preload" -> preload()
        else -> open()
    }

private fun missing() {
    Snapback.log { }
    Snapback.preload()
    val calls =
        listOf<suspend () -> Any?>(
            { Jid.parse(JULIET) },
            { Jid.parseOrNull(JULIET) },
            { Snapback.escapeXml("<") },
            { Element.parse("<a/>") },
            { SnapbackClient.open(JULIET, PASSWORD) },
            { Jid.parse(JULIET) },
        )
    calls.forEach { call -> println(runCatching { runBlocking { call() } }.exceptionOrNull()?.javaClass?.simpleName) }
}

private fun log() {
    val records = CopyOnWriteArrayList<LogRecord>()
    Snapback.log(records::add)
    println(if (NativeLibrary.isLoaded) "loaded" else "not loaded")
    runBlocking {
        SnapbackClient.open(JULIET, PASSWORD) { server("127.0.0.1", 1) }.use { client ->
            client.connect()
            client.events.first { it is Event.Ended }
        }
    }
    println(if (records.isEmpty()) "nothing" else "records")
}

private fun preload() {
    Snapback.log { }
    Snapback.preload()
    val loader = Thread.getAllStackTraces().keys.firstOrNull { it.name == "snapback-load" }
    loader?.join()
    println(if (NativeLibrary.isLoaded) "loaded by ${loader?.name}" else "not loaded")
}

/** The main thread is that of [runBlocking]: while the library is loaded, it runs something else. */
private fun open() =
    runBlocking {
        val client = async { SnapbackClient.open(JULIET, PASSWORD) }
        var turns = 0
        val other =
            launch {
                while (!NativeLibrary.isLoaded) {
                    turns += 1
                    yield()
                }
            }
        client.await().close()
        other.join()
        println(if (turns > 1) "the caller went on" else "the caller waited")
    }
