package im.snapback.android

import kotlin.time.Duration

/** What [DeviceCheck] examines, in this order. */
public enum class DeviceAspect {
    /** The native library is loaded, and the certificate verifier initialized. */
    LIBRARY,

    /** A secret is written to the Android Keystore's vault, read and deleted. */
    VAULT,

    /** The default network, as the system describes it. */
    NETWORK,

    /** Private DNS on that network. */
    PRIVATE_DNS,

    /** The names of the server are resolved. */
    RESOLVER,

    /** An address of the server accepts a connection. */
    CONNECTION,

    /** The server's certificate is accepted. */
    CERTIFICATE,

    /** The login succeeds. */
    LOGIN,

    /** The session is resumed after the connection and the file were closed. */
    SUSPEND_AND_RESUME,
}

/** The result of one check. */
public enum class DeviceVerdict {
    PASSED,
    FAILED,

    /** It was not examined, since something before it failed, or was not asked for. */
    SKIPPED,
}

/** What was found about one aspect. */
public class DeviceFinding internal constructor(
    public val aspect: DeviceAspect,
    public val verdict: DeviceVerdict,
    /** What was found, in English. It contains no name, address or secret. */
    public val detail: String,
    /** The time that the check took. */
    public val took: Duration,
) {
    override fun toString(): String = "$verdict $aspect: $detail (${took.inWholeMilliseconds} ms)"
}

/** The result of [DeviceCheck.run]. */
public class DeviceReport internal constructor(
    /** What the system says about itself and the app: its version, battery and data settings. */
    public val facts: Map<String, String>,
    /** One for each [DeviceAspect]. */
    public val findings: List<DeviceFinding>,
) {
    /** Whether nothing failed. */
    public val hasPassed: Boolean get() = findings.none { it.verdict == DeviceVerdict.FAILED }

    /**
     * Returns the report as text, for a bug report. It contains no JID, host name, address, password or token, so that the user can
     * send it.
     */
    public fun toText(): String =
        (facts.map { (name, value) -> "$name: $value" } + findings.map { it.toString() }).joinToString("\n", postfix = "\n")

    override fun toString(): String = toText()
}
