package im.snapback.testing

import im.snapback.ChatState
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

private const val ROMEO = "romeo@example.net"
private const val COVEN = "coven@chat.example.org"

/** The tests of an app: of its view model, without a server and without the native library. */
@OptIn(ExperimentalCoroutinesApi::class)
class FakeViewModelTest {
    private fun chatting(test: suspend TestScope.(FakeSnapback, ChatViewModel) -> Unit) =
        runTest(UnconfinedTestDispatcher()) {
            FakeSnapback("juliet@example.org", UnconfinedTestDispatcher(testScheduler)).use { fake ->
                test(fake, ChatViewModel(fake.client, ROMEO, backgroundScope))
            }
        }

    @Test
    fun `the title follows the connection`() =
        chatting { fake, chat ->
            assertEquals("offline", chat.title.value)
            fake.client.connect()
            assertEquals("connecting", chat.title.value)
            fake.goOnline()
            assertEquals("online", chat.title.value)
            fake.cut()
            assertEquals("reconnecting", chat.title.value)
            fake.resume()
            assertEquals("online", chat.title.value)
            fake.client.disconnect()
            assertEquals("offline", chat.title.value)
        }

    @Test
    fun `messages are shown and confirmed, those of a time without connection after it`() =
        chatting { fake, chat ->
            fake.client.connect()
            fake.goOnline()
            fake.receive(ROMEO) { chatState = ChatState.COMPOSING }
            assertTrue(chat.isTyping.value)
            fake.receive(ROMEO) {
                chatState = ChatState.ACTIVE
                body = "Wherefore art thou?"
            }
            assertFalse(chat.isTyping.value)
            assertEquals(listOf("$ROMEO: Wherefore art thou?"), chat.lines.value)
            fake.cut()
            fake.receive(ROMEO, "Where are you?")
            assertEquals(1, chat.lines.value.size)
            fake.resume()
            assertEquals("$ROMEO: Where are you?", chat.lines.value.last())
            assertEquals(3, fake.confirmed.size)
        }

    @Test
    fun `what is written without connection waits, and is marked as it goes`() =
        chatting { fake, chat ->
            fake.acknowledges = false
            val id = chat.write("Here.")
            assertEquals("waiting", chat.marks.value[id])
            assertTrue(fake.sent.isEmpty())
            fake.client.connect()
            fake.goOnline()
            assertEquals("sent", chat.marks.value[id])
            assertEquals(listOf(ROMEO to "Here."), fake.sent.map { it.to.toString() to it.body })
            fake.acknowledge()
            assertEquals("at the server", chat.marks.value[id])
        }

    @Test
    fun `a message that is refused is marked`() =
        chatting { fake, chat ->
            fake.acknowledges = false
            fake.client.connect()
            fake.goOnline()
            val id = chat.write("Here.")
            fake.fail(id, "service-unavailable")
            assertEquals("failed", chat.marks.value[id])
        }

    @Test
    fun `a room is joined, talks, is lost, comes back and throws the user out`() =
        chatting { fake, chat ->
            fake.client.connect()
            fake.goOnline()
            fake.rooms.enter(COVEN, "firstwitch")
            val room = chat.join(COVEN, "thirdwitch")
            assertEquals("in the room", chat.notice.value)
            assertEquals(listOf("firstwitch", "thirdwitch"), room.info()?.occupants?.map { it.nick })
            room.send("Hail")
            fake.rooms.message(COVEN, "firstwitch", "Hail!")
            assertEquals(listOf("thirdwitch: Hail", "firstwitch: Hail!"), chat.lines.value)
            fake.rooms.lose(COVEN)
            assertEquals("the room is not reachable", chat.notice.value)
            fake.rooms.rejoin(COVEN)
            assertEquals("in the room", chat.notice.value)
            fake.rooms.kick(COVEN, reason = "too loud")
            assertEquals("out of the room: Kicked(actor=null, reason=too loud)", chat.notice.value)
            assertNull(room.info())
        }
}
