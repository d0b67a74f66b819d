package im.snapback

/**
 * Turns what a platform says about its default network, in pieces, into what the client needs to know, once.
 *
 * A network counts as there if it leads to the internet and does not stand behind a portal. That nobody has validated it
 * yet does not count against it: some countries' networks never are, and trying costs little.
 */
internal class NetworkTracker(private val tell: (NetworkState) -> Unit) {
    private var network: Any? = null
    private var facts = Facts()
    private var told: Pair<Any?, NetworkState>? = null

    /** What is known about a network. */
    data class Facts(
        val hasInternet: Boolean = false,
        val isValidated: Boolean = false,
        val isPortal: Boolean = false,
        val isBlocked: Boolean = false,
        val nameServers: List<String> = emptyList(),
    )

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
        // Validated means: somebody has just got through. That is the moment to try again.
        report(again = !isOther && facts.isValidated && !before.isValidated)
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
        facts = Facts()
        report(again = false)
    }

    private fun report(again: Boolean) {
        val isThere = facts.hasInternet && !facts.isPortal && !facts.isBlocked
        val state = NetworkState(isThere, facts.nameServers)
        if (!again && told == network to state) return
        told = network to state
        tell(state)
    }
}
