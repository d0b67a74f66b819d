@file:Suppress("DEPRECATION", "removal")

package org.example.chat

import java.io.File
import java.security.Permission

/**
 * What StrictMode reports on a phone: what the app or the library does on the main thread, which is the one that creates this, with
 * files of the app in [data], connections and native libraries. Robolectric's StrictMode detects none of it, but a JVM asks its
 * security manager about each. What native code does is not seen.
 */
internal class MainThread(data: File) : SecurityManager(), AutoCloseable {
    private val data = data.path

    private val main = Thread.currentThread()
    private val before = System.getSecurityManager()
    private val noted = java.util.ArrayList<Throwable>()

    /** What was done, and by which function. */
    val blocked: List<String> get() = noted.mapNotNull { at -> blocker(at.stackTrace)?.let { "$it ${at.message}" } }.distinct()

    init {
        // Once before, so that the classes that it needs are loaded.
        checkRead(this.data)
        noted.clear()
        System.setSecurityManager(this)
    }

    override fun close() = System.setSecurityManager(before)

    override fun checkPermission(permission: Permission) = Unit

    override fun checkPermission(
        permission: Permission,
        context: Any,
    ) = Unit

    override fun checkRead(file: String) = noteFile("reads", file)

    override fun checkWrite(file: String) = noteFile("writes", file)

    override fun checkDelete(file: String) = noteFile("deletes", file)

    override fun checkConnect(
        host: String,
        port: Int,
    ) = note("connects to $host")

    override fun checkLink(library: String) {
        if (library.contains("snapback") || library.contains("jnidispatch")) note("loads $library")
    }

    private fun noteFile(
        what: String,
        file: String,
    ) {
        // Others are those of Robolectric and of the JVM. On a phone, classes and resources are in memory.
        if (file.startsWith(data)) note("$what $file")
    }

    /** Called while classes are loaded, so that it must not need another class. */
    private fun note(what: String) {
        if (Thread.currentThread() === main) noted.add(Throwable(what))
    }

    private fun blocker(stack: Array<StackTraceElement>): String? {
        val frames = stack.map { it.className + "." + it.methodName }
        return frames.firstOrNull { frame -> APP.any(frame::startsWith) && TESTS.none(frame::startsWith) }
    }

    private companion object {
        val APP = listOf("org.example.chat.", "im.snapback.")
        val TESTS = listOf("org.example.chat.ChatActivityTest", "org.example.chat.MainThread", "org.example.chat.Server")
    }
}
