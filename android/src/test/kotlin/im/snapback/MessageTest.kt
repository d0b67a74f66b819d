package im.snapback

import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.last
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.milliseconds

/** Typed messages, in both directions. */
class MessageTest {
    @Test
    fun `a received message is typed, and what is malformed is reported`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    server.tell(
                        "message",
                        "inside" to
                            "<reply xmlns='urn:xmpp:reply:0' id='q1' to='juliet@localhost'/>" +
                            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>" +
                            "<request xmlns='urn:xmpp:receipts'/><replace xmlns='urn:xmpp:message-correct:0' id='r0'/>" +
                            "<reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👍</reaction><reaction> 👍 </reaction></reactions>" +
                            "<x xmlns='jabber:x:oob'><url>https://example.org/a.jpg</url></x>" +
                            "<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>" +
                            "<retract xmlns='urn:xmpp:message-retract:1'/><mine xmlns='urn:example' a='1'/>",
                    )
                    val message = client.next<Event.Message>().message
                    assertEquals("what a contact made", message.body)
                    assertEquals("a contact made", message.text)
                    assertEquals(Reply("q1", Jid.parse(JULIET)), message.reply)
                    assertEquals(Reactions("m", listOf("👍")), message.reactions)
                    assertEquals("https://example.org/a.jpg", message.files.single().uri)
                    assertEquals(ChatState.ACTIVE, message.chatState)
                    assertEquals("r0", message.corrects)
                    assertTrue(message.requestsReceipt && message.hints.store)
                    assertNull(message.retracts)
                    assertEquals(listOf("retract"), message.problems.map { it.name })
                    assertEquals("1", message.element.find("mine", "urn:example")?.attribute("a"))
                    assertFalse("contact" in message.toString())

                    val key = checkNotNull(message.key)
                    assertEquals("romeo@localhost", key.conversation)
                    val correction = message.references.single { it.kind == ReferenceKind.CORRECTION }
                    assertEquals(ReferenceVerdict.HOLDS, key.refersTo(correction, key.copy(id = "r0")))
                    assertEquals(ReferenceVerdict.OTHER_SENDER, key.refersTo(correction, key.copy(id = "r0", sender = JULIET)))
                    assertEquals(ReferenceVerdict.OTHER_MESSAGE, key.refersTo(correction, key))
                }
            }
        }

    @Test
    fun `a typed message is sent, and what a specification forbids is refused`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    val sent =
                        client.send(ROMEO) {
                            body = "yes"
                            reply = Reply("m1", ROMEO)
                            quote = "Hi 😀,\nare you there?"
                            requestReceipt = true
                            markable = true
                            chatState = ChatState.ACTIVE
                            files = listOf(FileReference("https://example.org/?a&b"))
                            extension(Element("mine", "urn:example") { text("<") })
                        }
                    sent.awaitAcked()
                    client.send(ROMEO) { reactions = Reactions("m1", listOf("👍")) }.reachesServer()
                    assertEquals("> Hi 😀,\n> are you there?\nyes", server.received().first())

                    assertThrows(SnapbackException.BadContent::class.java) { real { client.send(ROMEO) { corrects = "" } } }
                    assertThrows(SnapbackException.BadContent::class.java) {
                        real { client.send(ROMEO) { reactions = Reactions("m1", listOf(" ")) } }
                    }
                    assertThrows(SnapbackException.BadXml::class.java) { real { client.send(ROMEO) { extension(Element("a b", "")) } } }
                }
            }
        }

    @Test
    fun `a confirmed message gets its receipt, and a chat state is sent at once or never`() =
        real {
            TestServer().use { server ->
                for ((policy, receipts) in listOf(ReceiptPolicy.EVERYONE to 1, ReceiptPolicy.NEVER to 0)) {
                    val before = server.received().size
                    open(server) { this.receipts = policy }.use { client ->
                        val typing = client.send(ROMEO) { chatState = ChatState.COMPOSING }
                        val failed = typing.stages.first { it is Stage.Failed } as Stage.Failed
                        assertEquals(SendFailure.NotOnline, failed.reason)
                        client.connect()
                        client.next<Event.Online>()
                        server.tell("message", "inside" to "<request xmlns='urn:xmpp:receipts'/>")
                        client.next<Event.Message>()
                        client.send(ROMEO) { chatState = ChatState.ACTIVE }.reachesServer()
                        client.send(ROMEO, "last").awaitAcked()
                        // The receipt has no body, and neither has the chat state. The receipt is sent beside the others.
                        val expected = List(receipts + 1) { "" } + "last"
                        while (server.received().size < before + expected.size) delay(10.milliseconds)
                        assertEquals(expected, server.received().drop(before).sorted())
                    }
                }
            }
        }

    @Test
    fun `an error has its conditions as elements, and presence and requests take elements`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    val me = client.next<Event.Online>().jid
                    val refused =
                        try {
                            client.iq(IqType.GET, Element("query", "urn:example:unknown"))
                            null
                        } catch (error: SnapbackException.Refused) {
                            error
                        }
                    val error = checkNotNull(refused).error
                    assertEquals("error", error.name)
                    assertEquals(refused.condition, error.children.first().name)
                    val join = Element("x", "http://jabber.org/protocol/muc") { child("history") { attribute("maxstanzas", "0") } }
                    client.sendPresence(to = me, children = listOf(join)).awaitAcked()
                    val presence = client.next<Event.Presence> { it.presence.element.find("x", join.namespace) != null }.presence
                    assertEquals(join, presence.element.find("x", join.namespace))
                    val ping = client.iq(IqType.GET, Element("query", "http://jabber.org/protocol/disco#info"))
                    assertEquals("query", ping.element?.name)
                }
            }
        }

    /** Without a body, the server refuses it for a recipient who is offline: that may come before the acknowledgement. */
    private suspend fun SentStanza.reachesServer() {
        val last = stages.last()
        assertTrue(last is Stage.Acked || (last as Stage.Failed).reason is SendFailure.Refused, "$last")
    }
}
