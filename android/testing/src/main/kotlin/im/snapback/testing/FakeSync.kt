package im.snapback.testing

import im.snapback.ffi.CallException
import im.snapback.ffi.Cancellation
import im.snapback.ffi.CoreBackgroundSync
import im.snapback.ffi.DrainOutcome
import im.snapback.ffi.DrainReport
import im.snapback.ffi.NoHandle
import kotlinx.coroutines.withTimeoutOrNull

/** A background sync of a fake client. */
internal class FakeSync(
    private val world: World,
    private val pipe: Pipe,
    private val mayBind: Boolean,
) : CoreBackgroundSync(NoHandle) {
    override suspend fun drain(timeoutMs: ULong): DrainReport {
        world.scripted()
        val before = world.received
        val offline = world.syncBegins(mayBind)
        if (offline != null) return DrainReport(DrainOutcome.Offline(offline), 0u, false, null)
        val isComplete =
            withTimeoutOrNull(timeoutMs.toLong()) {
                world.awaitSession(timeoutMs.toLong()) { CallException.Closed() }.also { pipe.awaitTaken() }
            }
        val outcome = if (isComplete == true) DrainOutcome.Complete else DrainOutcome.TimedOut
        return DrainReport(outcome, (world.received - before).toUInt(), false, world.session)
    }

    override suspend fun drainUntil(
        timeoutMs: ULong,
        cancellation: Cancellation,
    ): DrainReport? = drain(timeoutMs)

    override suspend fun end(): Unit = world.syncEnds()
}
