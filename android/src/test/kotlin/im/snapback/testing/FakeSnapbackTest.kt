package im.snapback.testing

import im.snapback.ConnectionState
import im.snapback.Contact
import im.snapback.DrainOutcome
import im.snapback.Element
import im.snapback.Event
import im.snapback.IqType
import im.snapback.Jid
import im.snapback.NativeLibrary
import im.snapback.OfflineReason
import im.snapback.Reactions
import im.snapback.RequestAnswer
import im.snapback.RoomProblem
import im.snapback.SessionOutcome
import im.snapback.SnapbackException
import im.snapback.StanzaAddress
import im.snapback.Subscription
import im.snapback.SubscriptionStep
import im.snapback.subscription
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.seconds

private const val ROMEO = "romeo@example.net"
private const val COVEN = "coven@chat.example.org"
private const val VERSION = "jabber:iq:version"

/** The fake, in a process that has no native library and no JNA: these tests have an execution of their own in `pom.xml`. */
@OptIn(ExperimentalCoroutinesApi::class)
class FakeSnapbackTest {
    @AfterEach
    fun `the native library was not asked for`() {
        assertFalse(NativeLibrary.isLoaded)
        assertThrows(ClassNotFoundException::class.java) { Class.forName("com.sun.jna.Native") }
    }

    private fun faking(test: suspend TestScope.(FakeSnapback) -> Unit) =
        runTest(UnconfinedTestDispatcher()) {
            FakeSnapback("juliet@example.org", UnconfinedTestDispatcher(testScheduler)).use { test(it) }
        }

    private fun TestScope.collect(fake: FakeSnapback): List<Event> {
        val events = mutableListOf<Event>()
        backgroundScope.launch { fake.client.events.collect(events::add) }
        return events
    }

    private fun FakeSnapback.online() {
        client.connect()
        goOnline()
    }

    private fun outcomes(events: List<Event>) = events.filterIsInstance<Event.Online>().map { it.outcome }

    @Test
    fun `the server decides when there is a session`() =
        faking { fake ->
            val events = collect(fake)
            fake.goOnline()
            assertTrue(fake.client.state.value is ConnectionState.Offline)
            fake.client.connect()
            assertEquals(true, (fake.client.state.value as ConnectionState.Online).isCaughtUp)
            fake.cut()
            fake.newSession()
            fake.newSession()
            assertEquals(List(3) { SessionOutcome.BOUND }, outcomes(events))
            assertEquals(2, events.count { it is Event.Ended && it.retryable })
            assertEquals(3, events.count { it is Event.CaughtUp })
        }

    @Test
    fun `what is impossible is an error of the test`() =
        faking { fake ->
            assertThrows(IllegalStateException::class.java) { fake.cut() }
            assertThrows(IllegalStateException::class.java) { fake.resume() }
            fake.online()
            assertThrows(IllegalStateException::class.java) { fake.resume() }
        }

    @Test
    fun `on other threads the effects are waited for`() =
        runBlocking {
            FakeSnapback().use { fake ->
                fake.online()
                fake.receive(ROMEO, "hello")
                withTimeout(10.seconds) {
                    fake.client.state.first { it is ConnectionState.Online }
                    assertEquals("hello", (fake.client.events.first { it is Event.Message } as Event.Message).message.body)
                    fake.client.send(ROMEO, "hello").awaitAcked()
                }
            }
        }

    @Test
    fun `a message carries its payloads, typed and as XML`() =
        faking { fake ->
            val events = collect(fake)
            fake.online()
            fake.receive(ROMEO) {
                reactions = Reactions("1", listOf("👍"))
                extension(Element("x", "urn:example") { text("<&>") })
            }
            val message = events.filterIsInstance<Event.Message>().single().message
            assertEquals(listOf("👍"), message.reactions?.emojis)
            assertEquals("<&>", message.element.find("x", "urn:example")?.text)
            assertEquals("👍", message.element.find("reactions", "urn:xmpp:reactions:0")?.find("reaction", "urn:xmpp:reactions:0")?.text)
            assertEquals(StanzaAddress.Named(Jid.parse(ROMEO)), message.from)
            assertEquals(ROMEO, message.key?.conversation)
        }

