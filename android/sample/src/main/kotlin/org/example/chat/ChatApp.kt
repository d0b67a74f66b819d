package org.example.chat

import android.app.Activity
import android.app.Application
import android.app.job.JobParameters
import android.app.job.JobService
import android.os.Bundle
import android.util.Log
import android.widget.TextView
import im.snapback.Jid
import im.snapback.Snapback
import im.snapback.SnapbackException
import im.snapback.android.SnapbackAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.minutes

/** Shows how an app keeps a client: one for each account, until the process ends. */
class ChatApp : Application() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    private val chat =
        scope.async(start = CoroutineStart.LAZY) {
            val client =
                SnapbackAndroid.open(
                    this@ChatApp,
                    "juliet@example.org",
                    "password",
                    pauseInBackgroundAfter = 1.minutes,
                ) {
                    identity { name = "Chat" }
                }
            Chat(client, Jid.parse("romeo@example.net"), scope)
        }

    override fun onCreate() {
        super.onCreate()
        Snapback.log { Log.i("snapback", it.toString()) }
    }

    suspend fun chat(): Chat = chat.await()
}

/** Shows the conversation. */
class ChatActivity : Activity() {
    private val scope = CoroutineScope(Dispatchers.Default)

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        val text = TextView(this).also(::setContentView)
        scope.launch {
            val chat = (application as ChatApp).chat()
            chat.connect()
            chat.lines.collect { lines ->
                val all = lines.joinToString("\n") { "${it.from}: ${it.text}" }
                runOnUiThread { text.text = all }
            }
        }
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }
}

/**
 * Runs after a push notification: fetches the waiting messages and pauses the client again, unless the user has opened the app.
 */
class PushJob : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var fetching: Job? = null

    override fun onStartJob(parameters: JobParameters): Boolean {
        fetching =
            scope.launch {
                val again =
                    try {
                        (application as ChatApp).chat().fetch()
                    } catch (_: SnapbackException) {
                        false
                    }
                jobFinished(parameters, again)
            }
        return true
    }

    override fun onStopJob(parameters: JobParameters): Boolean {
        fetching?.cancel()
        return true
    }
}
