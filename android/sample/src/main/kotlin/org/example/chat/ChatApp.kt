package org.example.chat

import android.app.Application
import android.app.job.JobParameters
import android.app.job.JobService
import android.util.Log
import im.snapback.DrainOutcome
import im.snapback.Jid
import im.snapback.Snapback
import im.snapback.SnapbackClient
import im.snapback.SnapbackException
import im.snapback.android.SnapbackAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** How an app holds a client: one for an account, as long as the process lives. */
class ChatApp : Application() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    private val client =
        scope.async(start = kotlinx.coroutines.CoroutineStart.LAZY) {
            SnapbackAndroid.open(
                this@ChatApp,
                "juliet@example.org",
                "password",
                pauseInBackgroundAfter = 1.minutes,
            ) {
                identity { name = "Chat" }
            }
        }

    override fun onCreate() {
        super.onCreate()
        Snapback.log { Log.i("snapback", it.toString()) }
    }

    suspend fun client(): SnapbackClient = client.await()

    suspend fun chat(): Chat = Chat(client(), Jid.parse("romeo@example.net"), scope)
}

/** A push came: fetch what is waiting, and sleep again. */
class PushJob : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var visit: Job? = null

    override fun onStartJob(parameters: JobParameters): Boolean {
        visit =
            scope.launch {
                val again =
                    try {
                        (application as ChatApp).client().drain(20.seconds) == DrainOutcome.TimedOut
                    } catch (_: SnapbackException) {
                        false
                    }
                jobFinished(parameters, again)
            }
        return true
    }

    override fun onStopJob(parameters: JobParameters): Boolean {
        visit?.cancel()
        return true
    }
}
