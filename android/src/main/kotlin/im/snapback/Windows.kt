package im.snapback

import java.util.Collections
import java.util.IdentityHashMap

/** The windows (activities) of the process between their start and their stop. */
internal class Windows {
    private val started: MutableSet<Any> = Collections.newSetFromMap(IdentityHashMap())
    private val followers = mutableListOf<ForegroundTracker>()

    @Synchronized
    fun started(window: Any) {
        if (started.add(window) && started.size == 1) followers.forEach { it.arrived() }
    }

    /** One of which nobody reported the start is possible: it started before this began to count. */
    @Synchronized
    fun stopped(window: Any) {
        started.remove(window)
        if (started.isEmpty()) followers.forEach { it.left() }
    }

    /** Tells [follower] how it is now, and then whenever the first window starts and the last one stops. */
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
