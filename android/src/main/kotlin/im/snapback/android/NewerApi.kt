package im.snapback.android

/** Calls API of this level, which is newer than the oldest that the library supports: callers check the version first. */
@Target(AnnotationTarget.FUNCTION)
@Retention(AnnotationRetention.BINARY)
internal annotation class NewerApi(val level: Int)
