package im.snapback.android

import android.app.AlarmManager
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.os.SystemClock
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * One alarm for all clients of the process, after which each probes its connection. It exists as long as an interval is set and
 * there is a client, so that a process without clients is not woken.
 */
internal object KeepaliveAlarm {
    private val probes = mutableSetOf<Probe>()
    private var context: Context? = null
    private var interval: Duration? = null

    /** Sets the interval; `null` ends the alarm. */
    @Synchronized
    fun set(
        context: Context,
        interval: Duration?,
    ) {
        require(interval == null || interval >= 1.minutes) { "too short: $interval" }
        this.context = context
        this.interval = interval
        schedule()
    }

    /** Calls [probe] after each alarm, until the result is closed. */
    @Synchronized
    fun follow(probe: () -> Unit): AutoCloseable {
        val followed = Probe(probe)
        probes += followed
        if (probes.size == 1) schedule()
        return followed
    }

    /** Probes all clients, and sets the next alarm. Returns whether there was a client. */
    fun rang(): Boolean {
        val due = synchronized(this) { probes.toList().also { schedule() } }
        due.forEach { it.call() }
        return due.isNotEmpty()
    }

    @Synchronized
    private fun remove(probe: Probe) {
        if (probes.remove(probe) && probes.isEmpty()) schedule()
    }

    /** Sets the alarm, in place of an earlier one, or cancels it. */
    private fun schedule() {
        val context = context ?: return
        val alarms = context.getSystemService(Context.ALARM_SERVICE) as AlarmManager
        val intent = Intent(context, KeepaliveReceiver::class.java)
        val flags = PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT
        val pending = PendingIntent.getBroadcast(context, 0, intent, flags)
        val interval = interval
        if (interval == null || probes.isEmpty()) return alarms.cancel(pending)
        val at = SystemClock.elapsedRealtime() + interval.inWholeMilliseconds
        alarms.setAndAllowWhileIdle(AlarmManager.ELAPSED_REALTIME_WAKEUP, at, pending)
    }

    private class Probe(val call: () -> Unit) : AutoCloseable {
        override fun close() = remove(this)
    }
}

/**
 * Receives the alarm. It is in the manifest: a receiver that is registered at run time gets nothing while Android caches the
 * process. In a process that has just been started for it there is no client, and nothing happens.
 */
internal class KeepaliveReceiver : BroadcastReceiver() {
    override fun onReceive(
        context: Context,
        intent: Intent,
    ) {
        if (!KeepaliveAlarm.rang()) return
        // The system keeps the processor awake until the broadcast is finished, so that the response can arrive.
        val result: PendingResult? = goAsync()
        CoroutineScope(Dispatchers.Default).launch {
            delay(AWAKE)
            result?.finish()
        }
    }

    private companion object {
        /** The default timeout of a probe and the time to begin a reconnect; less than the ten seconds that a receiver has. */
        val AWAKE = 8.seconds
    }
}