    @Test
    fun `a lost session fails what belonged to it, and messages are sent again`() =
        faking { fake ->
            fake.acknowledges = false
            fake.online()
            val message = fake.client.send(ROMEO, "hello")
            val presence = fake.client.sendPresence(show = "away")
            assertEquals("away", fake.sentPresences.single().show)
            val asked = async { runCatching { fake.client.iq(IqType.GET, Element("query", VERSION)) } }
            fake.answer(VERSION) { null }
            val unanswered = async { runCatching { fake.client.iq(IqType.GET, Element("query", VERSION)) } }
            fake.cut()
            fake.acknowledges = true
            fake.newSession()
            message.awaitAcked()
            assertEquals(1, fake.sent.size)
            assertTrue(runCatching { presence.awaitAcked() }.exceptionOrNull() is SnapbackException.SendFailed)
            assertEquals("service-unavailable", (asked.await().exceptionOrNull() as SnapbackException.Refused).condition)
            assertTrue(unanswered.await().exceptionOrNull() is SnapbackException.SessionLost)
        }

    @Test
    fun `requests are answered, refused, and time out`() =
        faking { fake ->
            fake.online()
            fake.answer(VERSION) { RequestAnswer.Result(Element("query", VERSION) { child("name") { text("fake") } }) }
            val answer = fake.client.iq(IqType.GET, Element("query", VERSION), Jid.parse("example.org"))
            assertEquals("fake", answer.element?.find("name")?.text)
            assertEquals("example.org", "${fake.requests.single().to}")
            fake.answer(VERSION) { RequestAnswer.Refused("item-not-found") }
            val refused = runCatching { fake.client.iq(IqType.GET, Element("query", VERSION)) }.exceptionOrNull()
            assertEquals("item-not-found", (refused as SnapbackException.Refused).condition)
            fake.answer(VERSION) { null }
            val late = runCatching { fake.client.iq(IqType.GET, Element("query", VERSION)) }.exceptionOrNull()
            assertTrue(late is SnapbackException.TimedOut)
        }

    @Test
    fun `the app answers requests`() =
        faking { fake ->
            fake.client.onRequest(VERSION) { RequestAnswer.Result(Element("query", VERSION) { text("${it.from}") }) }
            fake.online()
            val answer = fake.request(ROMEO, Element("query", VERSION)) as RequestAnswer.Result
            assertEquals(ROMEO, answer.payload?.text)
            val refused = fake.request(ROMEO, Element("query", "urn:other")) as RequestAnswer.Refused
            assertEquals("service-unavailable", refused.condition)
        }

    @Test
    fun `a new process gets what was not confirmed, and sends what was not acknowledged`() =
        faking { fake ->
            fake.acknowledges = false
            fake.online()
            fake.receive(ROMEO, "one")
            fake.client.events.first { it is Event.Message && it.run { confirm() } == Unit }
            fake.receive(ROMEO, "two")
            fake.client.send(ROMEO, "three")
            fake.restart()
            val events = collect(fake)
            assertEquals(listOf("two"), events.filterIsInstance<Event.Message>().map { it.message.body })
            fake.acknowledges = true
            fake.client.connect()
            assertEquals(listOf(SessionOutcome.RESUMED), outcomes(events))
            assertEquals(1, fake.confirmed.size)
        }

    @Test
    fun `a background sync fetches what the server holds`() =
        faking { fake ->
            val events = collect(fake)
            fake.online()
            fake.client.pause()
            assertEquals(OfflineReason.SUSPENDED, (fake.client.state.value as ConnectionState.Offline).reason)
            fake.receive(ROMEO, "hello")
            val report = fake.client.drain(10.seconds)
            assertEquals(DrainOutcome.Complete to 1, report.outcome to report.messages)
            assertEquals(1, events.count { it is Event.Message })
            assertEquals(OfflineReason.SUSPENDED, (fake.client.state.value as ConnectionState.Offline).reason)
            fake.client.disconnect()
            assertEquals(DrainOutcome.Offline(OfflineReason.NO_SESSION), fake.client.drain(10.seconds).outcome)
            assertEquals(SessionOutcome.UNANNOUNCED, fake.client.drain(10.seconds, mayBind = true).session)
            fake.client.connect()
            assertEquals(SessionOutcome.BOUND, outcomes(events).last())
        }

