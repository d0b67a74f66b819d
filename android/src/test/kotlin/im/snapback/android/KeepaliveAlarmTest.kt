package im.snapback.android

import android.app.AlarmManager
import android.app.Application
import android.content.Context
import android.content.Intent
import android.os.SystemClock
import im.snapback.ConnectionState
import im.snapback.Event
import im.snapback.OfflineReason
import im.snapback.SnapbackClient
import im.snapback.TestServer
import im.snapback.on
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
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
@Config(sdk = [34], manifest = Config.NONE)
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
        ring()
        assertEquals(listOf("one", "two"), probed)
        // The next one.
        assertEquals(1, alarms.scheduledAlarms.size)
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
                    val state = client.state.value
                    assertTrue("$state", state is ConnectionState.Offline && state.reason == OfflineReason.SUSPENDED)
                    client.shutdown()
                }
            }
        }
}
