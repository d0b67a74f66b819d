package im.snapback

import im.snapback.ffi.CallException
import im.snapback.ffi.CoreClientInterface
import im.snapback.ffi.IqException
import im.snapback.ffi.KeyException
import im.snapback.ffi.PushException
import im.snapback.ffi.SendException
import im.snapback.ffi.ServiceException
import kotlinx.coroutines.CancellationException
import java.util.concurrent.atomic.AtomicBoolean

/** Calls of the core: none after the client was closed, and with the exceptions of this package. */
internal class Calls(
    private val core: CoreClientInterface,
) {
    private val closed = AtomicBoolean(false)

    val isClosed: Boolean get() = closed.get()

    /** Ends all later calls; returns `false` if that was done before. */
    fun close(): Boolean = closed.compareAndSet(false, true)

    /** Waits for the core's next request to the app; returns `null` once the client is closed. */
    suspend fun <T> next(what: suspend CoreClientInterface.() -> T?): T? = if (closed.get()) null else core.what()

    /** Calls a function of the core that has no result; does nothing once the client is closed. */
    fun tell(what: CoreClientInterface.() -> Unit) {
        if (closed.get()) return
        try {
            core.what()
        } catch (error: IllegalStateException) {
            if (!closed.get()) throw error
        }
    }

    /** Calls a function of the core, and converts its exceptions to those of this package. */
    suspend fun <T> call(what: suspend CoreClientInterface.() -> T): T {
        if (closed.get()) throw SnapbackException.Closed()
        try {
            return core.what()
        } catch (error: CancellationException) {
            throw error
        } catch (error: IllegalStateException) {
            // The object was destroyed between the check above and the call.
            if (closed.get()) throw SnapbackException.Closed()
            throw error
        } catch (error: CallException) {
            throw SnapbackException.of(error)
        } catch (error: SendException) {
            throw SnapbackException.of(error)
        } catch (error: IqException) {
            throw SnapbackException.of(error)
        } catch (error: KeyException) {
            throw error.toSnapbackException()
        } catch (error: PushException) {
            throw error.toSnapbackException()
        } catch (error: ServiceException) {
            throw error.toSnapbackException()
        }
    }
}
