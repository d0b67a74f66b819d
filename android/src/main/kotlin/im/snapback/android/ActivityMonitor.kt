package im.snapback.android

import android.app.Activity
import android.app.Application
import android.os.Bundle
import im.snapback.ForegroundTracker

/** Counts the windows of the app that can be seen. */
internal class ActivityMonitor(
    private val application: Application,
    private val tracker: ForegroundTracker,
) : AutoCloseable {
    private val callbacks =
        object : Application.ActivityLifecycleCallbacks {
            override fun onActivityStarted(activity: Activity) = tracker.started()

            override fun onActivityStopped(activity: Activity) = tracker.stopped()

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

    override fun close(): Unit = application.unregisterActivityLifecycleCallbacks(callbacks)
}
