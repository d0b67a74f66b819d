package im.snapback

import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A client keeps its session through connection losses. */
class SessionTest {
    @Test
    fun `a cold login, a connection loss, a resumption, and each message arrives once`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    val cold = client.next<Event.Online>()
                    assertEquals(SessionOutcome.BOUND, cold.outcome)
                    assertEquals(JULIET, cold.jid.bare.toString())
                    assertEquals(5, cold.timeline.roundTrips)
                    assertEquals("TLS 1.3", cold.timeline.tls?.version)

                    val sent = client.send(ROMEO, "1 < 2 & \"so on\"")
                    coroutineScope {
                        val stages = async { sent.stages.toList() }
                        client.next<Event.StageReached> { it.id == sent.id && it.stage is Stage.Acked }
                        assertEquals(listOf(Stage.Queued, Stage.Sent, Stage.Acked), stages.await())
                        sent.awaitAcked()
                    }
                    assertEquals(listOf("1 < 2 & \"so on\""), server.received())

                    server.tell("cut")
                    server.tell("message", "body" to "where are you?")
                    val resumed = client.next<Event.Online>()
                    assertEquals(SessionOutcome.RESUMED, resumed.outcome)
                    assertEquals(3, resumed.timeline.roundTrips)
                    val message = client.next<Event.Message>().message
                    assertEquals("where are you?", message.body)
                    assertEquals(ROMEO, message.from.jid?.bare)

                    client.disconnect()
                    withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Offline } }
                }
            }
        }

    @Test
    fun `a presence carries further children, to one address and to all`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    val me = client.next<Event.Online>().jid
                    val room = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"
                    client.sendPresence(to = me, extensions = listOf(room)).awaitAcked()
                    val joined = client.next<Event.Presence> { "protocol/muc" in it.presence.xml }.presence
                    assertTrue("maxstanzas" in joined.xml, joined.xml)

                    val nick = "<nick xmlns='http://jabber.org/protocol/nick'>Jule &amp; Co</nick>"
                    val idle = "<idle xmlns='urn:xmpp:idle:1' since='2026-01-01T00:00:00Z'/>"
                    client.sendPresence(show = "away", status = "<out>", priority = 5, extensions = listOf(nick, idle))
                    val away = client.next<Event.Presence> { it.presence.show == "away" }.presence
                    assertEquals("<out>", away.status)
                    for (part in listOf("Jule &amp; Co", "urn:xmpp:idle:1", ">5<")) assertTrue(part in away.xml, away.xml)
                }
            }
        }

    @Test
    fun `messages that were sent offline leave after the login, in order`() =
        real {
            TestServer().use { server ->
                open(server) { timeouts { backoff = kotlin.time.Duration.ZERO } }.use { client ->
                    val early = (1..20).map { client.send(ROMEO, "$it") }
                    client.connect()
                    client.next<Event.Online>()
                    client.next<Event.StageReached> { it.id == early.last().id && it.stage is Stage.Acked }
                    server.tell("down")
                    server.tell("cut")
                    client.next<Event.Ended>()
                    val late = (21..40).map { client.send(ROMEO, "$it") }
                    server.tell("up")
                    client.networkChanged(NetworkState(true, emptyList()))
                    client.next<Event.StageReached> { it.id == late.last().id && it.stage is Stage.Acked }
                    assertEquals((1..40).map { "$it" }, server.received())
                }
            }
        }

    @Test
    fun `missed messages come from the archive, and more than the maximum is a gap`() =
        real {
            TestServer().use { server ->
                for ((pages, gap) in listOf(10 to false, 1 to true)) {
                    val settings: Configuration.() -> Unit = {
                        catchUp {
                            page = 2
                            this.pages = pages
                        }
                    }
                    open(server, block = settings).use { client ->
                        client.connect()
                        client.next<Event.Online>()
                        server.tell("message", "body" to "before")
                        client.next<Event.Message> { it.message.body == "before" }
                        server.tell("down")
                        server.tell("cut", "mode" to "reset_both")
                        client.next<Event.Ended>()
                        server.tell("forget_sessions")
                        server.tell("message", "count" to 7)
                        server.tell("up")
                        client.connect()
                        val seen = mutableListOf<Event>()
                        client.next<Event> {
                            seen += it
                            // The gap may be reported after the messages.
                            it is Event.PossibleGap || !gap && seen.count { event -> event is Event.Message } == 7
                        }
                        assertEquals(gap, seen.last() is Event.PossibleGap, "$seen")
                        client.disconnect()
                    }
                }
            }
        }

    @Test
    fun `a lost session is replaced by a new one, and no sent message is lost`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    client.send(ROMEO, "before").let { sent ->
                        client.next<Event.StageReached> { it.id == sent.id && it.stage is Stage.Acked }
                    }
                    server.tell("down")
                    server.tell("cut", "mode" to "reset_both")
                    client.next<Event.Ended>()
                    server.tell("forget_sessions")
                    server.tell("up")
                    client.connect()
                    val again = client.next<Event.Online>()
                    assertEquals(SessionOutcome.BOUND, again.outcome)
                    val sent = client.send(ROMEO, "after")
                    client.next<Event.StageReached> { it.id == sent.id && it.stage is Stage.Acked }
                    assertTrue("after" in server.received())
                }
            }
        }
}
