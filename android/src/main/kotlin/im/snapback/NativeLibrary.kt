package im.snapback

import im.snapback.ffi.setLogSink
import im.snapback.ffi.uniffiEnsureInitialized
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import kotlin.concurrent.thread
import im.snapback.ffi.LogSink as CoreSink

/**
 * The native library of the process. JNA and the library are loaded once, which takes a part of a second on a slow device; a
 * process in which that failed cannot try again.
 */
internal object NativeLibrary {
    private val failure: SnapbackException.NativeLibrary? by lazy(::tryToLoad)

    @Volatile
    private var isPreloading = false

    /** Whether loading has ended, so that [load] does not block. */
    @Volatile
    var isLoaded = false
        private set

    /** Whether the library was loaded, and can be called. */
    val isUsable: Boolean get() = isLoaded && failure == null

    /**
     * Loads the library, or waits until another thread has loaded it. Returns at once after the first time.
     *
     * @throws SnapbackException.NativeLibrary if it cannot be loaded.
     */
    fun load() {
        failure?.let { throw SnapbackException.NativeLibrary(it.detail, it.cause) }
    }

    /** Suspends until the library is loaded: as [load], but without blocking, since the first call may be on the main thread. */
    suspend fun awaitLoaded() {
        if (!isLoaded) withContext(Dispatchers.IO) { failure }
        load()
    }

    /** Starts to load the library on a thread of its own. A failure is reported by the next call of [load]. */
    fun preload() {
        if (isLoaded || isPreloading) return
        isPreloading = true
        thread(name = "snapback-load", isDaemon = true) { failure }
    }

    /** Runs [work], and converts its exceptions about libraries that cannot be used. */
    inline fun <T> checked(work: () -> T): T =
        try {
            work()
        } catch (error: LinkageError) {
            // The library is missing, lacks a function, or is one for another architecture or of another version.
            throw SnapbackException.NativeLibrary(detailOf(error), error)
        }

    private fun tryToLoad(): SnapbackException.NativeLibrary? {
        val failure =
            try {
                checked(::uniffiEnsureInitialized)
                null
            } catch (error: SnapbackException.NativeLibrary) {
                error
            }
        isLoaded = true
        if (failure == null) LogSinks.ready()
        return failure
    }

    /** The first line that says something: the error of a class initializer says nothing itself. */
    fun detailOf(error: Throwable): String =
        generateSequence(error) { it.cause }.firstNotNullOfOrNull { it.message?.lineSequence()?.firstOrNull() }
            ?: error.javaClass.simpleName
}

/** Calls a function of the native library that belongs to no client, and loads the library before. */
internal inline fun <T> native(call: () -> T): T {
    NativeLibrary.load()
    return call()
}

/** The receiver of log records. It is set without the native library, and handed over when that is loaded. */
internal object LogSinks {
    private var sink: CoreSink? = null
    private var isReady = false

    @Synchronized
    fun set(sink: CoreSink?) {
        this.sink = sink
        if (isReady) setLogSink(sink)
    }

    @Synchronized
    fun ready() {
        isReady = true
        sink?.let(::setLogSink)
    }
}