    @Test
    fun `roster, history, block list and nodes are kept`() =
        faking { fake ->
            val events = collect(fake)
            fake.roster = listOf(Contact(Jid.parse(ROMEO), "Romeo", Subscription.BOTH, false, emptyList()))
            assertEquals(listOf("Romeo"), fake.client.roster().contacts.map { it.name })
            assertEquals(1, events.count { it is Event.RosterChanged })
            fake.online()
            fake.client.setContact(Jid.parse(ROMEO), "R.")
            assertEquals(listOf("R." to Subscription.BOTH), fake.roster.map { it.name to it.subscription })
            (1..5).forEach { fake.archive(ROMEO, "$it") }
            fake.archive("nurse@example.org", "6")
            val page = fake.client.history(with = Jid.parse(ROMEO), limit = 3)
            assertEquals(listOf("5", "4", "3"), page.messages.map { it.message.body })
            val older = fake.client.history(with = Jid.parse(ROMEO), before = page.next)
            assertEquals(listOf("2", "1") to null, older.messages.map { it.message.body } to older.next)
            fake.client.blocking.block(Jid.parse("tybalt@example.org"))
            assertEquals(listOf("tybalt@example.org"), fake.client.blocking.list().map { "$it" })
            fake.client.nodes.publish("urn:example", Element("x", "urn:example"), id = "1")
            assertEquals("x", fake.client.nodes.item("urn:example", "1")?.payload?.name)
        }

    @Test
    fun `errors, refused logins, refused rooms, push and log-out are scripted`() =
        faking { fake ->
            val events = collect(fake)
            fake.failNext(SnapbackException.QueueFull(100))
            assertTrue(runCatching { fake.client.send(ROMEO, "hello") }.exceptionOrNull() is SnapbackException.QueueFull)
            fake.client.connect()
            fake.refuseLogin()
            assertTrue(events.filterIsInstance<Event.Ended>().single().needsCredentials)
            fake.client.setPassword("other")
            fake.goOnline()
            fake.rooms.refuse(COVEN, RoomProblem.BANNED)
            val refused = runCatching { fake.client.rooms.join(Jid.parse(COVEN), "juliet") }.exceptionOrNull()
            assertEquals(RoomProblem.BANNED, (refused as SnapbackException.NotJoined).refusal.problem)
            fake.client.push.enable(Jid.parse("push.example.org"), "node")
            assertEquals("node", fake.push?.node)
            assertEquals(1, events.count { it is Event.PushEnabled })
            fake.client.logOut()
            assertTrue(fake.isLoggedOut)
            assertNull(fake.push)
        }

    @Test
    fun `a closed client ends what waits`() =
        faking { fake ->
            val waiting = async(start = CoroutineStart.UNDISPATCHED) { runCatching { fake.client.history() } }
            fake.client.close()
            assertTrue(waiting.await().exceptionOrNull() is SnapbackException.Closed)
            assertEquals(emptyList<Event>(), collect(fake))
            assertTrue(runCatching { fake.client.send(ROMEO, "hello") }.exceptionOrNull() is SnapbackException.Closed)
        }

    @Test
    fun `what previews show is made without a client`() {
        val message = Received.message(ROMEO, "hello")
        assertEquals("hello" to ROMEO, message.text to message.from.toString())
        var confirmed: String? = null
        Received.event(message) { confirmed = it }.confirm()
        assertEquals("delivery", confirmed)
        assertEquals(SubscriptionStep.REQUESTED, Received.presence(ROMEO, type = "subscribe").subscription?.step)
        assertNull(Received.presence(ROMEO, show = "away").subscription)
    }
}
