package im.snapback.android

import android.app.AlarmManager
import android.app.Application
import android.content.Context
import android.content.Intent
import android.os.SystemClock
import im.snapback.ConnectionState
import im.snapback.DrainOutcome
import im.snapback.Event
import im.snapback.OfflineReason
import im.snapback.SnapbackClient
import im.snapback.TestServer
import im.snapback.on
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowAlarmManager
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The alarm that all clients of the process share. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 34], manifest = Config.NONE)
class KeepaliveAlarmTest {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val alarms: ShadowAlarmManager =
        shadowOf(application.getSystemService(Context.ALARM_SERVICE) as AlarmManager)
    private val open = mutableListOf<AutoCloseable>()

    private fun follow(probe: () -> Unit): AutoCloseable = KeepaliveAlarm.follow(probe).also { open += it }

    private fun ring() = KeepaliveReceiver().onReceive(application, Intent(application, KeepaliveReceiver::class.java))

    @After
    fun end() {
        open.forEach { it.close() }
        SnapbackAndroid.setAlarmKeepalive(application, null)
    }

    @Test
    fun `there is no alarm by default`() {
        follow { }
        assertEquals(0, alarms.scheduledAlarms.size)
    }

    @Test
    fun `two clients share one alarm, which wakes the device also in Doze, and each is probed`() {
        val probed = mutableListOf<String>()
        follow { probed += "one" }
        SnapbackAndroid.setAlarmKeepalive(application, 10.minutes)
        follow { probed += "two" }
        val alarm = alarms.scheduledAlarms.single()
        assertEquals(AlarmManager.ELAPSED_REALTIME_WAKEUP, alarm.type)
        assertEquals(SystemClock.elapsedRealtime() + 10.minutes.inWholeMilliseconds, alarm.triggerAtTime)
        assertTrue(alarm.isAllowWhileIdle)
        assertEquals(KeepaliveReceiver::class.java.name, shadowOf(alarm.operation).savedIntent.component?.className)
        SystemClock.setCurrentTimeMillis(SystemClock.uptimeMillis() + 11.minutes.inWholeMilliseconds)
        ring()
        assertEquals(listOf("one", "two"), probed)
        val next = alarms.scheduledAlarms.single()
        assertEquals(SystemClock.elapsedRealtime() + 10.minutes.inWholeMilliseconds, next.triggerAtTime)
    }

    @Test
    fun `the alarm ends with the last client, and with the setting`() {
        SnapbackAndroid.setAlarmKeepalive(application, 10.minutes)
        assertEquals(0, alarms.scheduledAlarms.size)
        val clients = List(2) { follow { } }
        clients.first().close()
        assertEquals(1, alarms.scheduledAlarms.size)
        clients.last().close()
        assertEquals(0, alarms.scheduledAlarms.size)
        assertFalse(KeepaliveAlarm.rang())
        follow { }
        assertEquals(1, alarms.scheduledAlarms.size)
        SnapbackAndroid.setAlarmKeepalive(application, null)
        assertEquals(0, alarms.scheduledAlarms.size)
    }

    @Test
    fun `an interval that would only cost battery is refused`() {
        assertThrows(IllegalArgumentException::class.java) { SnapbackAndroid.setAlarmKeepalive(application, 10.seconds) }
    }

    @Test
    fun `an alarm during a background sync does not keep the client awake`() =
        TestServer().use { server ->
            runBlocking(Dispatchers.Default) {
                withTimeout(60.seconds) {
                    val client = SnapbackClient.open("juliet@localhost", "r0m30") { on(server) }
                    client.connect()
                    client.state.first { it is ConnectionState.Online }
                    client.pause()
                    follow(client::probe)
                    server.tell("message")
                    // The sync lasts until the message is collected.
                    val drained = async { client.drain(30.seconds) }
                    client.state.first { it is ConnectionState.Online }
                    ring()
                    val collecting = launch { client.events.collect { if (it is Event.Delivery) it.confirm() } }
                    assertEquals(DrainOutcome.Complete, drained.await().outcome)
                    val state = client.state.first { it is ConnectionState.Offline }
                    assertEquals(OfflineReason.SUSPENDED, (state as ConnectionState.Offline).reason)
                    client.shutdown()
                    collecting.join()
                }
            }
        }

    @Test
    fun `a connection that died in the sleep of the processor is replaced, and a paused client stays paused`() =
        TestServer().use { server ->
            runBlocking {
                withTimeout(60.seconds) {
                    val client = SnapbackClient.open("juliet@localhost", "r0m30") { on(server) }
                    client.connect()
                    client.state.first { it is ConnectionState.Online }
                    follow(client::probe)
                    // The connection is dead, and the client has not noticed.
                    server.tell("cut", "mode" to "blackhole")
                    ring()
                    client.events.first { it is Event.Ended }
                    client.pause()
                    ring()
                    val paused = client.state.first { it is ConnectionState.Offline } as ConnectionState.Offline
                    assertEquals(OfflineReason.SUSPENDED, paused.reason)
                    // A resumption would be reported within this time.
                    assertNull(withTimeoutOrNull(1.seconds) { client.state.first { it !is ConnectionState.Offline } })
                    client.shutdown()
                }
            }
        }
}
