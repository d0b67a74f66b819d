package im.snapback.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import android.os.Process
import im.snapback.ForegroundTracker
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import kotlin.time.Duration.Companion.seconds

/** Activities start and stop, before and after a client is opened. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 34], manifest = Config.NONE)
class ActivityMonitorTest {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val reported = mutableListOf<String>()
    private val open = mutableListOf<ActivityController<Activity>>()
    private var monitor: ActivityMonitor? = null

    private val client =
        object : ForegroundTracker.Client {
            override fun setForeground(foreground: Boolean) {
                reported += if (foreground) "foreground" else "background"
            }

            override suspend fun pause() = Unit

            override fun resume() = Unit
        }

    private fun TestScope.openClient() {
        monitor = ActivityMonitor(application, client, backgroundScope, null)
        runCurrent()
    }

    private fun activity() = Robolectric.buildActivity(Activity::class.java).setup().also { open += it }

    private fun ActivityController<Activity>.leave() {
        pause().stop()
        open -= this
    }

    private fun looksAtUs(value: Boolean) {
        val process = RunningAppProcessInfo()
        process.pid = Process.myPid()
        process.importance =
            if (value) RunningAppProcessInfo.IMPORTANCE_FOREGROUND else RunningAppProcessInfo.IMPORTANCE_CACHED
        shadowOf(application.getSystemService(ActivityManager::class.java)).setProcesses(listOf(process))
    }

    /** Creates the content provider, as Android does before everything else in an app. */
    private fun startProcess() {
        Robolectric.buildContentProvider(ActivityCounter::class.java).create()
    }

    @After
    fun leaveAll() {
        open.toList().forEach { it.leave() }
        monitor?.close()
    }

    @Test
    fun `a client that is opened before the first window goes to the background with the last one`() =
        runTest {
            startProcess()
            looksAtUs(true)
            openClient()
            val main = activity()
            advanceTimeBy(10.seconds)
            assertEquals(listOf("foreground"), reported)
            main.leave()
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a client is opened without the counter`() =
        runTest {
            looksAtUs(true)
            openClient()
            val main = activity()
            advanceTimeBy(10.seconds)
            main.leave()
            looksAtUs(false)
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a dialog that closes above a window is not reported, both older than the client`() =
        runTest {
            startProcess()
            val main = activity()
            main.pause()
            val dialog = activity()
            openClient()
            dialog.leave()
            main.resume()
            advanceTimeBy(10.seconds)
            assertEquals(listOf("foreground"), reported)
            main.leave()
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a dialog that closes above a window is not reported without the counter`() =
        runTest {
            val main = activity()
            main.pause()
            val dialog = activity()
            looksAtUs(true)
            openClient()
            dialog.leave()
            advanceTimeBy(10.seconds)
            assertEquals(listOf("foreground"), reported)
            main.leave()
            looksAtUs(false)
            advanceTimeBy(1.seconds)
            assertEquals(listOf("foreground", "background"), reported)
        }

    @Test
    fun `a rotation is not reported`() =
        runTest {
            startProcess()
            val main = activity()
            openClient()
            repeat(3) {
                main.recreate()
                advanceTimeBy(2.seconds)
            }
            assertEquals(listOf("foreground"), reported)
        }

    @Test
    fun `a process that a push has started is in the background, whatever its importance`() =
        runTest {
            startProcess()
            looksAtUs(true)
            openClient()
            advanceTimeBy(1.seconds)
            assertEquals(listOf("background"), reported)
        }
}
