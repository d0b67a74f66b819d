package im.snapback

import android.content.Context
import im.snapback.android.SnapbackAndroid

/** The example of README.md, which is compiled here; `cargo xtask kotlin` checks that both are the same. */
internal suspend fun readme(context: Context) {
    // README
    val client = SnapbackAndroid.open(context, "juliet@example.org", "password")
    client.connect()
    client.send("romeo@example.net", "Wherefore art thou?")
    client.events.collect { event ->
        if (event is Event.Online) {
            println("${event.outcome} after ${event.timeline.roundTrips} round trips")
        }
        if (event is Event.Delivery) event.confirm() // or it comes again
    }
    // README
}
