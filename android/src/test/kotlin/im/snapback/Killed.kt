package im.snapback

import kotlinx.coroutines.flow.first
import java.io.File

/** The main function of a separate process that a test kills: it prints what it did, and waits. */
fun main(arguments: Array<String>): Unit =
    real {
        val (folder, port, authority) = arguments
        val client =
            SnapbackClient.open(JULIET, PASSWORD) {
                storage = Storage.InFileWithKeys(File(folder, "account.db"), File(folder, "keys"))
                server("127.0.0.1", port.toInt())
                danger { trustOnlyTheseRoots(File(authority).readText()) }
            }
        client.connect()
        client.next<Event.Online>()
        println("online")
        val message = client.events.first { it is Event.Message } as Event.Message
        client.send(ROMEO, "written before the kill")
        println(message.deliveryId)
        kotlinx.coroutines.awaitCancellation()
    }
