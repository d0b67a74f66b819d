package im.snapback

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlin.time.Duration.Companion.milliseconds

/**
 * Collects the callbacks of the platform about its default network, and reports the network to the client once.
 *
 * A network counts as available if it has internet access, has no captive portal, and is not blocked for this app. It
 * need not be validated: in some countries Android never validates a network, and an attempt costs little.
 */
internal class NetworkTracker(
    private val scope: CoroutineScope,
    private val deliver: (NetworkState) -> Unit,
    /** Private DNS changed and nothing else: validation of a name server takes a while, and is no reason to reconnect. */
    private val deliverNameSettings: (NetworkState) -> Unit,
) {
    private var network: Any? = null
    private var facts = Facts()
    private var reported: Pair<Any?, NetworkState>? = null
    private var settling: Job? = null

    /** What is known about a network; `null` means not yet known. */
    data class Facts(
        val hasInternet: Boolean? = null,
        /** What carries it. Those of a VPN are those of the network below it, too. */
        val transports: Set<Int>? = null,
        val isValidated: Boolean = false,
        val isPortal: Boolean = false,
        val isBlocked: Boolean? = null,
        val nameServers: List<String>? = null,
        val privateDns: PrivateDns? = null,
    ) {
        val areComplete: Boolean get() = hasInternet != null && isBlocked != null && nameServers != null
    }

    /** Records a fact about this network. For another network than before, the facts known so far are discarded. */
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
        // Android has just reached the internet through this network, so a new attempt may succeed; or the network below a VPN is
        // another one, so that a connection through it may be dead. Either is reported again.
        val isValidatedNow = facts.isValidated && !before.isValidated
        val isCarriedOtherwise = before.transports != null && facts.transports != before.transports
        val again = !isOther && (isValidatedNow || isCarriedOtherwise)
        if (facts.areComplete) report(again) else settle()
    }

    /** Records that this network is gone. */
    @Synchronized
    fun lost(network: Any) {
        if (network == this.network) none()
    }

    /** Records that there is no network. */
    @Synchronized
    fun none() {
        network = null
        facts = Facts(hasInternet = false)
        report(again = false)
    }

    /** Waits for the facts that are missing. After [FOR_ALL_PIECES], the network is reported without them. */
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
        val state = NetworkState(isThere, facts.nameServers.orEmpty(), facts.privateDns)
        val before = reported
        if (!again && before == network to state) return
        reported = network to state
        val isSame = before?.first == network && before?.second?.copy(privateDns = state.privateDns) == state
        if (isSame && !again) deliverNameSettings(state) else deliver(state)
    }

    private companion object {
        /** Android sends all facts within milliseconds; this bounds the wait for one that it never sends. */
        val FOR_ALL_PIECES = 500.milliseconds
    }
}
