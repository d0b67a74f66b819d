package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.milliseconds

/**
 * Turns what a platform says about its default network, in pieces, into what the client needs to know, once.
 *
 * A network counts as there if it leads to the internet, does not stand behind a portal, and is not blocked for this app. That
 * nobody has validated it yet does not count against it: some countries' networks never are, and trying costs little.
 */
internal class NetworkTracker(
    private val scope: CoroutineScope,
    private val tell: (NetworkState) -> Unit,
) {
    private var network: Any? = null
    private var facts = Facts()
    private var told: Pair<Any?, NetworkState>? = null
    private var settling: Job? = null

    /** What is known about a network; `null`: not yet. */
    data class Facts(
        val hasInternet: Boolean? = null,
        val isValidated: Boolean = false,
        val isPortal: Boolean = false,
        val isBlocked: Boolean? = null,
        val nameServers: List<String>? = null,
    ) {
        val areComplete: Boolean get() = hasInternet != null && isBlocked != null && nameServers != null
    }

    /** Something was said about this network. Another network than before is another beginning. */
    @Synchronized
    fun changed(
        network: Any,
        change: (Facts) -> Facts,
    ) {
        val isOther = network != this.network
        val before = if (isOther) Facts() else facts
        this.network = network
        facts = change(before)
        if (isOther) settled()
        // Validated means: somebody has just got through. That is the moment to try again.
        val again = !isOther && facts.isValidated && !before.isValidated
        if (facts.areComplete) report(again) else settle()
    }

    /** This network is gone. */
    @Synchronized
    fun lost(network: Any) {
        if (network == this.network) none()
    }

    /** There is no network. */
    @Synchronized
    fun none() {
        network = null
        facts = Facts(hasInternet = false)
        report(again = false)
    }

    /** The pieces come one after the other. Should one be missing, the others have to do. */
    private fun settle() {
        if (settling != null) return
        settling =
            scope.launch {
                delay(FOR_ALL_PIECES)
                incomplete()
            }
    }

    @Synchronized
    private fun incomplete() {
        if (!facts.areComplete) report(again = false)
    }

    private fun settled() {
        settling?.cancel()
        settling = null
    }

    private fun report(again: Boolean) {
        settled()
        val isThere = facts.hasInternet == true && !facts.isPortal && facts.isBlocked != true
        val state = NetworkState(isThere, facts.nameServers.orEmpty())
        if (!again && told == network to state) return
        told = network to state
        tell(state)
    }

    private companion object {
        /** Android sends them in one go, within milliseconds; this is for one that never comes. */
        val FOR_ALL_PIECES = 500.milliseconds
    }
}
