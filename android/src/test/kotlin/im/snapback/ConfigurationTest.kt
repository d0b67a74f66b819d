package im.snapback

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Each setting reaches the core under its own name. */
class ConfigurationTest {
    private val off = listOf(false, false, false, false, PostQuantum.OFF, false)

    private fun policy(block: Configuration.LoginPolicy.() -> Unit): List<Any> =
        Configuration().apply { login(block) }.toCore(JULIET).policy.run {
            listOf(allowPlain, requireChannelBinding, earlyData, fastOpen, postQuantum, allowUnboundTokens)
        }

    private fun off(
        but: Int,
        value: Any,
    ): List<Any> = off.mapIndexed { index, before -> if (index == but) value else before }

    @Test
    fun `a setting of the login policy changes nothing else`() {
        assertEquals(off, policy {})
        assertEquals(off(0, true), policy { allowPlain = true })
        assertEquals(off(1, true), policy { requireChannelBinding = true })
        assertEquals(off(2, true), policy { earlyData = true })
        assertEquals(off(3, true), policy { fastOpen = true })
        assertEquals(off(4, PostQuantum.PREFER), policy { postQuantum = PostQuantum.PREFER })
        assertEquals(off(5, true), policy { allowUnboundTokens = true })
    }
}
