package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Requests of other entities, and typed requests to them. */
class RequestsTest {
    private val version = "jabber:iq:version"

    private suspend fun refusal(request: suspend () -> Unit): SnapbackException =
        try {
            request()
            error("it was answered")
        } catch (error: SnapbackException) {
            error
        }

    @Test
    fun `the app answers the requests that it handles, and their features are discovered`() =
        real {
            TestServer().use { server ->
                val phone = open(server) { identity { requests = listOf(version, "urn:example:slow") } }
                phone.use { app ->
                    app.onRequest(version) { request ->
                        assertFalse(request.isSet)
                        assertEquals("juliet@localhost", request.from.jid?.bare.toString())
                        RequestAnswer.Result(Element("query", version) { child("name") { text("Balcony & <Co>") } })
                    }
                    assertThrows(SnapbackException.Configuration::class.java) {
                        app.onRequest("urn:example:other") { RequestAnswer.Result() }
                    }
                    app.connect()
                    val address = checkNotNull(app.next<Event.Online>().jid)
                    open(server).use { other ->
                        other.connect()
                        other.next<Event.Online>()
                        val query = Element("query", version)
                        val answer = other.iq(IqType.GET, query, address)
                        val payload = Element.parse(checkNotNull(answer.payload))
                        assertEquals("Balcony & <Co>", payload.find("name")?.text)
                        val info = other.discovery.info(address)
                        assertTrue(version in info.features)
                        assertEquals("client", info.identities.single().category)

                        app.onRequest(version) { RequestAnswer.Refused("forbidden", ErrorType.AUTH, "not for you") }
                        val refused = refusal { other.iq(IqType.GET, query, address) } as SnapbackException.Refused
                        assertEquals("forbidden", refused.condition)
                        assertEquals("not for you", refused.text)
                        app.onRequest(version) { error("a bug in a handler") }
                        val failed = refusal { other.iq(IqType.GET, query, address) } as SnapbackException.Refused
                        assertEquals("internal-server-error", failed.condition)
                        val unhandled = refusal { other.iq(IqType.GET, Element("q", "urn:example:slow"), address) }
                        assertEquals("service-unavailable", (unhandled as SnapbackException.Refused).condition)
                    }
                }
            }
        }

    @Test
    fun `requests to services are typed, and so is what is refused`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    client.next<Event.Online>()
                    val refused = refusal { client.blocking.block(ROMEO) } as SnapbackException.Refused
                    assertEquals("service-unavailable", refused.condition)
                    assertNull(client.uploads.service())
                    assertEquals(emptyList<DiscoItem>(), client.discovery.items(Jid.parse("localhost")))
                    assertTrue(refusal { client.nodes.items("urn:example") } is SnapbackException.Refused)
                    val slot = UploadService(Jid.parse("localhost"), maxFileSize = 10)
                    val large = refusal { client.uploads.slot(slot, FileUpload("cat.jpg", 11)) }
                    assertEquals(10L, (large as SnapbackException.FileTooLarge).limit)
                    assertTrue(refusal { client.account.changePassword("x") } is SnapbackException.Refused)
                    client.subscriptions.request(ROMEO, "Juliet")

                    server.tell(
                        "message",
                        "inside" to
                            "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:example'/></event>",
                    )
                    // Of a client of a contact, and not of the contact's account.
                    assertNull(client.nodeEvent(client.next<Event.Message>().message))
                }
            }
        }
}
