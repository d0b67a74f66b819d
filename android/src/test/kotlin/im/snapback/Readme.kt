package im.snapback

/** The example of README.md, which is compiled here; `cargo xtask kotlin` checks that both are the same. */
internal suspend fun readme() {
    // README
    val client = SnapbackClient.open("juliet@example.org", "password")
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
