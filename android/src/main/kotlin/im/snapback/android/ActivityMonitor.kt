package im.snapback.android

import android.app.Activity
import android.app.ActivityManager
import android.app.ActivityManager.RunningAppProcessInfo
import android.app.Application
import android.os.Bundle
import im.snapback.ForegroundTracker
import im.snapback.Windows
import kotlinx.coroutines.CoroutineScope
import kotlin.time.Duration

/** Reports to a client when the app moves to the foreground or the background, and pauses it in the background. */
internal class ActivityMonitor(
    application: Application,
    client: ForegroundTracker.Client,
    scope: CoroutineScope,
    pauseAfter: Duration?,
) : AutoCloseable {
    private val tracker = ForegroundTracker(client, scope, pauseAfter, Activities::hasUncounted)

    init {
        Activities.count(application, isFirst = false)
        Activities.windows.follow(tracker)
    }

    override fun close(): Unit = Activities.windows.unfollow(tracker)
}

/** Counts the activities of the process. */
internal object Activities {
    val windows = Windows()

    private var counted: Application? = null
    private var isComplete = false

    private val callbacks =
        object : Application.ActivityLifecycleCallbacks {
            override fun onActivityStarted(activity: Activity) = windows.started(activity)

            override fun onActivityStopped(activity: Activity) = windows.stopped(activity)

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

    /**
     * Counts the activities of [application] from now on.
     *
     * @param isFirst whether no activity can have started before.
     */
    @Synchronized
    fun count(
        application: Application,
        isFirst: Boolean,
    ) {
        if (counted === application) return
        counted = application
        isComplete = isFirst
        application.registerActivityLifecycleCallbacks(callbacks)
    }

    /**
     * Returns whether an activity may be visible that started before the counting; the system only reports the process's
     * importance.
     */
    fun hasUncounted(): Boolean {
        if (synchronized(this) { isComplete }) return false
        val process = RunningAppProcessInfo().also(ActivityManager::getMyMemoryState)
        return process.importance == RunningAppProcessInfo.IMPORTANCE_FOREGROUND
    }
}
