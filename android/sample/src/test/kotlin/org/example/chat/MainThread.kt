@file:Suppress("DEPRECATION", "removal")

package org.example.chat

import java.security.Permission

/**
 * What StrictMode reports on a phone: files, preferences and connections that the app or the library uses on the main thread,
 * which is the one that creates this. Robolectric's StrictMode detects none of them, but a JVM asks its security manager about
 * each. Native code is not seen.
 */
internal class MainThread : SecurityManager(), AutoCloseable {
    private val main = Thread.currentThread()
    private val before = System.getSecurityManager()
    private val noted = java.util.ArrayList<Throwable>()

    /** What was done, and by which function. */
    val blocked: List<String> get() = noted.mapNotNull { at -> blocker(at.stackTrace)?.let { "$it ${at.message}" } }.distinct()

    init {
        // Once before, so that the classes that it needs are loaded.
        checkRead("nothing")
        noted.clear()
        System.setSecurityManager(this)
    }

    override fun close() = System.setSecurityManager(before)

    override fun checkPermission(permission: Permission) = Unit

    override fun checkPermission(
        permission: Permission,
        context: Any,
    ) = Unit

    override fun checkRead(file: String) = note("reads $file")

    override fun checkWrite(file: String) = note("writes $file")

    override fun checkDelete(file: String) = note("deletes $file")

    override fun checkConnect(
        host: String,
        port: Int,
    ) = note("connects to $host")

    override fun checkLink(library: String) = note("loads $library")

    /** Called while classes are loaded, so that it must not need another class. */
    private fun note(what: String) {
        if (Thread.currentThread() === main) noted.add(Throwable(what))
    }

    private fun blocker(stack: Array<StackTraceElement>): String? {
        val frames = stack.map { it.className + "." + it.methodName }
        // Phones keep classes and resources in the app's package, which is in memory.
        if (frames.any { frame -> PACKAGED.any(frame::startsWith) }) return null
        return frames.firstOrNull { frame -> APP.any(frame::startsWith) && TESTS.none(frame::startsWith) }
    }

    private companion object {
        val APP = listOf("org.example.chat.", "im.snapback.")
        val TESTS = listOf("org.example.chat.ChatActivityTest", "org.example.chat.MainThread", "org.example.chat.Server")
        val PACKAGED = listOf("java.lang.ClassLoader.", "java.net.URLClassLoader.", "org.robolectric.res", "org.robolectric.internal")
    }
}
