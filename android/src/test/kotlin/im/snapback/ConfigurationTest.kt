package im.snapback

import im.snapback.ffi.LoginPolicy
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Each setting reaches the core under its own name. */
class ConfigurationTest {
    private val off =
        LoginPolicy(
            allowPlain = false,
            requireChannelBinding = false,
            earlyData = false,
            fastOpen = false,
            postQuantum = PostQuantum.OFF,
            allowUnboundTokens = false,
        )

    private fun policy(block: Configuration.LoginPolicy.() -> Unit): LoginPolicy =
        Configuration().apply { login(block) }.toCore(JULIET).policy

    @Test
    fun `a setting of the login policy changes nothing else`() {
        assertEquals(off, policy {})
        assertEquals(off.copy(allowPlain = true), policy { allowPlain = true })
        assertEquals(off.copy(requireChannelBinding = true), policy { requireChannelBinding = true })
        assertEquals(off.copy(earlyData = true), policy { earlyData = true })
        assertEquals(off.copy(fastOpen = true), policy { fastOpen = true })
        assertEquals(off.copy(postQuantum = PostQuantum.PREFER), policy { postQuantum = PostQuantum.PREFER })
        assertEquals(off.copy(allowUnboundTokens = true), policy { allowUnboundTokens = true })
    }
}
