package im.snapback.android

/** The accounts whose files are in use by clients of this process, by the names of their files. */
internal object OpenAccounts {
    private val uses = mutableMapOf<String, Int>()

    /** Records that a client uses the files, until the result is closed. */
    @Synchronized
    fun use(name: String): AutoCloseable {
        uses[name] = (uses[name] ?: 0) + 1
        return Use(name)
    }

    @Synchronized
    fun isOpen(name: String): Boolean = name in uses

    @Synchronized
    private fun end(name: String) {
        val left = (uses[name] ?: 0) - 1
        if (left > 0) uses[name] = left else uses -= name
    }

    private class Use(private val name: String) : AutoCloseable {
        private var isEnded = false

        @Synchronized
        override fun close() {
            if (!isEnded) end(name)
            isEnded = true
        }
    }
}
