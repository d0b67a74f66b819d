package im.snapback

import java.io.File
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The same API with a packaged Prosody as the server. */
class ProsodyTest {
    private class Prosody : AutoCloseable {
        private val server = TestServer.real("prosody")
        val unavailable: String? get() = server.unavailable
        val accounts: List<Pair<String, String>> by lazy { server.passwords.toList() }

        suspend fun open(
            number: Int,
            folder: File,
            block: Configuration.() -> Unit = {},
        ): SnapbackClient =
            SnapbackClient.open(accounts[number].first, accounts[number].second) {
                on(server)
                storage = Storage.InFileWithKeys(File(folder, "$number.db"), File(folder, "keys$number"))
                block()
            }

        override fun close() = server.close()
    }

    @Test
    fun `missed messages come from the archive, and more than the maximum is a gap`(@TempDir folder: File) =
        real {
            Prosody().use { prosody ->
                assumeTrue(prosody.unavailable == null, prosody.unavailable)
                val (juliet, romeo) = prosody.accounts.map { it.first }
                prosody.open(1, folder).use { sender ->
                    sender.connect()
                    for ((pages, isGap) in listOf(10 to false, 1 to true)) {
                        val settings: Configuration.() -> Unit = {
                            catchUp {
                                page = 2
                                this.pages = pages
                            }
                        }
                        val before = prosody.open(0, folder)
                        before.connect()
                        sender.send(juliet, "before")
                        before.next<Event.Message> { it.message.body == "before" && it.message.from.jid?.bare.toString() == romeo }
                        before.disconnect()
                        before.shutdown()
                        val sent = (1..7).map { sender.send(juliet, "$pages $it") }
                        sender.next<Event.StageReached> { it.id == sent.last().id && it.stage is Stage.Acked }
                        prosody.open(0, folder, settings).use { again ->
                            again.connect()
                            val bodies = mutableListOf<String?>()
                            val last =
                                again.next<Event> { event ->
                                    if (event is Event.Message) bodies += event.message.body
                                    val isComplete = bodies.containsAll((1..7).map { "$pages $it" })
                                    event is Event.PossibleGap || isComplete && !isGap
                                }
                            assertEquals(isGap, last is Event.PossibleGap, "$bodies")
                            again.disconnect()
                            again.shutdown()
                        }
                    }
                }
            }
        }

    @Test
    fun `a cold login, a message each way, a kill and a resumption`(@TempDir folder: File) =
        real {
            Prosody().use { prosody ->
                assumeTrue(prosody.unavailable == null, prosody.unavailable)
                prosody.open(1, folder).use { romeo ->
                    romeo.connect()
                    romeo.next<Event.Online>()
                    val juliet = prosody.open(0, folder)
                    juliet.connect()
                    val cold = juliet.next<Event.Online>()
                    assertEquals(SessionOutcome.BOUND, cold.outcome)
                    assertEquals("TLS 1.3", cold.timeline.tls?.version)
                    juliet.setContact(Jid.parse(prosody.accounts[1].first), "Romeo", listOf("Verona"))
                    assertEquals(listOf("Romeo"), juliet.roster().contacts.map { it.name })

                    juliet.send(prosody.accounts[1].first, "1 < 2 & \"so on\"")
                    val message = romeo.next<Event.Message>().message
                    assertEquals("1 < 2 & \"so on\"", message.body)
                    juliet.shutdown()

                    romeo.send(checkNotNull(message.from.jid).bare, "while you were away")
                    prosody.open(0, folder).use { again ->
                        again.connect()
                        val resumed = again.next<Event.Online>()
                        assertEquals(SessionOutcome.RESUMED, resumed.outcome)
                        assertTrue(resumed.timeline.roundTrips < cold.timeline.roundTrips)
                        val late = again.next<Event.Message>().message
                        assertEquals("while you were away", late.body)
                        again.disconnect()
                        assertNull((again.state.value as? ConnectionState.Offline)?.retryIn)
                    }
                }
            }
        }

    @Test
    fun `bookmarks are kept with what other clients have added, and changes are told`(@TempDir folder: File) =
        real {
            Prosody().use { prosody ->
                assumeTrue(prosody.unavailable == null, prosody.unavailable)
                prosody.open(0, folder) { identity { features = listOf(Bookmarks.NOTIFY) } }.use { juliet ->
                    juliet.connect()
                    val room = Jid.parse("coven@conference.snapback.test")
                    val pinned = Element.parse("<pinned xmlns='urn:example:pinned'/>")
                    val bookmark = Bookmark(room, "Coven", nick = "thirdwitch", password = "cauldron", extensions = listOf(pinned))
                    // The server has to learn first that this client wants to be told.
                    val told =
                        coroutineScope {
                            val again =
                                launch {
                                    while (true) {
                                        juliet.bookmarks.set(bookmark)
                                        delay(500.milliseconds)
                                    }
                                }
                            juliet.next<Event.Message> { juliet.bookmarks.change(it.message) != null }.also { again.cancelAndJoin() }
                        }
                    val change = juliet.bookmarks.change(told.message) as BookmarkChange.Changed
                    assertEquals(listOf(room), change.set.map { it.room })
                    assertEquals(listOf(bookmark), juliet.bookmarks.list())
                    assertTrue("cauldron" !in "$bookmark")
                    assertEquals(emptyList<Room>(), juliet.bookmarks.join("thirdwitch"))
                    juliet.bookmarks.remove(room)
                    assertEquals(emptyList<Bookmark>(), juliet.bookmarks.list())
                }
            }
        }
}
