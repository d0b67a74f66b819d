package org.example.chat

import android.app.job.JobParameters
import android.app.job.JobService
import im.snapback.SnapbackException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch

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
                        (application as ChatApp).chat()?.fetch() ?: false
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
