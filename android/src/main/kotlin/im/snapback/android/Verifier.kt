package im.snapback.android

import android.content.Context

/** The native side of the certificate verifier. `bindings/src/android.rs` refers to this class by its name. */
internal object Verifier {
    private val isLoaded: Boolean by lazy {
        // JNA also opens the library, but does not bind functions that are declared `external`.
        System.loadLibrary("snapback_ffi")
        true
    }

    /** @throws LinkageError if the library is missing or another one. */
    fun initialized(context: Context): Boolean = isLoaded && initialize(context)

    @JvmStatic
    private external fun initialize(context: Context): Boolean
}
