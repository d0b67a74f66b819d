package im.snapback

import android.content.Context
import im.snapback.android.SnapbackAndroid

/** The calls that `docs/api/calls.md` counts beside those of other libraries. They are compiled and not run. */
internal suspend fun comparedLogin(context: Context): SnapbackClient {
    // call: log in and stay connected
    val client = SnapbackAndroid.open(context, "juliet@example.org", "password")
    client.connect()
    // end
    return client
}

internal suspend fun comparedMessages(
    client: SnapbackClient,
    romeo: Jid,
) {
    // call: send a message and ask for a receipt
    val sent =
        client.send(romeo) {
            body = "Wherefore art thou?"
            requestReceipt = true
        }
    // end

    // call: correct a message
    client.send(romeo) {
        body = "Wherefore art thou Romeo?"
        corrects = sent.id
    }
    // end

    // call: read the two newest pages of a conversation
    val newest = client.history(romeo)
    val before = client.history(romeo, newest.next)
    // end
    println("$newest $before")
}

internal suspend fun comparedServices(
    client: SnapbackClient,
    coven: Jid,
    pushService: Jid,
    tybalt: Jid,
) {
    // call: join a room
    val room = client.rooms.join(coven, "juliet")
    // end

    // call: enable push notifications
    client.push.enable(pushService, "node")
    // end

    // call: get an upload slot
    val service = client.uploads.service() ?: error("the server has no upload service")
    val slot = client.uploads.slot(service, FileUpload("balcony.jpg", 10_000, "image/jpeg"))
    // end

    // call: block an address
    client.blocking.block(tybalt)
    // end
    println("$room $slot")
}
