package im.snapback.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import android.os.Bundle
import im.snapback.ForegroundTracker
import im.snapback.SnapbackClient
import kotlin.time.Duration

/** Follows the windows of the app that can be seen. */
internal class ActivityMonitor(
    private val application: Application,
    client: SnapbackClient,
    pauseAfter: Duration?,
) : AutoCloseable {
    // A client is often opened by a window that is up by then.
    private val tracker = ForegroundTracker(client.asTracked, client.pumpScope, pauseAfter, isLookedAt())

    private val callbacks =
        object : Application.ActivityLifecycleCallbacks {
            override fun onActivityStarted(activity: Activity) = tracker.started(activity)

            override fun onActivityStopped(activity: Activity) = tracker.stopped(activity)

            override fun onActivityCreated(
                activity: Activity,
                state: Bundle?,
            ) = Unit

            override fun onActivityResumed(activity: Activity) = Unit

            override fun onActivityPaused(activity: Activity) = Unit

            override fun onActivitySaveInstanceState(
                activity: Activity,
                state: Bundle,
            ) = Unit

            override fun onActivityDestroyed(activity: Activity) = Unit
        }

    init {
        application.registerActivityLifecycleCallbacks(callbacks)
    }

    private fun isLookedAt(): Boolean {
        val process = RunningAppProcessInfo().also(ActivityManager::getMyMemoryState)
        return process.importance == RunningAppProcessInfo.IMPORTANCE_FOREGROUND
    }

    override fun close(): Unit = application.unregisterActivityLifecycleCallbacks(callbacks)
}
