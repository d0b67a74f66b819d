package im.snapback

import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Rooms (XEP-0045), with the reference server's. */
class RoomTest {
    private val coven = Jid.parse("coven@rooms.localhost")

    @Test
    fun `a room is joined, written to, ruled and left`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    val room = client.rooms.join(coven, "juliet")
                    val joined = client.rooms.events.first { it is RoomEvent.Joined } as RoomEvent.Joined
                    assertEquals(RoomEvent.Joined(coven, "juliet", created = true, again = false), joined)
                    room.send("Hail")
                    val message = client.next<Event.Message> { it.message.body == "Hail" }.message
                    assertEquals("coven@rooms.localhost/juliet", message.from.toString())

                    val info = checkNotNull(room.info())
                    assertEquals(RoomMembership.JOINED, info.membership)
                    assertEquals("juliet", info.occupants.single().nick)
                    assertEquals(RoomAffiliation.OWNER, info.occupants.single().affiliation)
                    assertEquals(listOf(Jid.parse(JULIET)), room.members(RoomAffiliation.OWNER).map { it.jid })
                    assertTrue(room.configuration().any { it.name == "muc#roomconfig_membersonly" })
                    room.setNick("montague")
                    assertEquals("montague", room.info()?.nick)
                    room.leave()
                    assertNull(room.info())
                    assertEquals(emptyList<RoomInfo>(), client.rooms.list())
                }
            }
        }

    @Test
    fun `a join that fails says why, and a destroyed room where to go`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    client.connect()
                    val refused =
                        runCatching { client.rooms.join(coven, "juliet", creation = RoomCreation.NEVER) }.exceptionOrNull()
                    assertEquals(RoomProblem.NOT_FOUND, (refused as SnapbackException.NotJoined).refusal.problem)
                    val nameless = runCatching { client.rooms.join(coven, "") }.exceptionOrNull()
                    assertEquals(RoomProblem.NICK_INVALID, (nameless as SnapbackException.NotJoined).refusal.problem)

                    val heath = Jid.parse("heath@rooms.localhost")
                    val room = client.rooms.join(heath, "juliet", history = RoomHistory.None)
                    coroutineScope {
                        val left = async { client.rooms.events.first { it is RoomEvent.Left } }
                        room.destroy(alternative = coven)
                        assertEquals(RoomEvent.Left(heath, RoomExit.Destroyed(coven, null)), left.await())
                    }
                    val gone = runCatching { client.rooms.join(heath, "juliet") }.exceptionOrNull()
                    assertEquals(RoomProblem.GONE, (gone as SnapbackException.NotJoined).refusal.problem)
                }
            }
        }
}
