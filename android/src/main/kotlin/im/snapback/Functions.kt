package im.snapback

import im.snapback.ffi.XmlElement
import im.snapback.ffi.SubscriptionNotice as CoreNotice
import im.snapback.ffi.Jid as CoreJid

/** The functions of the native library that belong to no client and that apps need to build and to read what they send and receive. */
internal interface Functions {
    /** Throws [im.snapback.ffi.JidProblem]. */
    fun parseJid(text: String): CoreJid

    /** Throws [im.snapback.ffi.XmlProblem]. */
    fun parseElement(xml: String): XmlElement

    /** The same for what the core has written. */
    fun parseReceivedElement(xml: String): XmlElement

    /** Throws [im.snapback.ffi.XmlProblem]. */
    fun writeElement(element: XmlElement): String

    fun clientNamespace(): String

    fun escapeXml(text: String): String

    fun notifyFeature(node: String): String

    fun subscriptionNotice(presence: String): CoreNotice?

    companion object {
        /** What is called instead, as long as the native library is not loaded: only `snapback-testing` sets it. */
        @Volatile
        var standIn: Functions? = null

        val current: Functions get() = standIn?.takeUnless { NativeLibrary.isUsable } ?: Native
    }

    /** Those of the library, which is loaded for the first call. */
    object Native : Functions {
        override fun parseJid(text: String): CoreJid = native { im.snapback.ffi.parseJid(text) }

        override fun parseElement(xml: String): XmlElement = native { im.snapback.ffi.parseElement(xml) }

        override fun parseReceivedElement(xml: String): XmlElement = im.snapback.ffi.parseReceivedElement(xml)

        override fun writeElement(element: XmlElement): String = native { im.snapback.ffi.writeElement(element) }

        override fun clientNamespace(): String = native { im.snapback.ffi.clientNamespace() }

        override fun escapeXml(text: String): String = native { im.snapback.ffi.escapeXml(text) }

        override fun notifyFeature(node: String): String = native { im.snapback.ffi.notifyFeature(node) }

        override fun subscriptionNotice(presence: String): CoreNotice? = im.snapback.ffi.subscriptionNotice(presence)
    }
}
