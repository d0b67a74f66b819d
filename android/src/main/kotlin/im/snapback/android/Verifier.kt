package im.snapback.android

import android.content.Context

/** The native side of the certificate verifier. `bindings/src/android.rs` knows this class by its name. */
internal object Verifier {
    private val isLoaded: Boolean by lazy {
        // JNA opens the library by itself, but does not bind the functions that Java calls by their names.
        System.loadLibrary("snapback_ffi")
        true
    }

    fun initialized(context: Context): Boolean = isLoaded && initialize(context)

    @JvmStatic
    private external fun initialize(context: Context): Boolean
}
