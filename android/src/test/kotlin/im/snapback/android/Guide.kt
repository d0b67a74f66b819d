@file:Suppress("unused")

package im.snapback.android

import android.app.Activity
import android.app.Application
import android.app.Notification
import android.app.Service
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.os.Build
import android.os.Bundle
import android.os.IBinder
import android.util.Log
import androidx.work.CoroutineWorker
import androidx.work.ExistingWorkPolicy
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.OutOfQuotaPolicy
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import com.google.firebase.messaging.FirebaseMessagingService
import com.google.firebase.messaging.RemoteMessage
import im.snapback.Credentials
import im.snapback.DrainOutcome
import im.snapback.Event
import im.snapback.Jid
import im.snapback.Snapback
import im.snapback.SnapbackClient
import im.snapback.testing.ChatViewModel
import im.snapback.testing.FakeSnapback
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.UnconfinedTestDispatcher
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/* The examples of android/README.md, which are compiled here; `cargo xtask kotlin` checks that both are the same. */

internal suspend fun firstMessage(
    context: Context,
    password: String?,
) {
    // GUIDE
    val client = SnapbackAndroid.open(context, "juliet@example.org", password)
    client.connect()
    client.send("romeo@example.net", "Wherefore art thou?")
    client.events.collect { event ->
        when (event) {
            is Event.Message -> Log.d("chat", "${event.message.from}: ${event.message.body}")
            is Event.Ended -> if (event.needsCredentials) client.setPassword(askUser())
            else -> Unit
        }
        if (event is Event.Delivery) event.confirm() // or it comes again
    }
    // GUIDE
}

private fun askUser(): String = ""

// GUIDE
class ChatApp : Application() {
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /** One client for the account, until the process ends. */
    val client: Deferred<SnapbackClient> =
        scope.async(start = CoroutineStart.LAZY) {
            val client = SnapbackAndroid.open(this@ChatApp, "juliet@example.org", null, pauseInBackgroundAfter = 1.minutes)
            scope.launch { client.events.collect(::handle) }
            client
        }

    override fun onCreate() {
        super.onCreate()
        Snapback.log { Log.i("snapback", it.toString()) }
    }

    private fun handle(event: Event) {
        // Store it first.
        if (event is Event.Delivery) event.confirm()
    }
}

class ChatActivity : Activity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        val app = application as ChatApp
        app.scope.launch { app.client.await().connect() }
    }
}
// GUIDE

// GUIDE
suspend fun enablePush(
    client: SnapbackClient,
    service: Jid,
    node: String,
) {
    client.push.enable(service, node)
}
// GUIDE

// GUIDE
class PushService : FirebaseMessagingService() {
    override fun onMessageReceived(message: RemoteMessage) {
        val request =
            OneTimeWorkRequestBuilder<PushWorker>()
                .setExpedited(OutOfQuotaPolicy.RUN_AS_NON_EXPEDITED_WORK_REQUEST)
                .build()
        WorkManager.getInstance(this).enqueueUniqueWork("push", ExistingWorkPolicy.KEEP, request)
    }
}

class PushWorker(
    context: Context,
    parameters: WorkerParameters,
) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val client = (applicationContext as ChatApp).client.await()
        return if (client.drain(20.seconds, mayBind = true).outcome == DrainOutcome.TimedOut) Result.retry() else Result.success()
    }
}
// GUIDE

// GUIDE
class ConnectionService : Service() {
    override fun onStartCommand(
        intent: Intent?,
        flags: Int,
        startId: Int,
    ): Int {
        val app = application as ChatApp
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            startForeground(1, notification(), ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE)
        } else {
            startForeground(1, notification())
        }
        SnapbackAndroid.setAlarmKeepalive(this, 15.minutes)
        app.scope.launch { app.client.await().connect() }
        return START_STICKY
    }

    override fun onDestroy() = SnapbackAndroid.setAlarmKeepalive(this, null)

    private fun notification(): Notification = Notification.Builder(this, "connection").build()

    override fun onBind(intent: Intent?): IBinder? = null
}
// GUIDE

internal suspend fun remove(
    context: Context,
    client: SnapbackClient,
) {
    // GUIDE
    client.logOut() // the server forgets the token
    client.shutdown()
    SnapbackAndroid.removeAccount(context, "juliet@example.org")
    // GUIDE
}

internal suspend fun check(context: Context) {
    // GUIDE
    val report = DeviceCheck.run(context, "juliet@example.org", Credentials.stored())
    Log.i("chat", report.toText())
    // GUIDE
}

@OptIn(ExperimentalCoroutinesApi::class)
internal class GuideTest {
    // GUIDE
    @Test
    fun `what is written without a connection is sent after it`() = runTest(UnconfinedTestDispatcher()) {
        FakeSnapback("juliet@example.org", UnconfinedTestDispatcher(testScheduler)).use { fake ->
            val chat = ChatViewModel(fake.client, "romeo@example.net", backgroundScope)
            fake.client.connect()
            fake.goOnline()
            fake.receive("romeo@example.net", "Wherefore art thou?")
            assertEquals(listOf("romeo@example.net: Wherefore art thou?"), chat.lines.value)
            fake.cut()
            val id = chat.write("Here.")
            assertEquals("waiting", chat.marks.value[id])
            fake.resume()
            assertEquals("at the server", chat.marks.value[id])
            assertEquals(listOf("Here."), fake.sent.map { it.body })
        }
    }
    // GUIDE
}
