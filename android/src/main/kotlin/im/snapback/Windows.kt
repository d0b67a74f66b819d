package im.snapback

import java.util.Collections
import java.util.IdentityHashMap

/** The windows (activities) of the process that have started and not stopped. */
internal class Windows {
    private val started: MutableSet<Any> = Collections.newSetFromMap(IdentityHashMap())
    private val followers = mutableListOf<ForegroundTracker>()

    @Synchronized
    fun started(window: Any) {
        if (started.add(window) && started.size == 1) followers.forEach { it.arrived() }
    }

    /** Removes a window. Its start may not have been reported: it may have started before this began to count. */
    @Synchronized
    fun stopped(window: Any) {
        started.remove(window)
        if (started.isEmpty()) followers.forEach { it.left() }
    }

    /** Informs [follower] of the current state, and from then on when the first window starts and when the last one stops. */
    @Synchronized
    fun follow(follower: ForegroundTracker) {
        followers += follower
        if (started.isEmpty()) follower.left() else follower.arrived()
    }

    @Synchronized
    fun unfollow(follower: ForegroundTracker) {
        followers -= follower
    }
}
